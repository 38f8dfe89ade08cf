/* Who can do what; what holds at rest. */
#include "model.h"

static unsigned newest(const struct state *s, unsigned t, unsigned k);

/* A call whose sender is gone comes late, or never. */
void
peer(const struct state *from, unsigned k)
{
	struct state s = *from;

	if (!from->it[k].flying)
		return;
	s.it[k].flying = 0;
	emit(&s, W_PEER, V_DROPS, 0);
	apply(&s, k, SLOTS);
	emit(&s, W_PEER, V_APPLIES, 0);
}

/* Is there nothing that A must do or is doing? */
static int
a_rests(const struct state *s)
{
	return !running(s, A) && lock_free(s, A) && !wanted(s, W_I0) && !wanted(s, W_I1);
}

static void
then_replay(struct state *s, enum who who)
{
	/* for B it leaves the work to cron's ss-run */
	s->ipc[who] = s->saw[who] == A ? I_LOCK : I_IDLE;
	s->saw[who] = 0;
}

/* Nothing of B was begun. */
static int
b_untouched(const struct state *s)
{
	unsigned i;

	for (i = 0; i < s->n[B]; i++)
		if (status(s, B, i) != ST_OPEN)
			return 0;
	return lock_free(s, B) && !running(s, B);
}

/* An operator: ss-replay of the newest delivery of any event. */
void
replay(const struct state *from)
{
	unsigned p, i, k;
	line l;

	for (p = 0; p < PIPES && from->replays > 0; p++)
		for (i = 0; i < from->n[p]; i++) {
			unsigned event = event_at(from, p, i);
			struct state s = *from;

			for (k = i + 1; k < from->n[p] && event_at(from, p, k) != event; k++)
				;
			if (k < from->n[p])
				continue;
			/* in strict order what is open keeps its turn: it may be due, which it may
			 * be at any time */
			if (is_other(event) && is_open(from, p, i))
				continue;
			/* (d): what only one pipeline takes notice of */
			if (!opt.shared && (p == B ? !a_rests(from) : (event != 2 || opt.accept) && !b_untouched(from)))
				continue;
			s.replays--;
			s.saw[W_REPLAY] = (uint8_t)p;
			l = LINE(EVENT_REPLAYED, p, i, 0, 0);
			append(&s, W_REPLAY, p == A ? V_REPLAYS : V_REPLAYS_B, &l, 1, then_replay);
		}
}

static void
world(const struct state *from)
{
	struct state s = *from;
	unsigned i;

	for (i = 0; i < from->n[B] && from->row == 3; i++)
		if (status(from, B, i) == EVENT_PARKED && from->behind[B][i] == NOBODY) {
			s.row = 1;
			emit(&s, W_WORLD, V_ROW_COMES, 0);
			s.row = 2;
			emit(&s, W_WORLD, V_TOO_LATE, 0);
			break;
		}
}

void
successors(const struct state *s)
{
	unsigned i, p, pipes = opt.shared || a_rests(s) ? PIPES : 1;

	for (i = 0; i < INSTANCES; i++)
		if (pipe_of_instance(i) < pipes || s->ipc[i] == I_APPEND || s->ipc[i] == I_ACK ||
		    (brings(i) & ~s->acked & 15u && !(s->acked & 4u)))
			instance(s, i);
	for (p = 0; p < pipes; p++) {
		if (s->w[p].run == R_PLAN)
			plan(s, p);
		else if (s->w[p].run == R_EXCHANGE)
			exchange(s, p);
		else if (s->w[p].run == R_NOTHING)
			let_go(s, p);
		if (s->w[p].filter != D_DEAD)
			filter(s, p);
		if (s->w[p].push != P_DEAD)
			push(s, p);
	}
	for (i = 0; i < INTENTS; i++)
		peer(s, i);
	replay(s);
	world(s);
	crashes(s);
}

/* Nothing runs and nobody has to run anything. */
int
at_rest(const struct state *s)
{
	unsigned i, p;

	for (i = 0; i < INSTANCES; i++)
		if (s->ipc[i] != I_IDLE || (i != W_REPLAY && wanted(s, i)))
			return 0;
	for (p = 0; p < PIPES; p++)
		if (!lock_free(s, p) || s->again & 1u << p)
			return 0;
	for (i = 0; i < INTENTS; i++)
		if (s->it[i].flying)
			return 0;
	return s->ntail == 0;
}

int
all_ended(const struct state *s)
{
	return !rows(s, A) && !rows(s, B) && !open_without_row(s, A) && !open_without_row(s, B);
}

/* Of target t and key k: the newest event that was to come there and neither is
 * dead nor has a row; 0 none. */
static unsigned
newest(const struct state *s, unsigned t, unsigned k)
{
	unsigned p, i, best = opt.held && t == A ? (k == 0 ? 1u : 3u) : 0;

	for (p = 0; p < PIPES; p++)
		for (i = 0; target_of(p) == t && i < s->n[p]; i++) {
			unsigned st = status(s, p, i), event = event_at(s, p, i);

			if (key_of(event) == k && (st == EVENT_DELIVERED || st == ST_ELSEWHERE) && event + 1 > best)
				best = event + 1;
		}
	return best;
}

void
check_rest(struct state *s)
{
	unsigned t, k;

	if (s->intents != 0)
		bad(s, B_OPEN_INTENT);
	if (open_without_row(s, A) || open_without_row(s, B))
		bad(s, B_UNFINISHED);
	for (t = 0; t < (opt.shared ? 1u : 2u); t++)
		for (k = 0; k < KEYS; k++) {
			if (s->known[t][k] != s->value[t][k])
				bad(s, B_KNOWN);
			if (!(opt.other && k == 0) && s->value[t][k] != newest(s, t, k))
				bad(s, B_VALUE);
		}
}
