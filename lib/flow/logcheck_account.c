/* Accounts of deliveries by brute force: one bit a place and state. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/uuid.h"
#include "flow/logcheck.h"

#define BITS_MAX ((uint64_t)1 << 36)

static int
get(const struct logcheck_bits *b, uint64_t i)
{
	return i >= b->base && i - b->base < b->n && (b->p[(i - b->base) / 8] >> (i - b->base) % 8 & 1);
}

/* 1 if that changed it, 0, -1.  No place below base is ever set. */
static int
set(struct logcheck_bits *b, uint64_t base, uint64_t i)
{
	unsigned char *p;
	uint64_t n = b->n;

	if (get(b, i))
		return 0;
	if (n == 0)
		b->base = base;
	if (i < b->base || i - b->base >= BITS_MAX)
		return -1;
	if (i - b->base >= n) {
		for (n = n == 0 ? 8192 : n; i - b->base >= n;)
			n *= 2;
		p = realloc(b->p, n / 8);
		if (p == NULL)
			return -1;
		memset(p + b->n / 8, 0, (n - b->n) / 8);
		b->p = p;
		b->n = n;
	}
	b->p[(i - b->base) / 8] = (unsigned char)(b->p[(i - b->base) / 8] | 1 << (i - b->base) % 8);
	return 1;
}

static int
unset(struct logcheck_bits *b, uint64_t i)
{
	if (!get(b, i))
		return 0;
	b->p[(i - b->base) / 8] = (unsigned char)(b->p[(i - b->base) / 8] & ~(1 << (i - b->base) % 8));
	return 1;
}

static struct logcheck_account *
find(const struct logcheck_accounts *a, const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (strlen(a->v[i].name) == n && memcmp(a->v[i].name, name, n) == 0)
			return &a->v[i];
	return NULL;
}

static struct logcheck_account *
account(struct logcheck_accounts *a, const char *name, size_t n)
{
	struct logcheck_account *v = find(a, name, n);

	if (v != NULL)
		return v;
	v = realloc(a->v, (a->n + 1) * sizeof(*v));
	if (v == NULL)
		return NULL;
	a->v = v;
	v += a->n;
	memset(v, 0, sizeof(*v));
	v->name = strndup(name, n);
	if (v->name == NULL)
		return NULL;
	a->n++;
	return v;
}

/* The names that ss-log(5) allows. */
static int
name_ok(struct json_span s)
{
	return s.n > 0 && s.n <= 200 && memchr(s.p, '\0', s.n) == NULL;
}

/* Was this foreign id opened in that pipeline before?  1, else remembered and 0. */
static int
opened_before(struct logcheck_accounts *a, struct json_span source, struct json_span id, const char *pipe, size_t pn)
{
	uint64_t key, *at;

	if (source.n == 0 || id.n == 0 || uuid_version(id.p, id.n) == 7)
		return 0;
	key = hash_64(pipe, pn, hash_64(id.p, id.n, hash_64(source.p, source.n, 1)));
	if (a->seen == NULL && (a->seen = calloc(1, sizeof(*a->seen))) == NULL)
		return -1;
	at = hash_add(a->seen, key);
	if (at == NULL)
		return -1;
	return (*at)++ > 0;
}

static int
open_in(struct logcheck_accounts *a, struct json_span list, uint64_t place, struct json_span source, struct json_span id,
    int once)
{
	const char *p = list.p, *end = p + list.n, *c;

	for (; p < end; p = c + 1) {
		struct logcheck_account *v;
		int rc;

		c = memchr(p, ',', (size_t)(end - p));
		if (c == NULL)
			c = end;
		if (!name_ok((struct json_span){ p, (size_t)(c - p) }))
			continue;
		rc = opened_before(a, source, id, p, (size_t)(c - p));
		if (rc == -1)
			return -1;
		if (rc == 1 && once)
			continue;
		v = account(a, p, (size_t)(c - p));
		rc = v == NULL ? -1 : set(&v->open, place, place);
		if (rc == -1)
			return -1;
		v->opened += (uint64_t)rc;
		v->nopen += (uint64_t)rc;
	}
	return 0;
}

