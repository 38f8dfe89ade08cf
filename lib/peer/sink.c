#include "peer/sink.h"

#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/conf.h"

/* environment = test must never reach a live peer (design 7). */
static int
check_live(const struct sink *s, const struct conf *conf, struct ss_err *err)
{
	const char *env = conf_get(conf, "storesync", NULL, "environment");

	if (s->live && env != NULL && strcmp(env, "test") == 0)
		return err_set(err, SS_EXIT_USAGE, "%s is a live peer and the configuration says environment = test", s->name);
	return 0;
}

int
sink_open(struct sink **out, const char *spec, struct cli *c, struct conf *conf, struct ss_err *err)
{
	int rc;

	(void)c;
	*out = NULL;
	if (strncmp(spec, "file:", 5) == 0 && spec[5] != '\0')
		rc = sink_file_open(out, spec + 5, conf, err);
	else if (strncmp(spec, "http:", 5) == 0 && spec[5] != '\0')
		rc = sink_http_open(out, spec + 5, conf, err);
	else
		return err_set(err, SS_EXIT_USAGE, "'%.100s' is no target: http:NAME or file:PATH", spec);
	if (rc == -1)
		return -1;
	(*out)->name = strdup(spec);
	if ((*out)->name == NULL) {
		sink_close(*out);
		*out = NULL;
		return err_nomem(err);
	}
	if (strlen(spec) > 100) {
		err_set(err, SS_EXIT_USAGE, "the target's name '%.60s…' is longer than 100 characters: give it a section", spec);
		rc = -1;
	} else {
		rc = check_live(*out, conf, err);
	}
	if (rc == -1) {
		sink_close(*out);
		*out = NULL;
	}
	return rc;
}

void
sink_close(struct sink *s)
{
	if (s == NULL)
		return;
	free(s->name);
	s->name = NULL;
	s->ops->close(s);
}
