/* ss-push and the peer that it calls. */
#include <string.h>

#include "model.h"

static int older(unsigned a, unsigned b);

static void
drop_from_queue(struct worker *w, unsigned slots)
{
	unsigned i, k = 0;

	for (i = 0; i < w->nq; i++)
		if (!(slots & 1u << w->q[i]))
			w->q[k++] = w->q[i];
	memset(w->q + k, 0, w->nq - k);
	w->nq = (uint8_t)k;
}

static void
release(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	s->target_lock[target_of(p)] = 0;
	w->push = P_IDLE;
	w->settling = w->batch = w->intent = w->reply = w->reply_slot = w->quiet = w->quiet_how = 0;
	drain(s, p);
}

/* Is event a older than b: by time, which is their number here. */
static int
older(unsigned a, unsigned b)
{
	return key_of(a) == key_of(b) && a < b;
}

enum { QUIET_UNCHANGED, QUIET_SUPERSEDED, QUIET_BEHIND };

void
quiet(struct worker *w, unsigned slot, unsigned how)
{
	w->quiet |= (uint8_t)(1u << slot);
	w->quiet_how = (uint8_t)(w->quiet_how | (how & 3u) << (slot < 4 ? 2 * slot : 0));
}

/* One round: what to send, what ends without a call. */
static void
choose(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];
	unsigned i, j, seen = 0, gone = 0;

	for (i = 0; i < w->nq; i++) {
		unsigned slot = w->q[i], event = event_at(s, p, slot), k = key_of(event);
		unsigned known = s->known[target_of(p)][k];

		if (!is_open(s, p, slot) && opt.fault != F_NO_OPEN_CHECK) {
			gone |= 1u << slot;	/* ended by another, or taken over */
			continue;
		}
		if (is_other(event)) {
			if (w->failed[k] != 0 && w->failed[k] - 1u < slot && opt.fault != F_HELD)
				quiet(w, slot, QUIET_BEHIND);
			else if (!(seen & 1u << k))
				w->batch |= (uint8_t)(1u << slot);
			seen |= 1u << k;
			continue;
		}
		if (known != 0 && older(event, known - 1) && opt.fault != F_STALE) {
			quiet(w, slot, QUIET_SUPERSEDED);
			continue;
		}
		if (known == event + 1) {
			quiet(w, slot, QUIET_UNCHANGED);
			continue;
		}
		for (j = 0; j < w->nq; j++)
			if (older(event, event_at(s, p, w->q[j])) && is_open(s, p, w->q[j]))
				break;
		if (j == w->nq)
			w->batch |= (uint8_t)(1u << slot);
		else if (opt.fault == F_EARLY)
			quiet(w, slot, QUIET_SUPERSEDED);
		/* else it waits for what becomes of the newer one */
	}
	/* the same event twice in a round (an old delivery and its replay): one call */
	for (i = 0; i < w->nq; i++)
		for (j = 0; j < i; j++)
			if (w->batch & 1u << w->q[i] && w->batch & 1u << w->q[j] &&
			    event_at(s, p, w->q[i]) == event_at(s, p, w->q[j]))
				w->batch &= (uint8_t)~(1u << w->q[i]);
	drop_from_queue(w, gone);
	w->push = w->quiet != 0 ? P_QUIET : w->batch != 0 ? P_INTEND : P_IDLE;
	if (w->push == P_IDLE)
		release(s, p);
}

static void
round_begins(const struct state *from, unsigned p)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned t = target_of(p), i;

	if (s.target_lock[t] != 0)
		return;
	s.target_lock[t] = (uint8_t)(p + 1);
	if (opt.fault == F_AHEAD) {
		s.ahead = s.ntail;
	} else {
		sync_log(&s);
	}
	for (i = 0; i < INTENTS; i++)
		if (s.intents & 1u << i && target_of(s.it[i].pipe) == t) {
			w->settling = 1;
			w->intent = (uint8_t)(i + 1);
			if (opt.fault == F_NEW_KEY)
				s.it[i].applied = 0;	/* the peer does not know that key */
			call(&s, p);
			return;
		}
	choose(&s, p);
	emit(&s, (enum who)(W_PUSH_A + p), V_ROUND, 0);
}

static void
then_quiet(struct state *s, enum who who)
{
	unsigned p = who - W_PUSH_A;
	struct worker *w = &s->w[p];

	drop_from_queue(w, w->quiet);
	w->quiet = w->quiet_how = 0;
	w->push = P_INTEND;
	if (w->batch == 0)
		release(s, p);
}

