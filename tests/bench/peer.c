/*
 * peer - what a filter written straight away costs: getline, yyjson, fwrite.
 * Takes each line apart, looks up what identifies the event and hands the line
 * on; it stores nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		yyjson_doc *doc = yyjson_read(line, (size_t)n, YYJSON_READ_NUMBER_AS_RAW);
		yyjson_val *root = yyjson_doc_get_root(doc);

		if (yyjson_obj_get(root, "id") != NULL && yyjson_obj_get(root, "type") != NULL &&
		    yyjson_obj_get(root, "subject") != NULL && fwrite(line, 1, (size_t)n, stdout) != (size_t)n)
			return 1;
		yyjson_doc_free(doc);
	}
	free(line);
	return fflush(stdout) == EOF;
}
