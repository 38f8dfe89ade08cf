/* ss-fetch - read a source and write what it says as events */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cli.h"
#include "base/io.h"
#include "event/out.h"
#include "peer/fetchcsv.h"

#define MAP_MAX ((size_t)1 << 20)

struct options {
	const char *source, *encoding, *delimiter, *location, *map, *cursor, *ragged, *time;
	int rows, strict, complete, list;
	uint64_t head, max_bytes;
	struct cli_list entry;
};

struct watch {
	struct cli *cli;
	struct cli_progress bar;
};

static void
note(void *ctx, const char *text)
{
	struct watch *w = ctx;

	cli_progress_end(&w->bar);
	cli_warn(w->cli, "%s", text);
}

static void
progress(void *ctx, uint64_t bytes, uint64_t total, uint64_t rows)
{
	struct watch *w = ctx;

	cli_progress_show(&w->bar, bytes, total, rows, "rows");
}

static int
delimiter(const char *s, char *delim, struct ss_err *err)
{
	static const struct {
		const char *name;
		char c;
	} names[] = { { "tab", '\t' }, { "\\t", '\t' }, { "comma", ',' }, { "semicolon", ';' },
	    { "pipe", '|' } };
	size_t i;

	if (s == NULL)
		return 0;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(s, names[i].name) == 0) {
			*delim = names[i].c;
			return 0;
		}
	if (strlen(s) != 1 || strchr("\"\r\n", *s) != NULL || (unsigned char)*s >= 0x80)
		return err_set(err, SS_EXIT_USAGE,
		    "--delimiter takes one ASCII character or tab, not '%s'", s);
	*delim = *s;
	return 0;
}

static int
time_text(struct cli *c, char out[CLOCK_TEXT], struct ss_err *err)
{
	struct options *given = c->prog->ctx;
	int64_t ms = clock_now(&c->clock);

	if (given->time != NULL && clock_parse(given->time, strlen(given->time), &ms) == -1)
		return err_set(err, SS_EXIT_USAGE, "--time takes RFC 3339, not '%s'", given->time);
	clock_format(ms, out);
	return 0;
}

static int
check(struct cli *c, struct ss_err *err)
{
	static const char *const listing[] = { "list", "entry", "max-bytes", NULL };
	struct options *given = c->prog->ctx;

	if (given->list && cli_only(c, "--list", listing, err) == -1)
		return -1;
	if (given->rows && given->map != NULL)
		return err_set(err, SS_EXIT_USAGE, "--rows and --map exclude each other");
	/* rows as they are, and a program of the user's own, know no quantities */
	if (given->location != NULL && (given->rows || given->map != NULL))
		return err_set(err, SS_EXIT_USAGE, "option --location has no use with %s (see --help)",
		    given->rows ? "--rows" : "--map");
	if (given->ragged != NULL && strcmp(given->ragged, "pad") != 0 &&
	    strcmp(given->ragged, "reject") != 0)
		return err_set(err, SS_EXIT_USAGE, "--ragged is pad or reject, not '%s'",
		    given->ragged);
	if (given->location != NULL && *given->location == '\0')
		return err_set(err, SS_EXIT_USAGE, "--location must not be empty");
	if (given->source != NULL && *given->source == '\0')
		return err_set(err, SS_EXIT_USAGE, "--source must not be empty");
	return 0;
}

/* What the run comes to, after a line about rows that were left out. */
static enum ss_exit
summary(struct cli *c, const struct fetchcsv_sum *s, const char *path, int failed,
    struct ss_err *err)
{
	if (s->rejected > 0)
		cli_warn(c, "%s: %llu of %llu rows rejected", path, (unsigned long long)s->rejected,
		    (unsigned long long)s->rows);
	if (s->blank > 0 && isatty(STDERR_FILENO))
		cli_warn(c, "%s: %llu blank rows skipped", path, (unsigned long long)s->blank);
	/* 3 is for runs that came to their end: a stop has its own code */
	if (failed)
		return err->exit;
	return s->rejected > 0 || s->refused > 0 ? SS_EXIT_OPEN : SS_EXIT_OK;
}

