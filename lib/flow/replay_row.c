/* A line.rejected through its reader again. */
#include "flow/replay_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cli.h"
#include "event/out.h"
#include "peer/fetchcsv.h"

static void
stays(struct replay_row_cause *cause, enum outcome_class class, const char *code, size_t code_n, const char *why,
    size_t why_n)
{
	cause->class = class;
	(void)snprintf(cause->code, sizeof(cause->code), "%.*s", (int)(code_n < 60 ? code_n : 60), code);
	(void)snprintf(cause->message, sizeof(cause->message), "%.*s", (int)(why_n < 500 ? why_n : 500), why);
}

/* What a line.rejected says of itself. */
static void
stays_as(struct replay_row_cause *cause, const struct event *ev)
{
	struct json_span class = json_str(json_get(ev->data, "class")), code = json_str(json_get(ev->data, "code")),
	    why = json_str(json_get(ev->data, "message"));

	if (code.n == 0)
		code = (struct json_span){ "rejected", 8 };
	stays(cause, class.n == 5 && memcmp(class.p, "value", 5) == 0 ? OUTCOME_VALUE : OUTCOME_PARSE, code.p, code.n,
	    why.p == NULL ? "" : why.p, why.p == NULL ? 0 : why.n);
}

/* How often c stands outside quotes. */
static size_t
count(struct json_span s, char c)
{
	size_t i, n = 0;
	int quoted = 0;

	for (i = 0; i < s.n; i++) {
		quoted ^= s.p[i] == '"';
		n += !quoted && s.p[i] == c;
	}
	return n;
}

/* The delimiter is not kept with the row: the one that makes as many cells as
 * the header has, else the one that stands there most often. */
static char
delimiter(struct json_span text, size_t cells)
{
	static const char all[] = { ',', ';', '\t', '|' };
	size_t i, n, most = 0;
	char best = ',';

	for (i = 0; i < sizeof(all); i++) {
		n = count(text, all[i]);
		if (cells > 1 && n == cells - 1)
			return all[i];
		if (n > most) {
			most = n;
			best = all[i];
		}
	}
	return best;
}

/* The header and the row as a file; its descriptor or -1. */
static int
make_file(struct yyjson_val *header, struct json_span text, char *delim, struct ss_err *err)
{
	struct yyjson_val *cell;
	struct buf in = { 0 };
	size_t i, k;
	int fd;

	for (i = 0; json_at(header, i) != NULL; i++)
		continue;
	*delim = delimiter(text, i);
	for (i = 0; (cell = json_at(header, i)) != NULL; i++) {
		struct json_span s = json_str(cell);

		if (i > 0)
			(void)buf_addc(&in, *delim);
		(void)buf_addc(&in, '"');
		for (k = 0; k < s.n; k++) {
			if (s.p[k] == '"')
				(void)buf_addc(&in, '"');
			(void)buf_addc(&in, s.p[k]);
		}
		(void)buf_addc(&in, '"');
	}
	(void)buf_addc(&in, '\n');
	(void)buf_add(&in, text.p, text.n);
	(void)buf_addc(&in, '\n');
	fd = memfd_create("row", MFD_CLOEXEC);
	if (in.failed) {
		err_nomem(err);
	} else if (fd != -1 && write(fd, in.p, in.len) == (ssize_t)in.len) {
		buf_free(&in);
		return fd;
	} else {
		err_sys(err, SS_EXIT_AGAIN, "cannot hold the row");
	}
	if (fd != -1)
		(void)close(fd);
	buf_free(&in);
	return -1;
}

