/* gql-check - GraphQL requests against a schema: their errors and their costs */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/graphql/gq_cost.h"

static const char usage[] =
    "usage: gql-check [--costs] SCHEMA <REQUESTS\n"
    "\n"
    "A request is one line of JSON: query, variables, operationName.  For each one\n"
    "{\"cost\":N} or {\"errors\":[…]} is printed.  --costs prints instead how many\n"
    "lines have in \"requested\" what is reckoned, and the other ones; there a\n"
    "request may have errors, as long as its fields are known.\n"
    "Exits 0, 1 if there were errors, 2 on bad input.\n";

struct totals {
	size_t lines, bad, exact, near;
};

static char *
slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;

	*n = 0;
	if (f == NULL) {
		fprintf(stderr, "gql-check: open '%s': %s\n", path, strerror(errno));
		return NULL;
	}
	do {
		char *more = realloc(text, cap += 1 << 20);

		if (more == NULL)
			break;
		text = more;
		*n += fread(text + *n, 1, cap - *n, f);
	} while (*n == cap);
	fclose(f);
	return text;
}

static void
print(yyjson_mut_doc *doc, yyjson_mut_val *v)
{
	char *text;

	yyjson_mut_doc_set_root(doc, v);
	text = yyjson_mut_write(doc, 0, NULL);
	printf("%s\n", text == NULL ? "null" : text);
	free(text);
}

static void
check_cost(struct gq_request *r, yyjson_val *line, int parsed, struct totals *t)
{
	int64_t want = yyjson_get_sint(yyjson_obj_get(line, "requested")), got = -1;
	yyjson_val *vars = yyjson_obj_get(line, "variables");

	/* What the request brought, where the schema of today has other types. */
	if (r->op != NULL && (!parsed || gq_request_vars(r, vars) == -1) && yyjson_is_obj(vars))
		r->vars = yyjson_val_mut_copy(r->out, vars);
	if (r->op != NULL)
		got = gq_cost(r);
	t->exact += got == want;
	t->near += got >= want - 1 && got <= want + 1;
	if (got != want)
		printf("%lld for %lld: %.200s\n", (long long)got, (long long)want,
		    yyjson_get_str(yyjson_obj_get(line, "query")));
}

static int
check_line(const struct gq_schema *schema, const char *text, size_t n, int costs, struct totals *t)
{
	yyjson_doc *in = yyjson_read(text, n, 0);
	yyjson_val *line = yyjson_doc_get_root(in), *query = yyjson_obj_get(line, "query");
	yyjson_mut_doc *out = yyjson_mut_doc_new(NULL);
	struct gq_request r;
	int rc;

	if (!yyjson_is_str(query)) {
		fprintf(stderr, "gql-check: line %zu has no query\n", t->lines + 1);
		yyjson_doc_free(in);
		yyjson_mut_doc_free(out);
		return -1;
	}
	t->lines++;
	gq_request_init(&r, schema, out);
	rc = gq_request_parse(&r, yyjson_get_str(query), yyjson_get_len(query),
	    yyjson_get_str(yyjson_obj_get(line, "operationName")));
	if (costs) {
		check_cost(&r, line, rc == 0, t);
	} else {
		yyjson_mut_val *answer = yyjson_mut_obj(out);

		if (rc == 0)
			rc = gq_request_vars(&r, yyjson_obj_get(line, "variables"));
		if (rc == 0)
			(void)yyjson_mut_obj_add_int(out, answer, "cost", gq_cost(&r));
		else
			(void)yyjson_mut_obj_add_val(out, answer, "errors", r.errors);
		t->bad += rc == -1;
		print(out, answer);
	}
	gq_request_free(&r);
	yyjson_mut_doc_free(out);
	yyjson_doc_free(in);
	return 0;
}

int
main(int argc, char **argv)
{
	int costs = argc == 3 && strcmp(argv[1], "--costs") == 0, rc = 0;
	struct gq_schema *schema;
	struct gq_fault fault;
	struct totals t = { 0 };
	char *text, *line = NULL;
	size_t n, cap = 0;
	ssize_t len;

	if (argc != 2 + costs || strcmp(argv[1], "--help") == 0) {
		fputs(usage, argc == 2 ? stdout : stderr);
		return argc == 2 ? 0 : 2;
	}
	text = slurp(argv[argc - 1], &n);
	if (text == NULL)
		return 2;
	schema = gq_schema_parse(text, n, &fault);
	free(text);
	if (schema == NULL) {
		fprintf(stderr, "gql-check: %s: %s\n", argv[argc - 1], fault.text);
		return 2;
	}
	while (rc == 0 && (len = getline(&line, &cap, stdin)) > 0)
		rc = check_line(schema, line, (size_t)len, costs, &t);
	if (costs)
		printf("%zu requests, %zu exact, %zu within 1\n", t.lines, t.exact, t.near);
	free(line);
	gq_schema_free(schema);
	if (rc == -1 || fflush(stdout) != 0)
		return 2;
	return t.bad > 0;
}
