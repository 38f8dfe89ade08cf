#include "peer/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/conf.h"
#include "base/io.h"
#include "event/jqx.h"

/* environment = test must never reach a live peer (design 7). */
static int
check_live(const struct sink *s, const struct conf *conf, struct ss_err *err)
{
	const char *env = conf_get(conf, "storesync", NULL, "environment");

	if (env != NULL && strcmp(env, "test") != 0 && strcmp(env, "live") != 0)
		return conf_err(conf, "storesync", NULL, "environment", err, "'%s' is neither live nor test", env);
	if (s->live && env != NULL && strcmp(env, "test") == 0)
		return err_set(err, SS_EXIT_USAGE, "%s is a live peer and the configuration says environment = test", s->name);
	return 0;
}

int
sink_open(struct sink **out, const char *spec, struct cli *c, struct conf *conf, struct ss_err *err)
{
	struct buf name = { 0 };
	int rc;

	*out = NULL;
	if (strncmp(spec, "file:", 5) == 0 && spec[5] != '\0')
		rc = sink_file_open(out, spec + 5, c, conf, err);
	else if (strncmp(spec, "http:", 5) == 0 && spec[5] != '\0')
		rc = sink_http_open(out, spec + 5, c, conf, err);
	else
		return err_set(err, SS_EXIT_USAGE, "'%.100s' is no target: http:NAME or file:PATH", spec);
	if (rc == -1)
		return -1;
	if (sink_name(spec, conf, &name, err) == -1) {
		sink_close(*out);
		*out = NULL;
		buf_free(&name);
		return -1;
	}
	(*out)->name = strdup(name.p);
	buf_free(&name);
	if ((*out)->name == NULL) {
		sink_close(*out);
		*out = NULL;
		return err_nomem(err);
	}
	if (strlen((*out)->name) > 100) {
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

char *
sink_path(const struct cli *c, const char *path)
{
	const char *slash = c->config == NULL ? NULL : strrchr(c->config, '/');
	struct buf b = { 0 };

	if (path[0] != '/' && slash != NULL)
		(void)buf_add(&b, c->config, (size_t)(slash - c->config) + 1);
	(void)buf_adds(&b, path);
	return buf_cstr(&b);
}

int
sink_program(struct jqx **out, const struct cli *c, const struct conf *conf, const char *kind, const char *name,
    const char *key, struct ss_err *err)
{
	char file_key[32], why[sizeof(err->text)];
	const char *inl = conf_get(conf, kind, name, key), *rel;
	char *path = NULL;
	struct buf b = { 0 };
	int rc = 0;

	(void)snprintf(file_key, sizeof(file_key), "%s-file", key);
	rel = conf_get(conf, kind, name, file_key);
	*out = NULL;
	if (inl == NULL && rel == NULL)
		return 0;
	if (inl != NULL && rel != NULL)
		return conf_err(conf, kind, name, key, err, "stands beside %s: which one?", file_key);
	if (rel != NULL && (path = sink_path(c, rel)) == NULL)
		rc = err_nomem(err);
	if (rc == 0 && path != NULL && io_slurp(path, 1 << 20, &b, err) == -1) {
		memcpy(why, err->text, sizeof(why));
		rc = conf_err(conf, kind, name, file_key, err, "%s", why);
	}
	if (rc == 0 && path != NULL && (inl = buf_cstr(&b)) == NULL)
		rc = err_nomem(err);
	if (rc == 0 && (*out = jqx_open(inl, rel != NULL ? rel : key, NULL, err)) == NULL) {
		memcpy(why, err->text, sizeof(why));
		rc = conf_err(conf, kind, name, rel != NULL ? file_key : key, err, "%s", why);
	}
	free(path);
	buf_free(&b);
	return rc;
}
