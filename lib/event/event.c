#include "event/event.h"

#include <string.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"

/* Where each well-known string attribute goes. */
static struct json_span *
slot_of(struct event *ev, struct json_span k)
{
#define IS(name) (k.n == sizeof(name) - 1 && memcmp(k.p, name, sizeof(name) - 1) == 0)
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

struct walk {
	struct event *ev;
	struct ss_err *err;
	int version_ok;
	uint64_t kinds;		/* of keys that came: a bit by length and first byte */
	const char *text, *pool;	/* what was read, and its copy that strings point into */
};

static int
twice(struct walk *w, struct json_span k)
{
	const struct event *ev = w->ev;
	uint64_t kind = (uint64_t)1 << ((k.n == 0 ? 0 : (unsigned char)k.p[0] + 5 * k.n) & 63);
	size_t i;

	if ((w->kinds & kind) == 0) {
		w->kinds |= kind;
		return 0;
	}
	for (i = 0; i < ev->n; i++)
		if (ev->m[i].key.n == k.n && (k.n == 0 || (ev->m[i].key.p[0] == k.p[0] &&
		    memcmp(ev->m[i].key.p, k.p, k.n) == 0)))
			return 1;
	return 0;
}

static int
member(void *ctx, struct json_span k, yyjson_val *v, struct json_span raw)
{
	struct walk *w = ctx;
	struct event *ev = w->ev;
	struct json_span *slot;
	const char *prev;

	if (ev->n == EVENT_MEMBERS)
		return err_set(w->err, SS_EXIT_USAGE, "more than %d members in an event", EVENT_MEMBERS);
	if (twice(w, k))
		return err_set(w->err, SS_EXIT_USAGE, "member '%.*s' stands twice", (int)(k.n > 60 ? 60 : k.n), k.p);
	/* the key's opening quote: a string begins in the copy where it does in the text */
	prev = w->text + (k.p - w->pool) - 1;
	ev->m[ev->n].key = k;
	ev->m[ev->n].raw = raw;
	ev->m[ev->n].all = (struct json_span){ prev, (size_t)(raw.p + raw.n - prev) };
	ev->n++;
	slot = slot_of(ev, k);
	if (slot != NULL) {
		if (!yyjson_is_str(v))
			return err_set(w->err, SS_EXIT_USAGE, "member '%.*s' is not a string", (int)k.n, k.p);
		*slot = json_str(v);
		if (slot == &ev->pipeline && memchr(slot->p, '\0', slot->n) != NULL)
			return err_set(w->err, SS_EXIT_USAGE, "sspipeline holds a NUL");
	} else if (IS("data")) {
		ev->data = v;
		ev->data_raw = raw;
	} else if (IS("specversion")) {
		struct json_span s = json_str(v);

		w->version_ok = s.n == 3 && memcmp(s.p, "1.0", 3) == 0;
	} else if (IS("ssseq") && json_u64(v, &ev->seq) == -1) {
		return err_set(w->err, SS_EXIT_USAGE, "ssseq is not a whole number");
	}
	return 0;
#undef IS
}

int
event_parse(struct event *ev, struct json_mem *mem, const char *p, size_t n, struct ss_err *err)
{
	struct walk w = { .ev = ev, .err = err, .text = p };
	const char *end = p + n;
	yyjson_val *root = json_read(mem, p, n, err);

	if (root == NULL)
		return -1;
	memset(ev, 0, offsetof(struct event, m));
	if (!yyjson_is_obj(root))
		return err_set(err, SS_EXIT_USAGE, "not an event: the line is not a JSON object");
	while (end[-1] != '}')
		end--;
	while (*p != '{')
		p++;
	ev->line = (struct json_span){ p, (size_t)(end - p) };
	ev->root = root;
	ev->is_ss = 0;
	w.pool = mem->doc->str_pool;
	if (json_members(mem, w.text, root, ev->line, member, &w) != 0)
		return -1;
	if (!w.version_ok)
		return err_set(err, SS_EXIT_USAGE, "not an event: specversion is not \"1.0\"");
	if (ev->id.n == 0 || ev->source.n == 0 || ev->type.n == 0)
		return err_set(err, SS_EXIT_USAGE, "not an event: %s is missing or empty",
		    ev->id.n == 0 ? "id" : ev->source.n == 0 ? "source" : "type");
	ev->is_ss = ev->type.n > 3 && memcmp(ev->type.p, "ss.", 3) == 0;
	return 0;
}

int
event_edit(struct buf *b, const struct event *ev, const struct event_edit *e, size_t n)
{
	unsigned char used[16] = { 0 };
	const char *from = ev->line.p;
	size_t i, k;
	int first = 1;

	if (n > sizeof(used))
		return -1;
	(void)buf_addc(b, '{');
	from++;
	for (i = 0; i < ev->n; i++) {
		const struct event_edit *hit = NULL;

		for (k = 0; k < n && hit == NULL; k++)
			if (strlen(e[k].key) == ev->m[i].key.n && memcmp(e[k].key, ev->m[i].key.p, ev->m[i].key.n) == 0) {
				hit = &e[k];
				used[k] = 1;
			}
		if (hit != NULL && hit->raw == NULL) {
			/* dropped: with it what stands between it and the member before */
			from = ev->m[i].raw.p + ev->m[i].raw.n;
			continue;
		}
		if (first || *from != ',')
			for (; *from != '"'; from++)
				;
		if (!first && *from == '"')
			(void)buf_addc(b, ',');
		first = 0;
		if (hit == NULL) {
			(void)buf_add(b, from, (size_t)(ev->m[i].raw.p + ev->m[i].raw.n - from));
		} else {
			(void)buf_add(b, from, (size_t)(ev->m[i].raw.p - from));
			(void)buf_add(b, hit->raw, hit->n);
		}
		from = ev->m[i].raw.p + ev->m[i].raw.n;
	}
	for (k = 0; k < n; k++) {
		if (used[k] || e[k].raw == NULL)
			continue;
		if (!first)
			(void)buf_addc(b, ',');
		first = 0;
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
