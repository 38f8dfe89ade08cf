/* hs_script - which rule speaks of a request or an item, and what it says */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "hs_script.h"
#include "hs_util.h"

#define ACTION_TEXT(name, text) [ACT_##name] = text,
const char *const hs_action_name[ACT_COUNT] = { ACTIONS(ACTION_TEXT) };
#undef ACTION_TEXT

#define THROTTLE_RATE 2		/* a second, as Shopify's REST bucket leaks */
#define THROTTLE_BURST 1

struct rule {
	/* The match; strings are borrowed from the script's document. */
	const char *path, *method, *key, *suffix;
	double percent;		/* of keys; below 0: any */
	uint64_t from, to;	/* request numbers; to 0: any */
	uint64_t every;
	double probability;
	uint64_t times;		/* 0: without end */

	enum action action;
	int status;
	int64_t delay_ms;
	int atomic;
	char retry_after[64];
	const char *r_status, *r_code, *r_message;
	int permanent;
	double rate, burst;

	/* What it has done so far. */
	uint64_t seen, fired;
	double tokens;
	int64_t filled;		/* when tokens was reckoned; -1: never */
};

struct script {
	yyjson_doc *doc;
	struct rule *v;
	size_t n;
	int idempotency, atomic;
	uint64_t base;
};

struct why {
	char *p;
	size_t n;
};

static int
bad(const struct why *w, const char *what, const char *name)
{
	snprintf(w->p, w->n, "%s '%s'", what, name);
	return -1;
}

static int
get_text(yyjson_val *v, const char **dst, const char *name, const struct why *w)
{
	if (!yyjson_is_str(v))
		return bad(w, "not a string:", name);
	*dst = yyjson_get_str(v);
	return 0;
}

static int
get_number(yyjson_val *v, double *dst, double min, double max, const char *name, const struct why *w)
{
	double d = yyjson_get_num(v);

	if (!yyjson_is_num(v) || !(d >= min && d <= max))
		return bad(w, "not a number in range:", name);
	*dst = d;
	return 0;
}

static int
get_count(yyjson_val *v, uint64_t *dst, const char *name, const struct why *w)
{
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) == 0)
		return bad(w, "not a whole number from 1:", name);
	*dst = yyjson_get_uint(v);
	return 0;
}

static int
get_flag(yyjson_val *v, int *dst, const char *name, const struct why *w)
{
	if (!yyjson_is_bool(v))
		return bad(w, "not true or false:", name);
	*dst = yyjson_get_bool(v);
	return 0;
}

static int
get_retry_after(struct rule *r, yyjson_val *v, const struct why *w)
{
	if (yyjson_is_str(v) && yyjson_get_len(v) < sizeof r->retry_after)
		snprintf(r->retry_after, sizeof r->retry_after, "%s", yyjson_get_str(v));
	else if (yyjson_is_num(v))
		snprintf(r->retry_after, sizeof r->retry_after, "%.10g", yyjson_get_num(v));
	else
		return bad(w, "not a number or short string:", "retry_after");
	if (strpbrk(r->retry_after, "\r\n"))
		return bad(w, "a line end in", "retry_after");
	return 0;
}

static int
get_nth(struct rule *r, yyjson_val *v, const struct why *w)
{
	if (yyjson_is_uint(v)) {
		r->from = r->to = yyjson_get_uint(v);
		return r->to ? 0 : bad(w, "not from 1:", "nth");
	}
	if (!yyjson_is_arr(v) || yyjson_arr_size(v) != 2 ||
	    get_count(yyjson_arr_get(v, 0), &r->from, "nth", w) == -1 ||
	    get_count(yyjson_arr_get(v, 1), &r->to, "nth", w) == -1 || r->to < r->from)
		return bad(w, "not [from,to]:", "nth");
	return 0;
}