static enum ss_exit
csv(struct cli *c, const char *path, struct ss_err *err)
{
	struct options *given = c->prog->ctx;
	struct watch w = { .cli = c };
	struct fetchcsv_sum sum = { 0 };
	struct fetchcsv_opts f = { .path = path, .source = given->source, .encoding = given->encoding,
		.cursor = given->cursor != NULL ? given->cursor : "default", .strict = given->strict,
		.pad = given->ragged != NULL && strcmp(given->ragged, "pad") == 0,
		.complete = given->complete, .head = given->head, .max_bytes = given->max_bytes,
		.entry = given->entry.v, .nentry = given->entry.n, .uuid = &c->uuid,
		.clock = &c->clock,
		.layout = { .location = given->location != NULL ? given->location : "main",
		    .rows = given->rows, .map_name = given->map },
		.note = note, .progress = progress, .ctx = &w };
	struct buf map = { 0 };
	struct out out;
	char time[CLOCK_TEXT];
	struct ss_err late = { .text = "" };
	int rc;

	if (check(c, err) == -1 || delimiter(given->delimiter, &f.delim, err) == -1 ||
	    time_text(c, time, err) == -1)
		return err->exit;
	f.time = time;
	if (given->map != NULL && (f.layout.map = io_slurp_text(given->map, MAP_MAX, &map, err)) == NULL) {
		buf_free(&map);
		return err->exit;
	}
	out_init(&out, STDOUT_FILENO, "standard output");
	cli_progress_start(&w.bar, path);
	rc = given->list ? fetchcsv_list(&f, &out, &sum, err) : fetchcsv_run(&f, &out, &sum, err);
	/* what was read before an error goes out, unless the error is the output's */
	if (err->sys != EPIPE && out_flush(&out, &late) == -1 && rc == 0) {
		*err = late;
		rc = -1;
	}
	cli_progress_end(&w.bar);
	out_free(&out);
	buf_free(&map);
	return summary(c, &sum, path, rc == -1, err);
}

static enum ss_exit
run(struct cli *c, struct ss_err *err)
{
	const char *s = c->argc == 1 ? c->argv[0] : "";

	if (strncmp(s, "csv:", 4) == 0 && s[4] != '\0')
		return csv(c, s + 4, err);
	if (c->argc != 1)
		err_set(err, SS_EXIT_USAGE, c->argc == 0 ? "name a source, as in csv:stock.csv (see --help)" :
		    "one source at a time (see --help)");
	else
		err_set(err, SS_EXIT_USAGE, "unknown source '%s': it is csv:PATH or csv:- (see --help)", s);
	return SS_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct options given = { .source = NULL };
	const struct cli_opt opts[] = {
		{ 0, "map", CLI_TEXT, &given.map, "FILE", "jq program that makes events of rows", 0, 0 },
		{ 0, "rows", CLI_FLAG, &given.rows, NULL, "each row as it is, an event row.read", 0, 0 },
		{ 0, "entry", CLI_LIST, &given.entry, "NAME", "read this entry of an archive only", 0, 0 },
		{ 0, "list", CLI_FLAG, &given.list, NULL, "list the entries that would be read", 0, 0 },
		{ 0, "head", CLI_COUNT, &given.head, "N", "stop after N rows", 1, 0 },
		{ 0, "location", CLI_TEXT, &given.location, "NAME", "of quantities whose column names none (main)", 0, 0 },
		{ 0, "source", CLI_TEXT, &given.source, "NAME", "source of the events (csv:NAME)", 0, 0 },
		{ 0, "time", CLI_TEXT, &given.time, "TIME", "time of the events (when reading began)", 0, 0 },
		{ 0, "cursor", CLI_TEXT, &given.cursor, "NAME", "name of the cursor (default)", 0, 0 },
		{ 0, "complete", CLI_FLAG, &given.complete, NULL, "what is not in the file is gone", 0, 0 },
		{ 0, "encoding", CLI_TEXT, &given.encoding, "NAME", "as iconv names it (found out)", 0, 0 },
		{ 0, "delimiter", CLI_TEXT, &given.delimiter, "CHAR", "one character or tab (found in the header)", 0, 0 },
		{ 0, "ragged", CLI_TEXT, &given.ragged, "HOW", "rows too short: reject or pad (reject)", 0, 0 },
		{ 0, "strict", CLI_FLAG, &given.strict, NULL, "stop at the first bad row", 0, 0 },
		{ 0, "max-bytes", CLI_SIZE, &given.max_bytes, "SIZE", "unpack at most this much (2G)", 0, 0 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 }
	};
	const struct cli_prog prog = {
		.ctx = &given, .name = "ss-fetch", .args = "[options] csv:PATH",
		.about = "Read a source and write what it says as events, one a line.  csv:PATH reads\n"
		    "a CSV file, plain, compressed or in a zip or tar archive; csv:- standard input.",
		.opts = opts };

	return cli_main(argc, argv, &prog, run);
}
