#include "peer/csvevent.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/uuid.h"
#include "event/json.h"
#include "event/out.h"
#include "peer/csv.h"

#define HEADER_MAX ((size_t)32 << 10)

int
csvevent_init(struct csvevent *e, struct ss_err *err)
{
	e->now = clock_now(e->clock);
	(void)buf_adds(&e->before, "\",\"source\":");
	(void)json_put_cstr(&e->before, e->source);
	(void)buf_adds(&e->before, ",\"type\":\"");
	(void)buf_addf(&e->middle, ",\"time\":\"%s\",\"data\":", e->time);
	return e->before.failed || e->middle.failed ? err_nomem(err) : csvevent_entry(e, NULL, err);
}

void
csvevent_free(struct csvevent *e)
{
	buf_free(&e->before);
	buf_free(&e->middle);
	buf_free(&e->at);
	buf_free(&e->header);
}

static void
put_place(const struct csvevent *e, struct buf *b)
{
	(void)buf_adds(b, "\"file\":");
	(void)json_put_cstr(b, e->file);
	if (e->entry != NULL) {
		(void)buf_adds(b, ",\"entry\":");
		(void)json_put_cstr(b, e->entry);
	}
}

int
csvevent_entry(struct csvevent *e, const char *entry, struct ss_err *err)
{
	e->entry = entry;
	buf_clear(&e->header);
	buf_clear(&e->at);
	(void)buf_adds(&e->at, "\"at\":{");
	put_place(e, &e->at);
	(void)buf_adds(&e->at, ",\"row\":");
	return e->at.failed ? err_nomem(err) : 0;
}

void
csvevent_begin(struct csvevent *e, struct buf *b, const char *type, size_t n)
{
	static const char first[] = "{\"specversion\":\"1.0\",\"id\":\"";
	size_t all = sizeof(first) - 1 + UUID_TEXT + e->before.len + n + 1;
	char *o;

	/* a clock read costs more than an id; ids rise anyway */
	if ((e->ids++ & 255) == 0)
		e->now = clock_now(e->clock);
	if (buf_room(b, all) == -1)
		return;
	o = b->p + b->len;
	memcpy(o, first, sizeof(first) - 1);
	o += sizeof(first) - 1;
	uuid_v7(e->uuid, e->now, o);
	o += UUID_TEXT - 1;
	memcpy(o, e->before.p, e->before.len);
	o += e->before.len;
	memcpy(o, type, n);
	o += n;
	*o++ = '"';
	b->len = (size_t)(o - b->p);
}

void
csvevent_begin_id(const struct csvevent *e, struct buf *b, struct json_span id)
{
	(void)buf_adds(b, "{\"specversion\":\"1.0\",\"id\":");
	(void)buf_add(b, id.p, id.n);
	/* behind the quote that closes the id */
	(void)buf_add(b, e->before.p + 1, e->before.len - 1);
	(void)buf_addc(b, '"');
}

void
csvevent_data(struct csvevent *e, struct buf *b)
{
	(void)buf_add(b, e->middle.p, e->middle.len);
}

void
csvevent_at(const struct csvevent *e, struct buf *b, uint64_t row)
{
	(void)buf_add(b, e->at.p, e->at.len);
	(void)buf_addu(b, row);
	(void)buf_addc(b, '}');
}

int
csvevent_done(struct csvevent *e, struct ss_err *err)
{
	(void)buf_addc(out_buf(e->out), '\n');
	e->lines++;
	return out_done(e->out, 1, err);
}

