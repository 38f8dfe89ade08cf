/* What a target is called; apart from sink.c, so that ss-diff need not link all
 * that delivers. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/err.h"
#include "peer/sink.h"

int
sink_name(const char *spec, const struct conf *conf, struct buf *out, struct ss_err *err)
{
	/* kinds that a configuration may name; those to come are known by their state */
	static const char *const kinds[] = { "http:", "shopify:", "brightpearl:", "slack:", "smtp:", "jira:", "s3:" };
	char dir[PATH_MAX];
	size_t i;

	if (strncmp(spec, "file:", 5) == 0 && spec[5] != '\0') {
		if (spec[5] != '/' && !conf_has(conf, "file", spec + 5)) {
			if (getcwd(dir, sizeof(dir)) == NULL)
				return err_sys(err, SS_EXIT_USAGE, "cannot tell the present directory");
			while (strncmp(spec + 5, "./", 2) == 0)
				spec += 2;
			(void)buf_addf(out, "file:%s/%s", strcmp(dir, "/") == 0 ? "" : dir, spec + 5);
		} else {
			(void)buf_adds(out, spec);
		}
		return buf_cstr(out) == NULL ? err_nomem(err) : 0;
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(spec, kinds[i], strlen(kinds[i])) == 0 && spec[strlen(kinds[i])] != '\0') {
			(void)buf_adds(out, spec);
			return buf_cstr(out) == NULL ? err_nomem(err) : 0;
		}
	return err_set(err, SS_EXIT_USAGE, "'%.100s' is no target: http:NAME or file:PATH", spec);
}
