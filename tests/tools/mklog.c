/* mklog - append the NDJSON lines on stdin to $SS_HOME's log and sync it; what a
 * line has of ssseq and sscrc is dropped.  Known state for tests is made so,
 * from ss.delivered lines with `set`.  Prints how many lines it stored. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cli.h"
#include "event/event.h"
#include "event/line.h"
#include "store/log.h"

#define BATCH 4096

struct batch {
	struct buf text;
	uint32_t lens[BATCH];
	size_t n;
	unsigned long long total;
};

static int
flush(struct batch *b, struct log *log, struct ss_err *err)
{
	uint64_t first;

	if (b->n == 0)
		return 0;
	if (b->text.failed)
		return err_nomem(err);
	if (log_append(log, b->text.p, b->lens, b->n, &first, NULL, err) == -1)
		return -1;
	b->total += b->n;
	b->n = 0;
	buf_clear(&b->text);
	return 0;
}

static int
store(struct batch *b, struct log *log, struct ss_err *err)
{
	static const struct event_edit drop[2] = { { "ssseq", NULL, 0 }, { "sscrc", NULL, 0 } };
	struct line_reader in;
	struct json_mem mem = { 0 };
	struct event ev;
	struct line l;
	size_t from;
	int k, rc = 0;

	line_init(&in, 0, 0, "standard input");
	while (rc == 0 && (k = line_next(&in, &l, err)) != LINE_END) {
		if (k == -1 || event_parse(&ev, &mem, l.p, l.n, err) == -1) {
			rc = -1;
			break;
		}
		from = b->text.len;
		rc = event_edit(&b->text, &ev, drop, 2);
		b->lens[b->n++] = (uint32_t)(b->text.len - from);
		if (rc == 0 && b->n == BATCH)
			rc = flush(b, log, err);
	}
	if (rc == 0)
		rc = flush(b, log, err);
	line_free(&in);
	json_mem_free(&mem);
	return rc == 0 ? log_sync(log, err) : -1;
}

static enum ss_exit
run(struct cli *c, struct ss_err *err)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct log *log = NULL;
	int rc = -1;

	if (b == NULL)
		err_nomem(err);
	else if (log_open(&log, c->home, 1, &c->clock, &c->rng, err) == 0)
		rc = store(b, log, err);
	if (rc == 0)
		(void)printf("%llu\n", b->total);
	log_close(log);
	if (b != NULL)
		buf_free(&b->text);
	free(b);
	return rc == 0 ? SS_EXIT_OK : err->exit;
}

int
main(int argc, char **argv)
{
	static const struct cli_prog prog = {
		.name = "mklog", .args = "<lines", .about = "Append lines to the log of $SS_HOME."
	};

	return cli_main(argc, argv, &prog, run);
}
