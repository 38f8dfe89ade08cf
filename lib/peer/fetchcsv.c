#include "peer/fetchcsv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "event/out.h"
#include "peer/archive.h"
#include "peer/csv.h"
#include "peer/csvevent.h"
#include "peer/text.h"

#define LOOK_EVERY 4095		/* rows between two looks at the progress, as a mask */

struct run {
	const struct fetchcsv_opts *o;
	struct out *out;
	struct fetchcsv_sum *sum;
	int fd;
	uint64_t size;
	char *source;
	struct archive_in *in;
	struct archive_in_opts in_opts;
	struct csvevent ev;
	/* of the file or entry at hand */
	struct text *text;
	struct csv *csv;
	struct layout_header header;
	struct layout *layout;
	int head_reached;
	int header_bad;		/* the error is about its header, and no other entry's business */
	uint64_t unread;	/* entries left for that */
};

/* --- names ---------------------------------------------------------------------- */

static const char *
base_name(const char *path)
{
	const char *s = strrchr(path, '/');

	return s != NULL && s[1] != '\0' ? s + 1 : path;
}

/* Length of the name without .csv, .csv.gz, .tar.gz and the like. */
static size_t
stem(const char *s)
{
	static const char *const packed[] = { ".gz", ".bz2", ".xz", ".zst", ".lzma", NULL };
	static const char *const plain[] = { ".csv", ".tsv", ".txt", ".tar", ".tgz", ".tbz2",
		".txz", ".zip", NULL };
	const char *const *const lists[] = { packed, plain };
	size_t n = strlen(s), i, k, m;

	for (i = 0; i < 2; i++)
		for (k = 0; lists[i][k] != NULL; k++) {
			m = strlen(lists[i][k]);
			if (n > m && strncasecmp(s + n - m, lists[i][k], m) == 0) {
				n -= m;
				break;
			}
		}
	/* stock.csv.zip: one more */
	return n > 4 && strncasecmp(s + n - 4, ".csv", 4) == 0 ? n - 4 : n;
}

static int
make_source(struct run *r, struct ss_err *err)
{
	const char *name = strcmp(r->o->path, "-") == 0 ? "stdin" : base_name(r->o->path);
	size_t n = stem(name);

	if (r->o->source != NULL)
		r->source = strdup(r->o->source);
	else if ((r->source = malloc(n + 5)) != NULL)
		(void)snprintf(r->source, n + 5, "csv:%.*s", (int)n, name);
	return r->source == NULL ? err_nomem(err) : 0;
}

/* --- opening ---------------------------------------------------------------------- */

/* Whoever reads our output must not wait for lines that we have. */
static int
before_wait(void *ctx, int fd, struct ss_err *err)
{
	struct run *r = ctx;

	return io_ready(fd, 0) ? 0 : out_flush(r->out, err);
}

static void
note(const struct run *r, const char *text)
{
	if (r->o->note != NULL)
		r->o->note(r->o->ctx, text);
}

/* archive.c has one ctx for both of its calls; ours is the run. */
static void
pass_note(void *ctx, const char *text)
{
	note(ctx, text);
}