/* Run the reader over the file; what it writes goes to *out. */
static int
read_file(struct cli *c, const struct event *ev, int fd, char delim, struct buf *out, struct ss_err *err)
{
	char source[256], time[64], from[32];
	struct fetchcsv_opts o = { .path = from, .source = source, .encoding = "UTF-8", .cursor = "replay", .time = time,
		.delim = delim, .layout = { .location = "main" }, .uuid = &c->uuid, .clock = &c->clock };
	struct fetchcsv_sum sum;
	int to = memfd_create("events", MFD_CLOEXEC), rc;
	struct out w;
	off_t n;

	if (to == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot hold the row's events");
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	(void)snprintf(source, sizeof(source), "%.*s", (int)(ev->source.n < 250 ? ev->source.n : 250), ev->source.p);
	/* the moment at which the file was read, so that a newer file wins */
	if (ev->time.n > 0 && ev->time.n < sizeof(time))
		(void)snprintf(time, sizeof(time), "%.*s", (int)ev->time.n, ev->time.p);
	else
		clock_format(clock_now(&c->clock), time);
	out_init(&w, to, "memory");
	rc = fetchcsv_run(&o, &w, &sum, err);
	if (rc == 0)
		rc = out_flush(&w, err);
	out_free(&w);
	if (rc == 0) {
		n = lseek(to, 0, SEEK_END);
		if (n < 0 || buf_room(out, (size_t)n + 1) == -1 || pread(to, out->p, (size_t)n, 0) != n)
			rc = err_sys(err, SS_EXIT_AGAIN, "cannot read the row's events back");
		else
			out->len = (size_t)n;
	}
	(void)close(to);
	return rc;
}

/* data.at names the file that was made here: name the row's own. */
static int
put_place(struct buf *out, const struct event *old, int fd, struct json_span line)
{
	struct json_span file = json_str(json_get(old->data, "file")), entry = json_str(json_get(old->data, "entry"));
	char made[64];
	uint64_t row;
	size_t n = (size_t)snprintf(made, sizeof(made), "\"at\":{\"file\":\"%d\",\"row\":2}", fd);
	const char *at = memmem(line.p, line.n, made, n);

	if (at == NULL || file.n == 0 || json_u64(json_get(old->data, "row"), &row) == -1)
		return buf_add(out, line.p, line.n);
	(void)buf_add(out, line.p, (size_t)(at - line.p));
	(void)buf_adds(out, "\"at\":{\"file\":");
	(void)json_put_str(out, file.p, file.n);
	if (entry.n > 0)
		(void)json_put_member(out, "entry", entry.p, entry.n);
	(void)buf_addf(out, ",\"row\":%" PRIu64 "}", row);
	return buf_add(out, at + n, line.n - n - (size_t)(at - line.p));
}

/* An event of it, with the line.rejected as its cause. */
static int
put_event(struct buf *out, const struct event *old, const struct event *ev, int fd)
{
	struct buf b = { 0 }, cause = { 0 };
	struct event_edit e = { "causationid", NULL, 0 };
	int rc;

	(void)json_put_str(&cause, old->id.p, old->id.n);
	e.raw = cause.p;
	e.n = cause.len;
	rc = cause.failed ? -1 : event_edit(&b, ev, &e, 1);
	if (rc == 0)
		rc = fd == -1 ? buf_add(out, b.p, b.len) : put_place(out, old, fd, (struct json_span){ b.p, b.len });
	if (rc == 0)
		rc = buf_addc(out, '\n');
	buf_free(&b);
	buf_free(&cause);
	return rc;
}

/* What the reader wrote, without cursors: 1 events, 0 a row was rejected, -1. */
static int
sort_lines(const struct event *old, const struct buf *lines, int fd, struct buf *out, struct replay_row_cause *cause,
    struct ss_err *err)
{
	const char *p = lines->p, *end = lines->p + lines->len, *nl;
	struct json_mem mem = { 0 };
	struct event ev;
	int rc = 0, got = 0, bad = 0;

	for (; rc == 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		rc = event_parse(&ev, &mem, p, (size_t)(nl - p), err);
		if (rc == -1 || ev.is_ss)
			continue;
		if (ev.type.n == 13 && memcmp(ev.type.p, "line.rejected", 13) == 0) {
			if (!bad)
				stays_as(cause, &ev);
			bad = 1;
		} else {
			rc = put_event(out, old, &ev, fd) == -1 ? err_nomem(err) : 0;
			got = 1;
		}
	}
	json_mem_free(&mem);
	if (rc == 0 && !got && !bad)
		stays(cause, OUTCOME_PARSE, "no-row", 6, "there is no row in it", 21);
	return rc == -1 ? -1 : got && !bad;
}

/* A line that was to be an event: perhaps it is one now. */
static int
read_event(const struct event *old, struct json_span text, struct buf *out, struct replay_row_cause *cause,
    struct ss_err *err)
{
	struct ss_err why = { .text = "" };
	struct json_mem mem = { 0 };
	struct event ev;
	int rc;

	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	if (event_parse(&ev, &mem, text.p, text.n, &why) == -1) {
		stays(cause, OUTCOME_PARSE, "rejected", 8, why.text, strlen(why.text));
		rc = 0;
	} else if (ev.is_ss) {
		stays(cause, OUTCOME_PARSE, "rejected", 8, "types that begin with ss. are our own", 37);
		rc = 0;
	} else {
		rc = put_event(out, old, &ev, -1) == -1 ? err_nomem(err) : 1;
	}
	json_mem_free(&mem);
	return rc;
}

int
replay_row_again(struct cli *c, const struct event *ev, struct buf *out, struct replay_row_cause *cause,
    struct ss_err *err)
{
	struct yyjson_val *header = json_get(ev->data, "header");
	struct json_span text = json_str(json_get(ev->data, "text"));
	struct buf lines = { 0 };
	char delim;
	int fd, rc;

	if (text.p == NULL) {
		/* bytes that are no text: nothing has changed */
		stays_as(cause, ev);
		return 0;
	}
	if (header == NULL)
		return read_event(ev, text, out, cause, err);
	fd = make_file(header, text, &delim, err);
	if (fd == -1)
		return -1;
	rc = read_file(c, ev, fd, delim, &lines, err);
	if (rc == -1)
		err_prefix(err, "the rejected row, read again");
	else
		rc = sort_lines(ev, &lines, fd, out, cause, err);
	(void)close(fd);
	buf_free(&lines);
	return rc;
}
