/* The first filter of a script, and the pipes to and from ss-push. */
#include <string.h>

#include "model.h"

/* ss-push takes what is in its pipe: passes lines on, queues events. */
void
drain(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];
	unsigned k = 0;

	if (w->push != P_IDLE)
		return;
	while (k < w->n2 && w->nq < FULL) {
		line l = w->q2[k];

		if (l == P_END && w->nq > 0)
			break;
		k++;
		if (l == P_END)
			memset(w->failed, 0, sizeof(w->failed));
		if (KIND(l) != EVENT_OTHER) {
			/* nobody reads it when ss-run is gone */
			if (w->owner != 0 && w->n3 < PIPE2)
				w->q3[w->n3++] = l;
			else if (w->owner != 0)
				bad(s, B_FULL);
			continue;
		}
		if (w->early & 1u << FIRST(l)) {
			/* settled before it came: its outcome is handed on */
			if (opt.fault != F_EARLY_KEPT)
				w->early &= (uint8_t)~(1u << FIRST(l));
			continue;
		}
		w->q[w->nq++] = (uint8_t)FIRST(l);
	}
	memmove(w->q2, w->q2 + k, (w->n2 - k) * sizeof(*w->q2));
	memset(w->q2 + (w->n2 - k), 0, k * sizeof(*w->q2));
	w->n2 = (uint8_t)(w->n2 - k);
}

static void
put2(struct state *s, unsigned p, line l)
{
	struct worker *w = &s->w[p];

	if (w->push == P_DEAD)
		return;
	if (w->n2 == PIPE2) {
		bad(s, B_FULL);
		return;
	}
	w->q2[w->n2++] = l;
	drain(s, p);
}

static void
close_range(struct state *s, unsigned p)
{
	if (s->w[p].range != 0)
		put2(s, p, s->w[p].range);
	s->w[p].range = 0;
}

static void
take1(struct worker *w)
{
	memmove(w->q1, w->q1 + 1, sizeof(w->q1) - 1);
	w->q1[sizeof(w->q1) - 1] = 0;
	w->n1--;
}

/* Gaps and ends at the head of its input ask nothing. */
static void
pass_marks(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	while (w->n1 > 0 && w->q1[0] >= GAP1) {
		unsigned what = w->q1[0];

		take1(w);
		close_range(s, p);
		if (what != END1)
			continue;
		put2(s, p, P_END);
		w->begun = w->held = w->snap_open = 0;
		memset(w->snap_known, 0, sizeof(w->snap_known));
		memset(w->held_from, 0, sizeof(w->held_from));
	}
}

static void
shift1(struct state *s, unsigned p)
{
	take1(&s->w[p]);
	pass_marks(s, p);
}

static void
begin_turn(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];
	unsigned i, a, k;

	w->begun = 1;
	sync_log(s);
	w->held = 0;
	memset(w->held_from, 0, sizeof(w->held_from));
	w->snap_open = 0;
	for (k = 0; k < KEYS; k++)
		w->snap_known[k] = s->known[target_of(p)][k];
	for (i = s->n[p]; i-- > 0; ) {
		if (is_open(s, p, i))
			w->snap_open |= (uint8_t)(1u << i);
		if (has_row(s, p, i)) {
			k = key_of(event_at(s, p, i));
			w->held |= (uint8_t)(1u << k);
			w->held_from[k] = (uint8_t)i;
		}
	}
	for (i = 0; i < INTENTS; i++)
		for (a = 0; a < SLOTS && s->intents & 1u << i && target_of(s->it[i].pipe) == target_of(p); a++)
			if (s->it[i].slots & 1u << a) {
				k = key_of(event_at(s, s->it[i].pipe, a));
				w->held |= (uint8_t)(1u << k | 4u << k);
			}
}

static int
under_way(const struct state *s, unsigned p, unsigned slot, unsigned open)
{
	const struct worker *w = &s->w[p];
	unsigned k = key_of(event_at(s, p, slot));

	if (opt.fault == F_UNDER_WAY)
		return 0;
	if (w->held & 4u << k || (w->held & 1u << k && w->held_from[k] < slot))
		return 1;
	if (w->sent[k] == 0 || w->sent[k] == slot + 1)
		return 0;
	if (w->sent[k] == NOBODY + 1)
		return 1;
	return (open & 1u << (w->sent[k] - 1)) != 0;
}

static unsigned
open_now(const struct state *s, unsigned p)
{
	unsigned i, open = 0;

	for (i = 0; i < s->n[p]; i++)
		if (is_open(s, p, i))
			open |= 1u << i;
	return open;
}

