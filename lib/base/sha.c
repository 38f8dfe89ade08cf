#include "base/sha.h"

#include <openssl/evp.h>

int
sha_256(const void *p, size_t n, char out[65])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned k, i;

	if (EVP_Digest(p, n, md, &k, EVP_sha256(), NULL) != 1 || k != 32)
		return -1;
	for (i = 0; i < 32; i++) {
		out[(size_t)2 * i] = hex[md[i] >> 4];
		out[(size_t)2 * i + 1] = hex[md[i] & 15];
	}
	out[64] = '\0';
	return 0;
}
