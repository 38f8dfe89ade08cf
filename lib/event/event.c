#include "event/event.h"

#include <string.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"

#define IS(name) (memcmp(k.p, name, sizeof(name) - 1) == 0)

/* Where each well-known string attribute goes; NULL for another member. */
static struct json_span *
slot_of(struct event *ev, struct json_span k)
{
	switch (k.n) {
	case 2:
		return IS("id") ? &ev->id : NULL;
	case 4:
		return IS("type") ? &ev->type : IS("time") ? &ev->time : NULL;
	case 6:
		return IS("source") ? &ev->source : IS("ssturn") ? &ev->turn : NULL;
	case 7:
		return IS("subject") ? &ev->subject : NULL;
	case 8:
		return IS("ssstages") ? &ev->stages : NULL;
	case 10:
		return IS("sspipeline") ? &ev->pipeline : NULL;
	case 11:
		return IS("causationid") ? &ev->causation : NULL;
	case 12:
		return IS("partitionkey") ? &ev->partition : NULL;
	case 13:
		return IS("correlationid") ? &ev->correlation : NULL;
	default:
		return NULL;
	}
}

/* Members that belong to one passage, or that recording sets anew. */
static int
of_passage(struct json_span k)
{
	switch (k.n) {
	case 5:
		return IS("ssseq") || IS("sscrc");
	case 6:
		return IS("ssturn");
	case 7:
		return IS("ssplace");
	case 10:
		return IS("sspipeline");
	case 12:
		return IS("recordedtime");
	default:
		return 0;
	}
}

/* Is this key one of those before it? */
__attribute__((noinline)) static int
stands_before(yyjson_val *root, yyjson_val *key)
{
	yyjson_val *v = unsafe_yyjson_get_first(root);

	for (; v != key; v = unsafe_yyjson_get_next(v + 1))
		if (unsafe_yyjson_get_len(v) == unsafe_yyjson_get_len(key) &&
		    memcmp(unsafe_yyjson_get_str(v), unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)) == 0)
			return 1;
	return 0;
}

/* A bit for a key: no two of the well-known ones share it. */
static uint64_t
kind(struct json_span k)
{
	if (k.n == 0)
		return 1;
	return (uint64_t)1 << (((unsigned char)k.p[k.n / 2] + 4u * (unsigned char)k.p[k.n - 1] + 4 * k.n) & 63);
}

static int
take_member(struct event *ev, struct json_span k, yyjson_val *v, struct ss_err *err)
{
	struct json_span *slot = slot_of(ev, k);

	ev->passage |= of_passage(k);
	/* CloudEvents JSON format 1.0, section 2.2: unset may be written as null */
	if (yyjson_is_null(v) && ((slot != NULL && slot != &ev->id && slot != &ev->source && slot != &ev->type) ||
	    (k.n == 5 && IS("ssseq"))))
		return 0;
	if (slot != NULL) {
		if (!yyjson_is_str(v))
			return err_set(err, SS_EXIT_USAGE, "member '%.*s' is not a string", (int)k.n, k.p);
		*slot = json_str(v);
		if (slot == &ev->pipeline && memchr(slot->p, '\0', slot->n) != NULL)
			return err_set(err, SS_EXIT_USAGE, "sspipeline holds a NUL");
	} else if (k.n == 4 && IS("data")) {
		ev->data = v;
	} else if (k.n == 5 && IS("ssseq") && json_u64(v, &ev->seq) == -1) {
		return err_set(err, SS_EXIT_USAGE, "ssseq is not a whole number");
	}
	return 0;
}

/* All members once; *version: specversion is "1.0". */
static int
take_members(struct event *ev, int *version, struct ss_err *err)
{
	yyjson_val *key = unsafe_yyjson_get_first(ev->root), *val, *next;
	uint64_t seen = 0;
	size_t i;

	for (i = 0; i < ev->n; i++, key = next) {
		struct json_span k = { unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key) };
		uint64_t bit = kind(k);

		val = key + 1;
		next = unsafe_yyjson_get_next(val);
		if ((seen & bit) != 0 && stands_before(ev->root, key))
			return err_set(err, SS_EXIT_USAGE, "member '%.*s' stands twice", (int)(k.n > 60 ? 60 : k.n), k.p);
		seen |= bit;
		if (take_member(ev, k, val, err) == -1)
			return -1;
		if (ev->data == val)
			ev->data_raw = json_value(ev->mem, ev->text, key, i + 1 < ev->n ? next : NULL, ev->line);
		else if (k.n == 11 && IS("specversion"))
			*version = yyjson_equals_strn(val, "1.0", 3);
	}
	return 0;
}
#undef IS

int
event_parse(struct event *ev, struct json_mem *mem, const char *p, size_t n, struct ss_err *err)
{
	const char *end = p + n, *start = p;
	yyjson_val *root = json_read(mem, p, n, err);
	int version = 0;

	if (root == NULL)
		return -1;
	if (!yyjson_is_obj(root))
		return err_set(err, SS_EXIT_USAGE, "not an event: the line is not a JSON object");
	while (end[-1] != '}')
		end--;
	while (*start != '{')
		start++;
	*ev = (struct event){ .line = { start, (size_t)(end - start) }, .root = root, .mem = mem, .text = p,
		.n = unsafe_yyjson_get_len(root) };
	if (ev->n > EVENT_MEMBERS)
		return err_set(err, SS_EXIT_USAGE, "more than %d members in an event", EVENT_MEMBERS);
	if (take_members(ev, &version, err) == -1)
		return -1;
	if (!version)
		return err_set(err, SS_EXIT_USAGE, "not an event: specversion is not \"1.0\"");
	if (ev->id.n == 0 || ev->source.n == 0 || ev->type.n == 0)
		return err_set(err, SS_EXIT_USAGE, "not an event: %s is missing or empty",
		    ev->id.n == 0 ? "id" : ev->source.n == 0 ? "source" : "type");
	ev->is_ss = ev->type.n > 3 && memcmp(ev->type.p, "ss.", 3) == 0;
	return 0;
}