static void
unchanged_as(const struct state *from, unsigned p, unsigned slot, enum verb verb, int extend)
{
	struct state s = *from;
	struct worker *w = &s.w[p];

	if (extend) {
		w->range = LINE(EVENT_UNCHANGED, p, FIRST(w->range), slot, MASK(w->range) | 1u << slot);
	} else {
		close_range(&s, p);
		w->range = LINE(EVENT_UNCHANGED, p, slot, slot, 1u << slot);
	}
	if (has_row(from, p, slot))
		close_range(&s, p);	/* fed again: a line of its own */
	shift1(&s, p);
	emit(&s, (enum who)(W_FILTER_A + p), verb, slot);
}

static void
end_unchanged(const struct state *from, unsigned p, unsigned slot, enum verb verb)
{
	const struct worker *w = &from->w[p];

	/* its input may have paused: then the range was closed before */
	unchanged_as(from, p, slot, verb, 0);
	if (w->range != 0 && slot > LAST(w->range) && !has_row(from, p, slot))
		unchanged_as(from, p, slot, verb, 1);
}

static void
let_through(const struct state *from, unsigned p, unsigned slot, int behind)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned k = key_of(event_at(from, p, slot));

	close_range(&s, p);
	if (p == A && !is_other(event_at(from, p, slot)))
		w->sent[k] = (uint8_t)(w->sent[k] != 0 && behind && w->sent[k] != slot + 1 ? NOBODY + 1 : slot + 1);
	put2(&s, p, P_SLOT(slot));
	shift1(&s, p);
	emit(&s, (enum who)(W_FILTER_A + p), V_PASSES, slot);
}

/* ss-diff: by what was known when the turn began, or by what is known now. */
static void
compare(const struct state *from, unsigned p, unsigned slot)
{
	const struct worker *w = &from->w[p];
	unsigned event = event_at(from, p, slot), k = key_of(event), now;
	int done[2] = { 0, 0 };

	for (now = 0; now < 2; now++) {
		int behind = under_way(from, p, slot, now ? open_now(from, p) : w->snap_open);
		unsigned known = now ? from->known[target_of(p)][k] : w->snap_known[k];

		if (!behind && known == event + 1) {
			if (!done[0])
				end_unchanged(from, p, slot, now ? V_UNCHANGED_NOW : V_UNCHANGED);
			done[0] = 1;
		} else {
			if (!done[1])
				let_through(from, p, slot, behind);
			done[1] = 1;
		}
	}
}

/* An outcome of the first filter about one slot. */
static void
answer_slot(struct state *s, unsigned p, line l, enum verb verb)
{
	close_range(s, p);
	put2(s, p, l);
	shift1(s, p);
	emit(s, (enum who)(W_FILTER_A + p), verb, FIRST(l));
}

static void
filter_line(const struct state *from, unsigned p)
{
	struct state s = *from;
	unsigned slot = s.w[p].q1[0], event;

	if (slot >= GAP1) {
		pass_marks(&s, p);
		emit(&s, (enum who)(W_FILTER_A + p), V_PASSES_END, 0);
		return;
	}
	if (p == A && !s.w[p].begun)
		begin_turn(&s, p);
	event = event_at(&s, p, slot);
	if (p == A && event == 2 && !opt.accept) {
		answer_slot(&s, p, LINE(EVENT_ROUTED, p, slot, slot, 1u << slot), V_ROUTES);
		return;
	}
	if (p == B && s.row == 0) {
		/* is its row there?  decided when it is asked for the first time */
		struct state t = s;

		t.row = 3;
		answer_slot(&t, p, LINE(EVENT_PARKED, p, slot, NOBODY, 0), V_WANTS_ROW);
		s.row = 1;
	} else if (p == B && s.row == 3) {
		answer_slot(&s, p, LINE(EVENT_PARKED, p, slot, NOBODY, 0), V_WANTS_ROW);
		return;
	}
	if (p == B || is_other(event))
		let_through(&s, p, slot, 0);
	else
		compare(&s, p, slot);
}

void
filter(const struct state *from, unsigned p)
{
	struct state s = *from;
	enum who me = (enum who)(W_FILTER_A + p);
	const struct worker *w = &from->w[p];

	if (w->push == P_DEAD) {
		dead_filter(&s.w[p]);
		emit(&s, me, V_BROKEN_PIPE, 0);
		return;
	}
	if (w->n1 > 0) {
		filter_line(from, p);
		return;
	}
	if (w->owner == 0) {
		close_range(&s, p);
		dead_filter(&s.w[p]);
		emit(&s, me, V_EOF_EXIT, 0);
	}
}