static int
get_refuse(struct rule *r, yyjson_val *v, const struct why *w)
{
	yyjson_val *k, *m;
	yyjson_obj_iter it;
	int rc = 0;

	if (!yyjson_obj_iter_init(v, &it))
		return bad(w, "not an object:", "refuse");
	while (rc == 0 && (k = yyjson_obj_iter_next(&it))) {
		const char *name = yyjson_get_str(k);

		m = yyjson_obj_iter_get_val(k);
		if (strcmp(name, "code") == 0)
			rc = get_text(m, &r->r_code, name, w);
		else if (strcmp(name, "message") == 0)
			rc = get_text(m, &r->r_message, name, w);
		else if (strcmp(name, "status") == 0)
			rc = get_text(m, &r->r_status, name, w);
		else if (strcmp(name, "permanent") == 0)
			rc = get_flag(m, &r->permanent, name, w);
		else
			rc = bad(w, "unknown in refuse:", name);
	}
	return rc;
}

/* A bucket that holds burst requests and gets rate more a second.  What a script
 * does not say is strict, so that a limit is never wider than it was meant. */
static int
get_throttle(struct rule *r, yyjson_val *v, const struct why *w)
{
	yyjson_val *rate = yyjson_obj_get(v, "rate"), *burst = yyjson_obj_get(v, "burst");

	r->rate = THROTTLE_RATE;
	r->burst = THROTTLE_BURST;
	if (yyjson_is_true(v))
		return 0;
	if (!yyjson_is_obj(v) || yyjson_obj_size(v) != (size_t)(rate != NULL) + (burst != NULL))
		return bad(w, "not true or {\"rate\":…,\"burst\":…}:", "throttle");
	if (rate && get_number(rate, &r->rate, 1e-6, 1e9, "rate", w) == -1)
		return -1;
	return burst ? get_number(burst, &r->burst, 1, 1e9, "burst", w) : 0;
}

/* 1: name is not of the match. */
static int
get_match(struct rule *r, const char *name, yyjson_val *v, const struct why *w)
{
	if (strcmp(name, "path") == 0)
		return get_text(v, &r->path, name, w);
	if (strcmp(name, "method") == 0)
		return get_text(v, &r->method, name, w);
	if (strcmp(name, "key") == 0)
		return get_text(v, &r->key, name, w);
	if (strcmp(name, "key_suffix") == 0)
		return get_text(v, &r->suffix, name, w);
	if (strcmp(name, "key_percent") == 0)
		return get_number(v, &r->percent, 0, 100, name, w);
	if (strcmp(name, "nth") == 0)
		return get_nth(r, v, w);
	if (strcmp(name, "every") == 0)
		return get_count(v, &r->every, name, w);
	if (strcmp(name, "probability") == 0)
		return get_number(v, &r->probability, 0, 1, name, w);
	if (strcmp(name, "times") == 0)
		return get_count(v, &r->times, name, w);
	return 1;
}

static int
get_action(struct rule *r, enum action a, yyjson_val *v, const struct why *w)
{
	double status;

	if (r->action != ACT_NONE)
		return bad(w, "a second action in one rule:", hs_action_name[a]);
	r->action = a;
	switch (a) {
	case ACT_REFUSE:
		return get_refuse(r, v, w);
	case ACT_THROTTLE:
		return get_throttle(r, v, w);
	case ACT_STATUS:
		if (!yyjson_is_uint(v) || get_number(v, &status, 200, 599, "status", w) == -1)
			return bad(w, "not an HTTP status:", "status");
		r->status = (int)status;
		return 0;
	default:
		return yyjson_is_true(v) ? 0 : bad(w, "can only be true:", hs_action_name[a]);
	}
}

static int
get_member(struct rule *r, const char *name, yyjson_val *v, const struct why *w)
{
	double d;
	int rc = get_match(r, name, v, w);

	if (rc <= 0)
		return rc;
	if (strcmp(name, "name") == 0)
		return 0;	/* for the script's reader */
	if (strcmp(name, "atomic") == 0)
		return get_flag(v, &r->atomic, name, w);
	if (strcmp(name, "retry_after") == 0)
		return get_retry_after(r, v, w);
	if (strcmp(name, "delay_ms") == 0) {
		if (get_number(v, &d, 0, 3600000, name, w) == -1)
			return -1;
		r->delay_ms = (int64_t)d;
		return 0;
	}
	for (enum action a = ACT_REFUSE; a < ACT_COUNT; a++)
		if (strcmp(name, hs_action_name[a]) == 0)
			return get_action(r, a, v, w);
	/* A misspelt rule must not pass for a test that found nothing wrong. */
	return bad(w, "unknown in a rule:", name);
}