/* Close a place: 1 if it was open. */
static int
close_place(struct logcheck_account *v, uint64_t place)
{
	if (!unset(&v->open, place))
		return 0;
	v->nopen--;
	v->nfailed -= (uint64_t)unset(&v->failed, place);
	v->nparked -= (uint64_t)unset(&v->parked, place);
	return 1;
}

static int
take_range(struct logcheck_account *v, enum event_type t, uint64_t first, uint64_t last, uint64_t told)
{
	uint64_t n = 0, i;

	if (first < v->open.base)
		first = v->open.base;
	if (v->open.n == 0 || last >= v->open.base + v->open.n)
		last = v->open.base + v->open.n - (v->open.n != 0);
	/* what is failed or parked was not fed with its neighbours */
	for (i = first; v->open.n != 0 && i <= last; i++)
		if (!get(&v->failed, i) && !get(&v->parked, i))
			n += (uint64_t)close_place(v, i);
	v->ended[t] += n;
	v->doubles += told > n ? told - n : 0;
	return 0;
}

/* Failed or parked: says which, of a place that is open. */
static int
take_exception(struct logcheck_account *v, enum event_type t, uint64_t place)
{
	int rc;

	if (!get(&v->open, place))
		return 0;
	v->nfailed -= (uint64_t)unset(&v->failed, place);
	v->nparked -= (uint64_t)unset(&v->parked, place);
	rc = set(t == EVENT_PARKED ? &v->parked : &v->failed, v->open.base, place);
	if (rc == -1)
		return -1;
	if (t == EVENT_PARKED)
		v->nparked++;
	else
		v->nfailed++;
	return 0;
}

static int
take_outcome(struct logcheck_accounts *a, const struct event *ev, enum event_type t)
{
	struct yyjson_val *of = json_get(ev->data, "event"), *range = json_get(ev->data, "range");
	struct json_span pipe = json_str(json_get(ev->data, "pipeline"));
	struct logcheck_account *v;
	uint64_t place, last, told;
	int rc;

	if (!name_ok(pipe))
		return 0;
	if (range != NULL && event_type_ends(t)) {
		if (json_u64(json_at(range, 0), &place) == -1 || json_u64(json_at(range, 1), &last) == -1 ||
		    place > last || json_u64(json_get(ev->data, "n"), &told) == -1)
			return 0;
		v = account(a, pipe.p, pipe.n);
		return v == NULL ? -1 : take_range(v, t, place, last, told);
	}
	if (json_u64(json_get(of, "place"), &place) == -1 && json_u64(json_get(of, "seq"), &place) == -1)
		return 0;
	if (!event_type_ends(t)) {
		v = find(a, pipe.p, pipe.n);
		return v == NULL ? 0 : take_exception(v, t, place);
	}
	v = account(a, pipe.p, pipe.n);
	if (v == NULL)
		return -1;
	if (!close_place(v, place)) {
		v->doubles++;
		return 0;
	}
	v->ended[t]++;
	if (t != EVENT_DEAD)
		return 0;
	rc = set(&v->dead, v->open.base, place);
	v->ndead += rc == 1;
	return rc == -1 ? -1 : 0;
}

static int
take_replay(struct logcheck_accounts *a, const struct event *ev, uint64_t seq)
{
	struct json_span pipe = json_str(json_get(ev->data, "pipeline"));
	struct logcheck_account *v;
	uint64_t old;

	if (!name_ok(pipe))
		return 0;
	v = account(a, pipe.p, pipe.n);
	if (v == NULL)
		return -1;
	if (json_u64(json_get(json_get(ev->data, "event"), "place"), &old) == 0) {
		v->replaced += (uint64_t)close_place(v, old);
		v->ndead -= (uint64_t)unset(&v->dead, old);
	}
	return open_in(a, pipe, seq, json_str(json_get(json_get(ev->data, "event"), "source")),
	    json_str(json_get(json_get(ev->data, "event"), "id")), 0);
}

