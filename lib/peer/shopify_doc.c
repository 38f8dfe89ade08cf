#include "peer/shopify.h"

#define INFO(name, root, list, proof, flags) { #name, root, list, proof, flags, &shopify_text_##name },
static const struct shopify_doc_info docs[] = { SHOPIFY_DOCS(INFO) };
#undef INFO

const struct shopify_doc_info *
shopify_doc(enum shopify_doc d)
{
	return &docs[d < SHOPIFY_DOC_COUNT ? d : 0];
}