static int
get_rule(struct rule *r, yyjson_val *v, const struct why *w)
{
	yyjson_val *k;
	yyjson_obj_iter it;

	*r = (struct rule){ .percent = -1, .probability = 1, .every = 1, .permanent = 1,
		.delay_ms = -1, .r_status = "refused", .r_code = "refused", .r_message = "refused by rule" };
	if (!yyjson_obj_iter_init(v, &it))
		return bad(w, "not an object:", "rule");
	while ((k = yyjson_obj_iter_next(&it)))
		if (get_member(r, yyjson_get_str(k), yyjson_obj_iter_get_val(k), w) == -1)
			return -1;
	if (r->action == ACT_NONE && r->delay_ms == -1 && !r->atomic)
		return bad(w, "a rule without", "action");
	if (r->action == ACT_REFUSE && r->delay_ms != -1)
		return bad(w, "refuse speaks of items, it cannot stand with", "delay_ms");
	if (r->retry_after[0] && r->action != ACT_STATUS)
		return bad(w, "without status:", "retry_after");
	if (r->delay_ms == -1)
		r->delay_ms = 0;
	return 0;
}

static int
get_rules(struct script *s, yyjson_val *v, const struct why *w)
{
	size_t n = yyjson_arr_size(v);

	if (!yyjson_is_arr(v) || n > SCRIPT_RULES)
		return bad(w, "not an array of at most 64:", "rules");
	s->v = hs_realloc(s->v, n * sizeof *s->v);
	for (s->n = 0; s->n < n; s->n++)
		if (get_rule(&s->v[s->n], yyjson_arr_get(v, s->n), w) == -1)
			return -1;
	return 0;
}

static int
get_script(struct script *s, yyjson_val *root, const struct why *w)
{
	yyjson_val *k, *v;
	yyjson_obj_iter it;
	int rc = 0;

	if (!yyjson_obj_iter_init(root, &it))
		return bad(w, "not an object:", "script");
	while (rc == 0 && (k = yyjson_obj_iter_next(&it))) {
		const char *name = yyjson_get_str(k);

		v = yyjson_obj_iter_get_val(k);
		if (strcmp(name, "rules") == 0)
			rc = get_rules(s, v, w);
		else if (strcmp(name, "idempotency") == 0)
			rc = get_flag(v, &s->idempotency, name, w);
		else if (strcmp(name, "atomic") == 0)
			rc = get_flag(v, &s->atomic, name, w);
		else
			rc = bad(w, "unknown in the script:", name);
	}
	return rc;
}

struct script *
hs_script_parse(const char *text, size_t n, char *why, size_t whylen)
{
	struct script *s = hs_realloc(NULL, sizeof *s);
	struct why w = { why, whylen };
	yyjson_read_err err;

	*s = (struct script){ .idempotency = 1 };
	if (!text)
		return s;
	s->doc = yyjson_read_opts((char *)(uintptr_t)text, n, YYJSON_READ_NOFLAG, NULL, &err);
	if (!s->doc)
		snprintf(why, whylen, "not JSON: %s at byte %zu", err.msg, err.pos);
	else if (get_script(s, yyjson_doc_get_root(s->doc), &w) == 0) {
		hs_script_restart(s, 0);
		return s;
	}
	hs_script_free(s);
	return NULL;
}

void
hs_script_free(struct script *s)
{
	if (!s)
		return;
	yyjson_doc_free(s->doc);
	free(s->v);
	free(s);
}

int
hs_script_idempotency(const struct script *s)
{
	return s->idempotency;
}

void
hs_script_restart(struct script *s, uint64_t base)
{
	s->base = base;
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].seen = s->v[i].fired = 0;
		s->v[i].tokens = s->v[i].burst;
		s->v[i].filled = -1;
	}
}