static int
add_target(struct logcheck_accounts *a, struct json_span target)
{
	char **v;
	size_t i;

	for (i = 0; i < a->ntargets; i++)
		if (strlen(a->targets[i]) == target.n && memcmp(a->targets[i], target.p, target.n) == 0)
			return 0;
	v = realloc(a->targets, (a->ntargets + 1) * sizeof(*v));
	if (v == NULL)
		return -1;
	a->targets = v;
	v[a->ntargets] = strndup(target.p, target.n);
	return v[a->ntargets] == NULL ? -1 : (a->ntargets++, 0);
}

static int
take_intent(struct logcheck_accounts *a, const struct event *ev, int settled)
{
	struct json_span target = json_str(json_get(ev->data, "target"));
	struct json_span id = settled ? json_str(json_get(ev->data, "intent")) : ev->id;
	uint64_t *at, key;

	/* longer than a table's key is not kept */
	if (target.n == 0 || id.n == 0 || target.n + 1 + id.n > 511)
		return 0;
	key = hash_64(id.p, id.n, hash_64(target.p, target.n, 0));
	if (a->intents == NULL && (a->intents = calloc(1, sizeof(*a->intents))) == NULL)
		return -1;
	at = hash_add(a->intents, key);
	if (at == NULL)
		return -1;
	a->nintents += (uint64_t)(!settled && *at == 0) - (uint64_t)(settled && *at != 0);
	*at = !settled;
	return settled ? 0 : add_target(a, target);
}

int
logcheck_account_line(struct logcheck_accounts *a, const struct event *ev, uint64_t seq)
{
	enum event_type t = event_type(ev);
	struct json_span list;

	if (event_type_outcome(t)) {
		/* opened elsewhere: a delivery in each pipeline that it names */
		list = t == EVENT_ROUTED ? json_str(json_get(ev->data, "to")) : (struct json_span){ NULL, 0 };
		return take_outcome(a, ev, t) == -1 || (list.n > 0 && open_in(a, list, seq,
		    json_str(json_get(json_get(ev->data, "event"), "source")),
		    json_str(json_get(json_get(ev->data, "event"), "id")), 0) == -1) ? -1 : 0;
	}
	switch (t) {
	case EVENT_REPLAYED:
		return take_replay(a, ev, seq);
	case EVENT_ACCEPTED:
		list = json_str(json_get(ev->data, "pipeline"));
		return list.n == 0 ? 0 : open_in(a, list, seq, json_str(json_get(json_get(ev->data, "event"), "source")),
		    json_str(json_get(json_get(ev->data, "event"), "id")), 1);
	case EVENT_INTENT:
	case EVENT_SETTLED:
		return take_intent(a, ev, t == EVENT_SETTLED);
	case EVENT_OTHER:
		if (ev->is_ss)
			return 0;
		list = ev->pipeline.n > 0 ? ev->pipeline : (struct json_span){ "-", 1 };
		return open_in(a, list, seq, ev->source, ev->id, 1);
	default:
		return 0;
	}
}

uint64_t
logcheck_account_position(const struct logcheck_account *p)
{
	uint64_t i, bytes = p->open.n / 8;
	int k;

	for (i = 0; i < bytes; i++)
		for (k = 0; p->open.p[i] != 0 && k < 8; k++)
			if (p->open.p[i] >> k & 1)
				return p->open.base + i * 8 + (uint64_t)k;
	return 0;
}

void
logcheck_account_free(struct logcheck_accounts *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		free(a->v[i].name);
		free(a->v[i].open.p);
		free(a->v[i].failed.p);
		free(a->v[i].parked.p);
		free(a->v[i].dead.p);
	}
	for (i = 0; i < a->ntargets; i++)
		free(a->targets[i]);
	free(a->targets);
	free(a->v);
	if (a->intents != NULL)
		hash_free(a->intents);
	free(a->intents);
	if (a->seen != NULL)
		hash_free(a->seen);
	free(a->seen);
	memset(a, 0, sizeof(*a));
}
