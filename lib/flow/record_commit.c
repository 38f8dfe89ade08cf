/* A batch of recorded lines becomes durable, and what goes on downstream. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "event/outcome.h"
#include "flow/record.h"
#include "store/ledger.h"
#include "store/log.h"

/* line.rejected ends dead, class parse, right behind being stored. */
static int
put_dead(struct record *r, struct json_mem *mem, const char *p, size_t n, uint64_t place, int64_t now, struct buf *out)
{
	struct outcome o = { .type = EVENT_DEAD, .stage = r->cli->prog->name + 3,
		.pipeline = r->relabel ? r->pipeline : NULL, .class = OUTCOME_PARSE, .code = "rejected", .ms = -1 };
	struct json_span why, class, code;
	char code_text[64];
	struct event ev;
	struct rng rng;
	struct uuid_gen g = { .rng = &rng };
	char id[UUID_TEXT];

	if (event_parse(&ev, mem, p, n, NULL) == -1)
		return -1;
	ev.seq = place;
	why = json_str(json_get(ev.data, "message"));
	class = json_str(json_get(ev.data, "class"));
	code = json_str(json_get(ev.data, "code"));
	if (code.n > 0 && code.n < sizeof(code_text)) {
		memcpy(code_text, code.p, code.n);
		code_text[code.n] = '\0';
		o.code = code_text;
	}
	o.message = why.n > 0 ? why.p : NULL;
	o.message_n = why.n;
	if (class.n == 5 && memcmp(class.p, "value", 5) == 0)
		o.class = OUTCOME_VALUE;
	/* an id that follows from the place: this may run beside the thread that
	 * owns the id generator */
	rng_init(&rng, 1, place ^ (uint64_t)now << 20);
	uuid_v7(&g, now, id);
	return outcome_put(out, &ev, &o, id, now);
}

static int
end_rejected(struct record *r, struct record_batch *b, struct ss_err *err)
{
	size_t i, k = 0, off = 0, n = b->rejected.len / sizeof(uint32_t);
	struct buf dead = { 0 };
	struct json_mem mem = { 0 };
	uint32_t *lens = calloc(n, sizeof(*lens)), at;
	uint64_t place;
	int rc = lens == NULL ? err_nomem(err) : 0;

	for (i = 0; rc == 0 && i < n; i++) {
		size_t start = dead.len;

		memcpy(&at, b->rejected.p + i * sizeof(at), sizeof(at));
		for (; k < at; k++)
			off += b->lens[k];
		if (put_dead(r, &mem, b->lines.p + off, b->lens[at], b->first + at, b->now, &dead) == -1)
			rc = err_nomem(err);
		lens[i] = (uint32_t)(dead.len - start);
	}
	if (rc == 0)
		rc = log_append(r->log, dead.p, lens, n, &place, NULL, err);
	json_mem_free(&mem);
	buf_free(&dead);
	free(lens);
	return rc;
}

/* Where stored lines are handed on from: the silent ones, which only the log
 * needs, are stepped over. */
struct weft {
	const struct record_batch *b;
	const char *s, *end;
	uint64_t done;
	size_t silent;
};

static void
hand_on(struct weft *w, uint64_t until, struct buf *out)
{
	uint32_t quiet;

	for (; w->done < until && w->s < w->end; w->done++) {
		const char *nl = memchr(w->s, '\n', (size_t)(w->end - w->s));

		quiet = UINT32_MAX;
		if (w->silent + sizeof(quiet) <= w->b->silent.len)
			memcpy(&quiet, w->b->silent.p + w->silent, sizeof(quiet));
		if (w->done == quiet)
			w->silent += sizeof(quiet);
		else
			(void)buf_add(out, w->s, (size_t)(nl - w->s) + 1);
		w->s = nl + 1;
	}
}

/* Stored lines and those that pass by, in the order they came. */
static int
weave(const struct record_batch *b, const char *stored, size_t n, struct buf *out, struct ss_err *err)
{
	const char *p = b->extra.p, *end = b->extra.p + b->extra.len;
	struct weft w = { .b = b, .s = stored, .end = stored + n };
	uint64_t head[2];

	while (p < end) {
		memcpy(head, p, sizeof(head));
		hand_on(&w, head[0], out);
		p += sizeof(head);
		(void)buf_add(out, p, head[1]);
		(void)buf_addc(out, '\n');
		p += head[1];
	}
	hand_on(&w, UINT64_MAX, out);
	return out->failed ? err_nomem(err) : 0;
}

int
record_append(struct record *r, struct record_batch *b, int want_out, struct ss_err *err)
{
	struct buf own = { 0 }, *to = !want_out ? NULL : b->extra.len + b->silent.len > 0 ? &own : &b->out;
	int rc = 0;

	buf_clear(&b->out);
	if (b->n > 0) {
		rc = log_append(r->log, b->lines.p, b->lens, b->n, &b->first, to, err);
		if (rc == 0 && b->rejected.len > 0)
			rc = end_rejected(r, b, err);
	}
	if (rc == 0 && to == &own)
		rc = weave(b, own.p == NULL ? "" : own.p, own.len, &b->out, err);
	buf_free(&own);
	return rc;
}

int
record_settle(struct record *r, struct record_batch *b, struct ss_err *err)
{
	int rc = 0;

	if (b->n > 0) {
		if (b->plain)
			rc = ledger_note(r->ledger, r->pipeline == NULL ? "-" : r->pipeline, b->first, b->n, err);
		if (r->first == 0)
			r->first = b->first;
		r->last = b->first + b->n - 1;
	}
	buf_clear(&b->lines);
	buf_clear(&b->rejected);
	buf_clear(&b->extra);
	buf_clear(&b->silent);
	buf_clear(&b->out);
	b->n = 0;
	b->now = 0;
	b->plain = 1;
	return rc;
}

int
record_commit(struct record *r, struct buf *out, struct ss_err *err)
{
	int rc = record_append(r, r->b, out != NULL, err);

	if (rc == 0 && r->b->n > 0)
		rc = log_sync(r->log, err);
	if (rc == 0 && out != NULL && buf_add(out, r->b->out.p, r->b->out.len) == -1)
		rc = err_nomem(err);
	if (rc == -1)
		return -1;
	rc = record_settle(r, r->b, err);
	if (r->view != NULL) {
		/* the next foreign id is looked up in what is applied by then */
		ledger_view_end(r->view);
		r->view = NULL;
		hash_clear(r->fresh);
	}
	return rc;
}