static int
matches_request(const struct script *s, const struct rule *r, const struct call *c)
{
	uint64_t n = c->n > s->base ? c->n - s->base : 0;

	return (!r->path || strncmp(c->path, r->path, strlen(r->path)) == 0) &&
	    (!r->method || strcmp(c->method, r->method) == 0) &&
	    (!r->to || (n >= r->from && n <= r->to));
}

static int
speaks_of_keys(const struct rule *r)
{
	return r->key || r->suffix || r->percent >= 0;
}

static int
matches_key(const struct rule *r, const struct item *it, uint64_t seed)
{
	size_t n;

	if (r->key && (strlen(r->key) != it->klen || memcmp(r->key, it->key, it->klen) != 0))
		return 0;
	if (r->suffix) {
		n = strlen(r->suffix);
		if (n > it->klen || memcmp(it->key + it->klen - n, r->suffix, n) != 0)
			return 0;
	}
	return r->percent < 0 || hs_unit(hs_hash(seed, it->key, it->klen)) * 100 < r->percent;
}

static int
matches_any_key(const struct rule *r, const struct call *c, uint64_t seed)
{
	if (!speaks_of_keys(r))
		return 1;
	for (size_t i = 0; i < c->nitems; i++)
		if (matches_key(r, &c->items[i], seed))
			return 1;
	return 0;
}

/* Of the occasions that match, is this one meant?  salt: what makes it differ. */
static int
occasion(struct rule *r, uint64_t salt)
{
	if (++r->seen % r->every != 0)
		return 0;
	if (r->probability < 1 && hs_unit(salt) >= r->probability)
		return 0;
	return !r->times || r->fired < r->times;
}

/* 1 if the bucket is empty; then *wait is how long until it is not. */
static int
bucket_empty(struct rule *r, int64_t now, double *wait)
{
	if (r->filled >= 0)
		r->tokens = fmin(r->burst, r->tokens + (double)(now - r->filled) * r->rate / 1000);
	r->filled = now;
	if (r->tokens >= 1) {
		r->tokens -= 1;
		return 0;
	}
	*wait = (1 - r->tokens) / r->rate;
	return 1;
}

static uint64_t
salt_of(const struct script *s, const struct rule *r, const struct call *c, uint64_t seed)
{
	return hs_mix(hs_mix(seed, (uint64_t)(r - s->v) + 1), c->n - s->base);
}

void
hs_script_plan(struct script *s, const struct call *c, uint64_t seed, int64_t now, struct plan *p)
{
	*p = (struct plan){ .atomic = s->atomic };
	for (size_t i = 0; i < s->n && p->action == ACT_NONE; i++) {
		struct rule *r = &s->v[i];
		double wait = 0;

		if (r->action == ACT_REFUSE || !matches_request(s, r, c) || !matches_any_key(r, c, seed))
			continue;
		if (!occasion(r, salt_of(s, r, c, seed)))
			continue;
		if (r->action == ACT_THROTTLE && !bucket_empty(r, now, &wait))
			continue;
		r->fired++;
		p->fired |= (uint64_t)1 << i;
		p->delay_ms += r->delay_ms;
		p->atomic |= r->atomic;
		p->action = r->action;
		p->status = r->status;
		memcpy(p->retry_after, r->retry_after, sizeof p->retry_after);
		if (r->action == ACT_THROTTLE) {
			p->status = 429;
			snprintf(p->retry_after, sizeof p->retry_after, "%.0f", ceil(wait));
		}
	}
}

int
hs_script_refuses(struct script *s, const struct call *c, size_t i, uint64_t seed, struct refusal *out)
{
	for (size_t k = 0; k < s->n; k++) {
		struct rule *r = &s->v[k];

		if (r->action != ACT_REFUSE || !matches_request(s, r, c) || !matches_key(r, &c->items[i], seed))
			continue;
		if (!occasion(r, hs_mix(salt_of(s, r, c, seed), i)))
			continue;
		r->fired++;
		*out = (struct refusal){ r->r_status, r->r_code, r->r_message, r->permanent, r->atomic, (unsigned)k };
		return 1;
	}
	return 0;
}