static void
push_quiet(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	line v[SLOTS];
	unsigned i, n = 0;

	for (i = 0; i < SLOTS; i++) {
		unsigned how = w->quiet_how >> (i < 4 ? 2 * i : 0) & 3u;

		if (!(w->quiet & 1u << i))
			continue;
		if (how == QUIET_BEHIND)
			v[n++] = LINE(EVENT_PARKED, p, i, w->failed[key_of(event_at(from, p, i))] - 1u, 0);
		else
			v[n++] = LINE(how == QUIET_UNCHANGED ? EVENT_UNCHANGED : EVENT_SUPERSEDED, p, i, i, 1u << i);
	}
	append(from, (enum who)(W_PUSH_A + p), V_QUIET, v, n, then_quiet);
}

static void
then_call(struct state *s, enum who who)
{
	s->w[who - W_PUSH_A].push = P_CALL;
}

static void
push_intend(const struct state *from, unsigned p)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned k;
	line l;

	for (k = 0; k < INTENTS && s.it[k].used; k++)
		;
	if (k == INTENTS) {
		bad(&s, B_FULL);
		emit(&s, (enum who)(W_PUSH_A + p), V_INTENDS, 0);
		return;
	}
	s.it[k].used = 1;
	s.it[k].pipe = (uint8_t)p;
	s.it[k].slots = w->batch;
	w->intent = (uint8_t)(k + 1);
	w->batch = 0;
	l = LINE(EVENT_INTENT, 0, k, 0, 0);
	if (opt.fault == F_NO_INTENT)
		call(&s, p);
	else
		append(&s, (enum who)(W_PUSH_A + p), V_INTENDS, &l, 1, then_call);
}

void
apply(struct state *s, unsigned k, unsigned refused)
{
	unsigned p = s->it[k].pipe, i;

	if (!(s->intents & 1u << k))
		bad(s, B_NO_INTENT);
	if (s->it[k].applied)
		return;		/* it knows the key and replies as before */
	s->it[k].applied = 1;
	for (i = 0; i < SLOTS; i++) {
		unsigned event = event_at(s, p, i);

		if (!(s->it[k].slots & 1u << i) || i == refused)
			continue;
		if (s->applied[p] & 1u << i)
			bad(s, B_EFFECT_TWICE);
		s->applied[p] |= (uint8_t)(1u << i);
		s->value[target_of(p)][key_of(event)] = (uint8_t)(event + 1);
	}
}

void
reply(const struct state *from, unsigned p, unsigned how, unsigned slot, enum verb verb)
{
	struct state s = *from;
	unsigned k = s.w[p].intent - 1u, others;

	others = s.it[k].slots & ~(slot == 0 ? 0 : 1u << (slot - 1));
	if (s.it[k].applied) {
		/* the reply that it gave to this key before */
		how = s.it[k].how;
		slot = s.it[k].slot;
	} else {
		s.refusals = (uint8_t)(s.refusals - (how != REPLY_OK));
		if (how != REPLY_ILL && others != 0) {
			apply(&s, k, slot == 0 ? SLOTS : slot - 1);
			s.it[k].how = (uint8_t)how;
			s.it[k].slot = (uint8_t)slot;
		}
	}
	s.w[p].push = P_CONCLUDE;
	s.w[p].reply = (uint8_t)how;
	s.w[p].reply_slot = (uint8_t)slot;
	emit(&s, (enum who)(W_PUSH_A + p), verb, slot == 0 ? 0 : slot - 1);
}

/* The call and what comes of it: a reply, none, or an end of all before it. */
void
call(const struct state *from, unsigned p)
{
	struct state s = *from;
	enum who me = (enum who)(W_PUSH_A + p);
	unsigned k = from->w[p].intent - 1u, i;

	s.it[k].flying = 0;	/* an older one came first, or never */
	reply(&s, p, REPLY_OK, 0, V_REPLY);
	if (!s.it[k].applied && s.refusals > 0) {
		for (i = 0; i < SLOTS; i++)
			if (s.it[k].slots & 1u << i) {
				reply(&s, p, REPLY_REFUSED, i + 1, V_REFUSED);
				reply(&s, p, REPLY_DEAD, i + 1, V_REFUSED_DEAD);
			}
		reply(&s, p, REPLY_ILL, 0, V_ILL);
	}
	if (from->unknown > 0) {
		apply(&s, k, SLOTS);
		s.unknown--;
		release(&s, p);
		emit(&s, me, V_NO_REPLY, 0);
		dead_push(&s, p);
		s.again |= (uint8_t)(1u << p);
		emit(&s, me, V_NO_REPLY_STOP, 0);
	}
	if (from->crashes == 0)
		return;
	s = *from;
	s.it[k].flying = 1;
	cut(&s, s.ntail);
	s.crashes--;
	kill_one(&s, me);
	emit(&s, me, V_KILLED_CALLING, 0);
}