#define EDITS 16

struct editing {
	struct buf *b;
	const struct event_edit *e;
	size_t n;
	const char *from;	/* what is not written yet */
	int first;
	unsigned char used[EDITS];
};

static int
edit_member(void *ctx, struct json_span key, yyjson_val *v, struct json_span raw)
{
	struct editing *d = ctx;
	const struct event_edit *hit = NULL;
	size_t k;

	(void)v;
	for (k = 0; k < d->n && hit == NULL; k++)
		if (strlen(d->e[k].key) == key.n && memcmp(d->e[k].key, key.p, key.n) == 0) {
			hit = &d->e[k];
			d->used[k] = 1;
		}
	if (hit != NULL && hit->raw == NULL) {
		/* dropped: with it what stands between it and the member before */
		d->from = raw.p + raw.n;
		return 0;
	}
	if (d->first || *d->from != ',')
		for (; *d->from != '"'; d->from++)
			;
	if (!d->first && *d->from == '"')
		(void)buf_addc(d->b, ',');
	d->first = 0;
	(void)buf_add(d->b, d->from, (size_t)((hit == NULL ? raw.p + raw.n : raw.p) - d->from));
	if (hit != NULL)
		(void)buf_add(d->b, hit->raw, hit->n);
	d->from = raw.p + raw.n;
	return 0;
}

int
event_edit(struct buf *b, const struct event *ev, const struct event_edit *e, size_t n)
{
	struct editing d = { .b = b, .e = e, .n = n, .from = ev->line.p + 1, .first = 1 };
	size_t k;

	if (n > EDITS)
		return -1;
	(void)buf_addc(b, '{');
	(void)json_members(ev->mem, ev->text, ev->root, ev->line, edit_member, &d);
	for (k = 0; k < n; k++) {
		if (d.used[k] || e[k].raw == NULL)
			continue;
		if (!d.first)
			(void)buf_addc(b, ',');
		d.first = 0;
		(void)buf_addc(b, '"');
		(void)buf_adds(b, e[k].key);
		(void)buf_adds(b, "\":");
		(void)buf_add(b, e[k].raw, e[k].n);
	}
	return buf_addc(b, '}') == -1 || b->failed ? -1 : 0;
}

int
event_in_list(struct json_span list, const char *name, size_t n)
{
	const char *p = list.p, *end = list.p + list.n, *c;

	for (; p != NULL && p < end; p = c + 1) {
		c = memchr(p, ',', (size_t)(end - p));
		if (c == NULL)
			c = end;
		if ((size_t)(c - p) == n && memcmp(p, name, n) == 0)
			return 1;
	}
	return 0;
}

void
event_turn(const struct event *ev, struct event_turn *t)
{
	const char *p = ev->turn.p, *end;

	memset(t, 0, sizeof(*t));
	if (p == NULL)
		return;
	end = p + ev->turn.n;
	p += num_scan(p, (size_t)(end - p), &t->attempt);
	if (p < end && *p == ',')
		p++;
	p += num_scan(p, (size_t)(end - p), &t->replay);
	if (end - p >= 4 && memcmp(p, ",due", 4) == 0)
		t->mode = EVENT_DUE;
	else if (end - p >= 7 && memcmp(p, ",replay", 7) == 0)
		t->mode = EVENT_REPLAY;
	t->force = end - p >= 6 && memcmp(end - 6, ",force", 6) == 0;
}

int64_t
event_time(const struct event *ev)
{
	int64_t ms;

	return ev->time.p != NULL && clock_parse(ev->time.p, ev->time.n, &ms) == 0 ? ms : -1;
}

int
event_is_state(const struct event *ev)
{
	return (ev->type.n > 5 && memcmp(ev->type.p, "item.", 5) == 0) ||
	    (ev->type.n > 8 && memcmp(ev->type.p, "product.", 8) == 0);
}

struct json_span
event_order_key(const struct event *ev)
{
	struct json_span s;

	if (ev->partition.n > 0)
		return ev->partition;
	if (ev->type.n > 5 && memcmp(ev->type.p, "item.", 5) == 0) {
		s = json_str(json_get(ev->data, "product"));
		if (s.n > 0)
			return s;
	}
	return ev->subject.n > 0 ? ev->subject : ev->id;
}

static const struct {
	const char *s;
	size_t n;
} type_names[EVENT_TYPE_COUNT] = {
#define EVENT_TYPE_NAME(a, b) [a] = { b, sizeof(b) - 1 },
	EVENT_TYPES(EVENT_TYPE_NAME)
};

enum event_type
event_type(const struct event *ev)
{
	int i;

	if (!ev->is_ss)
		return EVENT_OTHER;
	for (i = 1; i < EVENT_TYPE_COUNT; i++)
		if (type_names[i].n == ev->type.n && memcmp(type_names[i].s, ev->type.p, ev->type.n) == 0)
			return (enum event_type)i;
	return EVENT_OTHER;
}

const char *
event_type_name(enum event_type t)
{
	return type_names[t].s;
}

int
event_type_ends(enum event_type t)
{
	return t >= EVENT_DELIVERED && t <= EVENT_DEAD;
}

int
event_type_outcome(enum event_type t)
{
	return t >= EVENT_DELIVERED && t <= EVENT_PARKED;
}