static void
put_base64(struct buf *b, const char *p, size_t n)
{
	static const char abc[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = (const unsigned char *)p;
	size_t i;

	if (buf_room(b, n / 3 * 4 + 6) == -1)
		return;
	b->p[b->len++] = '"';
	for (i = 0; i < n; i += 3) {
		unsigned v = (unsigned)s[i] << 16 | (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0) |
		    (i + 2 < n ? (unsigned)s[i + 2] : 0);

		b->p[b->len++] = abc[v >> 18];
		b->p[b->len++] = abc[v >> 12 & 63];
		b->p[b->len++] = i + 1 < n ? abc[v >> 6 & 63] : '=';
		b->p[b->len++] = i + 2 < n ? abc[v & 63] : '=';
	}
	b->p[b->len++] = '"';
}

static void
put_raw(struct buf *b, const struct csv_row *row)
{
	size_t n = row->raw_n < CSV_KEEP ? row->raw_n : CSV_KEEP, cut;

	/* a cut must not make good text bad: step back to the start of a character */
	for (cut = n; cut < row->raw_n && cut > 0 && n - cut < 3 &&
	    ((unsigned char)row->raw[cut] & 0xc0) == 0x80;)
		cut--;
	if (json_utf8(row->raw, cut)) {
		(void)buf_adds(b, ",\"text\":");
		(void)json_put_str(b, row->raw, cut);
		n = cut;
	} else {
		(void)buf_adds(b, ",\"base64\":");
		put_base64(b, row->raw, n);
	}
	if (row->size > n)
		(void)buf_addf(b, ",\"size\":%llu", (unsigned long long)row->size);
}

int
csvevent_reject(struct csvevent *e, const struct csv_row *row, const struct csvevent_bad *bad,
    struct ss_err *err)
{
	const char *parts[] = { e->source, row->raw, NULL };
	const size_t lens[] = { strlen(e->source), row->raw_n };
	struct buf *b = out_buf(e->out);
	char id[UUID_TEXT];

	if (uuid_v5(parts, lens, id) == -1)
		return err_nomem(err);
	(void)buf_addf(b, "{\"specversion\":\"1.0\",\"id\":\"%s", id);
	(void)buf_add(b, e->before.p, e->before.len);
	(void)buf_adds(b, "line.rejected\",\"subject\":");
	(void)json_put_cstr(b, e->file);
	b->len -= b->failed ? 0 : 1;	/* its closing quote */
	(void)buf_addf(b, ":%llu\"", (unsigned long long)row->line);
	csvevent_data(e, b);
	(void)buf_addc(b, '{');
	put_place(e, b);
	(void)buf_addf(b, ",\"line\":%llu,\"row\":%llu", (unsigned long long)row->line,
	    (unsigned long long)row->number);
	if (e->header.len > 0 && e->header.len < HEADER_MAX) {
		(void)buf_adds(b, ",\"header\":");
		(void)buf_add(b, e->header.p, e->header.len);
	}
	put_raw(b, row);
	(void)buf_addf(b, ",\"class\":\"%s\",\"code\":\"%s\",\"message\":", bad->cls, bad->code);
	(void)json_put_cstr(b, bad->message);
	(void)buf_adds(b, "}}");
	return csvevent_done(e, err);
}

int
csvevent_cursor(struct csvevent *e, const struct csvevent_cursor *c, struct ss_err *err)
{
	struct buf *b = out_buf(e->out);
	uint64_t lines = e->lines;
	int end = strcmp(c->phase, "end") == 0;

	csvevent_begin(e, b, "ss.cursor", 9);
	(void)json_put_member(b, "subject", c->path, strlen(c->path));
	csvevent_data(e, b);
	(void)buf_addf(b, "{\"phase\":\"%s\"", c->phase);
	(void)json_put_member(b, "name", c->name, strlen(c->name));
	(void)json_put_member(b, "what", e->file, strlen(e->file));
	if (end)
		(void)buf_addf(b, ",\"lines\":%llu", (unsigned long long)lines);
	(void)buf_addf(b, ",\"position\":{\"bytes\":%llu,\"rows\":%llu}%s}}",
	    (unsigned long long)c->bytes, (unsigned long long)c->rows,
	    end && c->complete ? ",\"complete\":true" : "");
	if (csvevent_done(e, err) == -1)
		return -1;
	if (!end)
		e->lines = 0;
	return 0;
}