/* Outcomes of a call's deliveries; those that are not open any more have none. */
static unsigned
outcomes(const struct state *s, unsigned p, line *v)
{
	const struct worker *w = &s->w[p];
	unsigned k = w->intent - 1u, owner = s->it[k].pipe, i, n = 0;

	for (i = 0; i < SLOTS && w->reply != REPLY_ILL; i++) {
		enum event_type how = EVENT_DELIVERED;

		if (!(s->it[k].slots & 1u << i))
			continue;
		if (w->reply_slot == i + 1) {
			if (owner != p && opt.fault != F_FOREIGN)
				continue;	/* nothing of it was applied: its own pipeline goes on with it */
			how = w->reply == REPLY_DEAD ? EVENT_DEAD : EVENT_FAILED;
		}
		if (!is_open(s, owner, i) && !taken_away(s, owner, i) && opt.fault == F_TORN_OUTCOME)
			continue;	/* it did not help */
		v[n++] = LINE(how, owner, i, i, owner == p ? 1u << i : 0);
	}
	return n;
}

static void
then_settled(struct state *s, enum who who)
{
	unsigned p = who - W_PUSH_A, i, k;
	struct worker *w = &s->w[p];
	unsigned slots = s->it[w->intent - 1].slots, owner = s->it[w->intent - 1].pipe;

	if (owner == p && w->reply != REPLY_ILL) {
		for (i = 0; i < SLOTS; i++) {
			unsigned mine = 0, q;

			if (!(slots & 1u << i))
				continue;
			for (q = 0; q < w->nq; q++)
				mine |= w->q[q] == i;
			if (!mine && w->settling)
				w->early |= (uint8_t)(1u << i);
			k = key_of(event_at(s, p, i));
			if (w->reply_slot == i + 1 && w->reply == REPLY_REFUSED && is_other(event_at(s, p, i)) && w->failed[k] == 0)
				w->failed[k] = (uint8_t)(i + 1);
		}
		drop_from_queue(w, slots);
	}
	release(s, p);
}

static void
then_outcomes(struct state *s, enum who who)
{
	s->w[who - W_PUSH_A].push = P_OUTCOMES;
}

static void
push_conclude(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	enum who me = (enum who)(W_PUSH_A + p);
	line v[SLOTS + 1], settled = LINE(EVENT_SETTLED, 0, w->intent - 1u, 0, 0);
	unsigned n;

	if (w->push == P_OUTCOMES) {
		n = outcomes(from, p, v);
		append(from, me, V_OUTCOMES, v, n, then_settled);
		return;
	}
	if (opt.fault == F_SETTLE_FIRST) {
		append(from, me, V_SETTLED, &settled, 1, then_outcomes);
		return;
	}
	v[0] = settled;
	n = outcomes(from, p, v + 1) + 1;
	if (opt.fault == F_TORN_OUTCOME) {
		memmove(v, v + 1, (n - 1) * sizeof(*v));
		v[n - 1] = settled;
	}
	append_how(from, me, V_SETTLED, v, n, then_settled, opt.fault != F_TORN_SETTLED && opt.fault != F_TORN_OUTCOME);
}

static void
push_idle(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	struct state s = *from;
	enum who me = (enum who)(W_PUSH_A + p);

	if (w->nq > 0 && (w->n2 == 0 || w->nq == FULL || w->q2[0] == P_END))
		round_begins(from, p);
	if (w->nq == 0 && w->n2 == 0 && w->filter == D_DEAD) {
		dead_push(&s, p);
		emit(&s, me, V_EOF_EXIT, 0);
		return;
	}
	if (w->owner == 0) {
		/* what it says goes into a broken pipe, now or later */
		dead_push(&s, p);
		emit(&s, me, V_BROKEN_PIPE, 0);
	}
}

void
push(const struct state *from, unsigned p)
{
	switch (from->w[p].push) {
	case P_IDLE: push_idle(from, p); break;
	case P_QUIET: push_quiet(from, p); break;
	case P_INTEND: push_intend(from, p); break;
	case P_CALL: call(from, p); break;
	case P_CONCLUDE:
	case P_OUTCOMES: push_conclude(from, p); break;
	default: break;
	}
}
