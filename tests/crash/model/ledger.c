/* What follows from the lines of the log, and the log's end that is not synced. */
#include <string.h>

#include "model.h"

unsigned
key_of(unsigned event)
{
	return event == 2;
}

int
is_other(unsigned event)
{
	return opt.other && event < 2;
}

unsigned
target_of(unsigned pipe)
{
	return opt.shared ? A : pipe;
}

unsigned
status(const struct state *s, unsigned p, unsigned slot)
{
	return s->st[p][slot] & 15u;
}

unsigned
event_at(const struct state *s, unsigned p, unsigned slot)
{
	return (unsigned)s->st[p][slot] >> 4;
}

int
is_open(const struct state *s, unsigned p, unsigned slot)
{
	unsigned st = status(s, p, slot);

	return st == ST_OPEN || st == EVENT_FAILED || st == EVENT_PARKED;
}

/* It left its own pipeline's hands while that may have been at it: the second end
 * that it then has is counted and changes nothing. */
int
taken_away(const struct state *s, unsigned p, unsigned slot)
{
	unsigned st = status(s, p, slot);

	return st == ST_REPLACED || st == ST_ELSEWHERE;
}

int
has_row(const struct state *s, unsigned p, unsigned slot)
{
	return status(s, p, slot) == EVENT_FAILED || status(s, p, slot) == EVENT_PARKED;
}

void
bad(struct state *s, enum bad why)
{
	if (s->bad == B_FINE)
		s->bad = (uint8_t)why;
}

static void
open_slot(struct state *s, unsigned p, unsigned event)
{
	unsigned i, same = 0;

	if (s->n[p] == SLOTS) {
		bad(s, B_FULL);
		return;
	}
	for (i = 0; i < s->n[p]; i++)
		same += event_at(s, p, i) == event;
	if (same > (unsigned)opt.replays - s->replays)
		bad(s, B_OPENED_AGAIN);
	s->st[p][s->n[p]] = (uint8_t)(ST_OPEN | event << 4);
	s->n[p]++;
	s->opened[p]++;
}

static void
set_status(struct state *s, unsigned p, unsigned slot, unsigned st)
{
	s->st[p][slot] = (uint8_t)(st | event_at(s, p, slot) << 4);
	s->behind[p][slot] = 0;
	s->due[p] &= (uint8_t)~(1u << slot);
}

static void
end_slot(struct state *s, unsigned p, unsigned slot, enum event_type how)
{
	if (how == EVENT_DELIVERED)
		s->known[target_of(p)][key_of(event_at(s, p, slot))] = (uint8_t)(event_at(s, p, slot) + 1);
	if (is_open(s, p, slot)) {
		/* which of these three it was matters to nobody */
		set_status(s, p, slot, how == EVENT_UNCHANGED || how == EVENT_SUPERSEDED ? EVENT_DELIVERED : how);
		s->ended[p]++;
	} else if (!taken_away(s, p, slot)) {
		bad(s, B_TWICE);
	}
}

static void
fold_outcome(struct state *s, line l)
{
	unsigned p = PIPE(l), i;
	enum event_type how = KIND(l);

	if (!event_type_ends(how)) {
		i = FIRST(l);
		if (is_open(s, p, i)) {
			set_status(s, p, i, how);
			s->behind[p][i] = (uint8_t)(how == EVENT_PARKED ? LAST(l) : 0);
		} else if (!taken_away(s, p, i)) {
			bad(s, B_AFTER_END);
		}
		return;
	}
	if (FIRST(l) == LAST(l)) {
		i = FIRST(l);
		end_slot(s, p, i, how);
		if (MASK(l) == 0 && status(s, p, i) == (unsigned)how)
			set_status(s, p, i, ST_ELSEWHERE);
	} else {
		/* as the ledger does: every open place from first to last */
		for (i = FIRST(l); i <= LAST(l) && i < s->n[p]; i++) {
			if (!is_open(s, p, i)) {
				if (MASK(l) & 1u << i && !taken_away(s, p, i))
					bad(s, B_TWICE);
				continue;
			}
			if (!(MASK(l) & 1u << i))
				bad(s, B_RANGE);
			end_slot(s, p, i, how);
		}
	}
	if (how == EVENT_ROUTED && opt.fault != F_ROUTE)
		open_slot(s, B, event_at(s, p, FIRST(l)));
}

static void
fold_intent(struct state *s, unsigned k)
{
	unsigned i, a, b, p = s->it[k].pipe;

	for (i = 0; i < INTENTS; i++) {
		if (i == k || !(s->intents & 1u << i) || target_of(s->it[i].pipe) != target_of(p))
			continue;
		for (a = 0; a < SLOTS; a++)
			for (b = 0; b < SLOTS; b++)
				if (s->it[i].slots & 1u << a && s->it[k].slots & 1u << b &&
				    key_of(event_at(s, s->it[i].pipe, a)) == key_of(event_at(s, p, b)))
					bad(s, B_TWO_INTENTS);
	}
	/* other types: all that stands before it has ended */
	for (b = 0; b < SLOTS; b++)
		for (a = 0; s->it[k].slots & 1u << b && is_other(event_at(s, p, b)) && a < b; a++)
			if (is_other(event_at(s, p, a)) && is_open(s, p, a))
				bad(s, B_ORDER);
	s->intents |= (uint8_t)(1u << k);
}

static void
fold_replay(struct state *s, line l)
{
	unsigned p = PIPE(l), old = FIRST(l), event = event_at(s, p, old);

	if (is_open(s, p, old) && opt.fault != F_REPLAY) {
		set_status(s, p, old, ST_REPLACED);
		s->replaced[p]++;
	}
	if (is_open(s, p, old))
		bad(s, B_TWO_OPEN);
	open_slot(s, p, event);
}

static void
fold(struct state *s, line l)
{
	unsigned p, i, open;

	switch (KIND(l)) {
	case EVENT_OTHER:
		for (p = 0; p < PIPES; p++)
			for (i = 0; i < s->n[p]; i++)
				if (event_at(s, p, i) == FIRST(l))
					bad(s, B_STORED_TWICE);
		open_slot(s, PIPE(l), FIRST(l));
		break;
	case EVENT_ACCEPTED:
		open_slot(s, PIPE(l), FIRST(l));
		break;
	case EVENT_INTENT:
		fold_intent(s, FIRST(l));
		break;
	case EVENT_SETTLED:
		s->intents &= (uint8_t)~(1u << FIRST(l));
		break;
	case EVENT_REPLAYED:
		fold_replay(s, l);
		break;
	default:
		fold_outcome(s, l);
		break;
	}
	for (p = 0; p < PIPES; p++) {
		for (i = open = 0; i < s->n[p]; i++)
			open += is_open(s, p, i) != 0;
		if (s->opened[p] != s->ended[p] + s->replaced[p] + open)
			bad(s, B_ACCOUNTS);
	}
}

/* fdatasync: all that is written is durable. */
void
sync_log(struct state *s)
{
	unsigned i;

	for (i = 0; i < s->ntail; i++)
		fold(s, s->tail[i]);
	memset(s->tail, 0, sizeof(s->tail));
	s->ntail = s->ahead = s->glue = 0;
}

void
write_log(struct state *s, const line *v, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (s->ntail == TAIL) {
			bad(s, B_FULL);
			return;
		}
		s->tail[s->ntail++] = v[i];
	}
}