static int
open_file(struct run *r, struct ss_err *err)
{
	struct stat st;

	if (strcmp(r->o->path, "-") == 0) {
		r->fd = STDIN_FILENO;
	} else {
		r->fd = open(r->o->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (r->fd == -1)
			return err_sys(err, SS_EXIT_USAGE, "cannot open '%s'", r->o->path);
	}
	if (fstat(r->fd, &st) == -1)
		return err_sys(err, SS_EXIT_USAGE, "cannot look at '%s'", r->o->path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, SS_EXIT_USAGE, "'%s' is a directory", r->o->path);
	if (S_ISREG(st.st_mode)) {
		r->size = (uint64_t)st.st_size;
		(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	} else {
		io_bigpipe(r->fd);
	}
	r->in_opts = (struct archive_in_opts){ .max_bytes = r->o->max_bytes, .entry = r->o->entry,
		.n = r->o->nentry, .wait = before_wait, .note = pass_note, .ctx = r };
	return 0;
}

static int
start(struct run *r, struct ss_err *err)
{
	if (make_source(r, err) == -1 || open_file(r, err) == -1)
		return -1;
	r->in = archive_in_open(r->fd, base_name(r->o->path), &r->in_opts, err);
	if (r->in == NULL)
		return -1;
	if (r->o->nentry > 0 && !archive_in_entries(r->in))
		return err_set(err, SS_EXIT_USAGE, "%s is no archive, so it has no entry '%s'",
		    base_name(r->o->path), r->o->entry[0]);
	r->ev = (struct csvevent){ .out = r->out, .uuid = r->o->uuid, .clock = r->o->clock,
		.source = r->source, .file = base_name(r->o->path), .time = r->o->time };
	return csvevent_init(&r->ev, err);
}

static void
close_entry(struct run *r)
{
	if (r->layout != NULL)
		r->layout->free(r->layout);
	r->layout = NULL;
	layout_header_free(&r->header);
	csv_close(r->csv);
	r->csv = NULL;
	text_close(r->text);
	r->text = NULL;
}

static void
stop(struct run *r)
{
	close_entry(r);
	r->sum->events = r->ev.lines;
	r->sum->refused = r->in != NULL ? archive_in_refused(r->in) + r->unread : 0;
	csvevent_free(&r->ev);
	archive_in_close(r->in);
	if (r->fd > STDIN_FILENO)
		(void)close(r->fd);
	free(r->source);
}

/* --- rows ------------------------------------------------------------------------- */

/* "file" or "file: entry", for messages. */
static void
where(const struct run *r, char *to, size_t cap)
{
	(void)snprintf(to, cap, "%.200s%s%.200s", r->ev.file, r->ev.entry != NULL ? ": " : "",
	    r->ev.entry != NULL ? r->ev.entry : "");
}

static int
reject(struct run *r, const struct csv_row *row, const struct csvevent_bad *bad, struct ss_err *err)
{
	char w[420];

	if (!r->o->strict) {
		r->sum->rejected++;
		return csvevent_reject(&r->ev, row, bad, err);
	}
	where(r, w, sizeof(w));
	return err_set(err, SS_EXIT_USAGE, "%s:%llu: %s", w, (unsigned long long)row->line,
	    bad->message);
}

static int
is_blank_row(const struct csv_row *row)
{
	size_t i;

	for (i = 0; i < row->n; i++)
		if (!layout_blank(&row->cell[i]))
			return 0;
	return 1;
}

static int
parse_bad(struct csvevent_bad *bad, const char *code, const char *text)
{
	bad->cls = "parse";
	bad->code = code;
	(void)snprintf(bad->message, sizeof(bad->message), "%.390s", text);
	return 0;
}

static void
say_switched(const struct run *r, const struct csv_row *row)
{
	char t[480], w[420];

	where(r, w, sizeof(w));
	(void)snprintf(t, sizeof(t), "%s:%llu: not UTF-8; read as cp1252 from here on", w,
	    (unsigned long long)row->line);
	note(r, t);
}

static int
ragged(const struct run *r, const struct csv_row *row, struct csvevent_bad *bad)
{
	char t[80];

	(void)snprintf(t, sizeof(t), "%zu cell%s, but the header has %zu", row->n,
	    row->n == 1 ? "" : "s", r->header.n);
	return parse_bad(bad, "ragged-row", t);
}

static int
not_text(const struct run *r, struct csvevent_bad *bad)
{
	char t[80];

	(void)snprintf(t, sizeof(t), "not valid %s", text_name(r->text));
	return parse_bad(bad, "encoding", t);
}

/* Encoding and number of cells.  1 good, 0 *bad, 2 blank, -1. */
static int
check_row(struct run *r, struct csv_row *row, struct csvevent_bad *bad, struct ss_err *err)
{
	static const struct csv_cell empty = { "", 0, 0 };
	int rc;

	if (row->bad != CSV_FINE)
		return parse_bad(bad, csv_bad_code(row->bad), csv_bad_text(row->bad));
	rc = text_row(r->text, row, err);
	if (rc == -1)
		return -1;
	if (text_switched(r->text))
		say_switched(r, row);
	if (rc == 0)
		return not_text(r, bad);
	if (layout_blank(&row->cell[0]) && is_blank_row(row))
		return 2;
	if (r->layout == NULL || row->n == r->header.n)
		return 1;
	if (!r->o->pad || row->n > r->header.n)
		return ragged(r, row, bad);
	while (row->n < r->header.n)
		row->cell[row->n++] = empty;
	return 1;
}

/* The first row that is not blank.  1, 0 there is none, -1. */
static int
read_header(struct run *r, struct ss_err *err)
{
	struct csvevent_bad bad = { .cls = "" };
	struct csv_row row;
	char w[420];
	int rc;

	do {
		if ((rc = csv_next(r->csv, &row, err)) != 1)
			return rc;
		rc = check_row(r, &row, &bad, err);
	} while (rc == 2);
	where(r, w, sizeof(w));
	if (rc == 0) {
		r->header_bad = 1;
		return err_set(err, SS_EXIT_USAGE, "%s:%llu: the header cannot be read: %s", w,
		    (unsigned long long)row.line, bad.message);
	}
	if (rc == -1 || layout_header(&r->header, &row, err) == -1)
		return -1;
	layout_header_json(&r->header, &r->ev.header);
	r->layout = layout_open(&r->header, &r->o->layout, &r->ev, err);
	if (r->layout == NULL) {
		/* a jq program that is none is so for every entry */
		r->header_bad = err->exit == SS_EXIT_USAGE && r->o->layout.map == NULL;
		err_prefix(err, "%s", w);
		return -1;
	}
	return 1;
}

static int
take_row(struct run *r, struct csv_row *row, struct ss_err *err)
{
	struct csvevent_bad bad;
	int rc = check_row(r, row, &bad, err);

	if (rc == 2) {
		r->sum->blank++;
		return 0;
	}
	r->head_reached = ++r->sum->rows == r->o->head;
	if (rc == 1)
		rc = r->layout->row(r->layout, row, &bad, err);
	if (rc == 0)
		return reject(r, row, &bad, err);
	return rc == -1 ? -1 : 0;
}

static int
read_rows(struct run *r, struct ss_err *err)
{
	struct csv_row row;
	int rc;

	while (!r->head_reached) {
		rc = csv_next(r->csv, &row, err);
		if (rc != 1)
			return rc;
		if (take_row(r, &row, err) == -1)
			return -1;
		if ((row.number & LOOK_EVERY) == 0 && r->o->progress != NULL)
			r->o->progress(r->o->ctx, archive_in_bytes(r->in), r->size, r->sum->rows);
	}
	return 0;
}

static int
read_entry(struct run *r, const char *entry, struct ss_err *err)
{
	char w[420];
	int rc;

	if (csvevent_entry(&r->ev, entry, err) == -1)
		return -1;
	r->text = text_open(r->o->encoding, archive_in_read, r->in, err);
	if (r->text == NULL)
		return -1;
	r->csv = csv_open(r->o->delim, text_read, r->text, err);
	if (r->csv == NULL || (rc = read_header(r, err)) == -1)
		return -1;
	if (rc == 0) {
		if (r->o->layout.rows)
			return 0;
		where(r, w, sizeof(w));
		r->header_bad = 1;
		return err_set(err, SS_EXIT_USAGE, "%s: empty: there is no header", w);
	}
	rc = read_rows(r, err);
	/* what is held is whole only if the rows went on to their end or to --head */
	return rc == -1 ? -1 : r->layout->end(r->layout, err);
}

/* One entry's header must not cost the others.  A text file among the tables is
 * most likely no table and only told of; for any other the run is in error once
 * the rest is read: *first is what it says then. */
static int
leave_entry(struct run *r, const char *entry, struct ss_err *why, struct ss_err *first)
{
	size_t n = strlen(entry);
	int is_text = r->o->nentry == 0 && n > 4 && strcasecmp(entry + n - 4, ".txt") == 0;

	r->unread++;
	if (!is_text && first->text[0] == '\0') {
		*first = *why;
	} else {
		char t[sizeof(why->text) + 16];

		(void)snprintf(t, sizeof(t), "%s: not read", why->text);
		note(r, t);
	}
	why->text[0] = '\0';
	return archive_in_pass(r->in, why);
}

static int
read_all(struct run *r, struct ss_err *err)
{
	struct ss_err first = { .text = "" };
	const char *entry = NULL;
	uint64_t found = 0;
	size_t i;
	int rc = 0;

	while (!r->head_reached && (rc = archive_in_next(r->in, &entry, err)) == 1) {
		found++;
		r->header_bad = 0;
		rc = read_entry(r, entry, err);
		close_entry(r);
		if (rc == -1 && r->header_bad && entry != NULL)
			rc = leave_entry(r, entry, err, &first);
		if (rc == -1)
			return -1;
	}
	if (rc == -1)
		return -1;
	if (first.text[0] != '\0') {
		*err = first;
		return -1;
	}
	for (i = 0; i < r->o->nentry && !r->head_reached; i++)
		if (!archive_in_met(r->in, i))
			return err_set(err, SS_EXIT_USAGE, "%s has no entry '%s'", r->ev.file,
			    r->o->entry[i]);
	if (found == 0 && archive_in_refused(r->in) == 0)
		return err_set(err, SS_EXIT_USAGE,
		    "%s has no entry *.csv, *.tsv or *.txt (see --entry)",
		    r->ev.file);
	return 0;
}

/* --complete promises that what is absent is gone: not so when rows were left out. */
static int
is_complete(const struct run *r)
{
	if (!r->o->complete)
		return 0;
	if (r->sum->rejected == 0 && archive_in_refused(r->in) == 0 && r->unread == 0 && !r->head_reached)
		return 1;
	note(r, "not all rows were taken: --complete is not claimed");
	return 0;
}

int
fetchcsv_run(const struct fetchcsv_opts *opts, struct out *o, struct fetchcsv_sum *sum,
    struct ss_err *err)
{
	struct run r = { .o = opts, .out = o, .sum = sum, .fd = -1 };
	struct csvevent_cursor c = { .phase = "begin", .name = opts->cursor, .path = opts->path };
	int rc;

	*sum = (struct fetchcsv_sum){ 0 };
	rc = start(&r, err);
	if (rc == 0)
		rc = csvevent_cursor(&r.ev, &c, err);
	if (rc == 0)
		rc = read_all(&r, err);
	if (rc == 0) {
		c.phase = "end";
		c.bytes = archive_in_bytes(r.in);
		c.rows = sum->rows;
		c.complete = is_complete(&r);
		sum->events = r.ev.lines;
		rc = csvevent_cursor(&r.ev, &c, err);
		r.ev.lines = sum->events;
	}
	stop(&r);
	return rc;
}

int
fetchcsv_list(const struct fetchcsv_opts *opts, struct out *o, struct fetchcsv_sum *sum,
    struct ss_err *err)
{
	struct run r = { .o = opts, .out = o, .sum = sum, .fd = -1 };
	const char *entry;
	int rc;

	*sum = (struct fetchcsv_sum){ 0 };
	rc = start(&r, err);
	if (rc == 0)
		while ((rc = archive_in_next(r.in, &entry, err)) == 1) {
			if (entry == NULL)
				entry = r.ev.file;
			if (out_line(o, entry, strlen(entry), err) == -1) {
				rc = -1;
				break;
			}
		}
	stop(&r);
	return rc;
}
