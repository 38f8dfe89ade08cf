/* ss-run: storing, the lock, the second look; turns; ss-replay. */
#include <string.h>

#include "model.h"

unsigned
brings(unsigned i)
{
	/* bit 3: event 2, for B */
	return i == W_I0 ? 1u : i == W_I1 ? 2u | 4u : i == W_I2 && opt.accept ? 8u : 0;
}

static int
stored(const struct state *s, unsigned event)
{
	unsigned p, i;

	for (p = 0; p < PIPES; p++)
		for (i = 0; i < s->n[p]; i++)
			if (event_at(s, p, i) == event)
				return 1;
	return 0;
}

static int
accepted(const struct state *s, unsigned p, unsigned event)
{
	unsigned i;

	for (i = 0; i < s->n[p]; i++)
		if (event_at(s, p, i) == event)
			return 1;
	return 0;
}

/* Lines for what instance i brings and the log does not have. */
static unsigned
to_store(const struct state *s, unsigned i, line *v)
{
	unsigned bit, n = 0, event, p = pipe_of_instance(i);

	for (bit = 0; bit <= EVENTS; bit++) {
		event = bit == 3 ? 2 : bit;
		if (!(brings(i) & 1u << bit) || accepted(s, p, event))
			continue;
		v[n++] = LINE(stored(s, event) ? EVENT_ACCEPTED : EVENT_OTHER, p, event, 0, 0);
	}
	return n;
}

static void
then_acked(struct state *s, enum who who)
{
	s->acked |= (uint8_t)brings(who);
	s->ipc[who] = I_LOCK;
	s->saw[who] = 0;
}

/* Seeded: what it looked up before it had the append lock may be wrong by now. */
static void
store_by_old_look(const struct state *from, unsigned i)
{
	struct state s = *from, none;
	line v[4];
	unsigned n, k;

	sync_log(&s);
	if (from->ipc[i] == I_IDLE) {
		n = to_store(&s, i, v);
		s.saw[i] = (uint8_t)n;
		for (k = 0; k < n; k++)
			s.saw[i] |= (uint8_t)(KIND(v[k]) == EVENT_ACCEPTED ? 4u << k : 0);
		s.ipc[i] = I_APPEND;
		emit(&s, (enum who)i, V_LOOKS_UP, 0);
		return;
	}
	none = s;
	none.n[A] = none.n[B] = 0;
	n = to_store(&none, i, v);
	if ((s.saw[i] & 3u) < n) {
		v[0] = v[n - 1];
		n = s.saw[i] & 3u;
	}
	for (k = 0; k < n; k++)
		if (s.saw[i] & 4u << k)
			v[k] = LINE(EVENT_ACCEPTED, PIPE(v[k]), FIRST(v[k]), 0, 0);
	append(&s, (enum who)i, V_STORES, v, n, then_acked);
}

static void
store(const struct state *from, unsigned i)
{
	struct state s = *from;
	line v[4];
	unsigned n;

	if (opt.fault == F_LOOKUP) {
		store_by_old_look(from, i);
		return;
	}
	sync_log(&s);
	n = to_store(&s, i, v);
	if (opt.fault == F_ACK_BEFORE_SYNC) {
		write_log(&s, v, n);
		s.acked |= (uint8_t)brings(i);
		s.ipc[i] = I_ACK;
		emit(&s, (enum who)i, V_ACKS, 0);
		return;
	}
	append(&s, (enum who)i, V_STORES, v, n, then_acked);
}

int
lock_free(const struct state *s, unsigned p)
{
	return s->w[p].owner == 0 && s->w[p].filter == D_DEAD && s->w[p].push == P_DEAD;
}

int
open_without_row(const struct state *s, unsigned p)
{
	unsigned i;

	for (i = 0; i < s->n[p]; i++)
		if (status(s, p, i) == ST_OPEN)
			return 1;
	return 0;
}

int
rows(const struct state *s, unsigned p)
{
	unsigned i;

	for (i = 0; i < s->n[p]; i++)
		if (has_row(s, p, i))
			return 1;
	return 0;
}

int
running(const struct state *s, unsigned p)
{
	unsigned i;

	for (i = 0; i < INSTANCES; i++)
		if (s->ipc[i] != I_IDLE && pipe_of_instance(i) == p)
			return 1;
	return 0;
}

/* Must somebody run it: what it brings was not acknowledged, or the last run
 * was cut short (and for B, which cron runs: there is work). */
int
wanted(const struct state *s, unsigned i)
{
	unsigned p = pipe_of_instance(i);

	if (brings(i) & ~s->acked & 15u)
		return 1;
	if (i == W_I0)
		return (s->again & 1u << A) != 0;
	return i == W_I2 && ((s->again & 1u << B) != 0 || open_without_row(s, B)) && lock_free(s, p);
}

/* Take the pipeline's lock and plan by what is there then, or leave. */
static void
lock_pipeline(const struct state *from, unsigned i)
{
	struct state s = *from;
	unsigned p = pipe_of_instance(i);

	if (!lock_free(from, p)) {
		s.ipc[i] = I_IDLE;
		emit(&s, (enum who)i, V_LEAVES, 0);
		return;
	}
	s.ipc[i] = I_WORK;
	s.w[p].owner = (uint8_t)(i + 1);
	s.w[p].run = R_PLAN;
	s.again &= (uint8_t)~(1u << p);
	plan(&s, p);
}

static void
instance_start(const struct state *from, unsigned i)
{
	unsigned p = pipe_of_instance(i);

	if (brings(i) & ~from->acked & 15u) {
		store(from, i);
		return;
	}
	/* cron waits until the last process of the run before is gone */
	if (i == W_I1 || i == W_REPLAY || running(from, p) || !lock_free(from, p))
		return;
	/* (d): rows of A are tried again before B begins or when it is done */
	if (wanted(from, i) || (rows(from, p) && (opt.shared || p == B || (lock_free(from, B) && !running(from, B)))))
		lock_pipeline(from, i);
}

static void
instance_look(const struct state *from, unsigned i)
{
	struct state s = *from;
	unsigned p = pipe_of_instance(i), k, more = 0;

	sync_log(&s);
	for (k = s.seen[i]; k < s.n[p]; k++)
		more |= is_open(&s, p, k) != 0;
	if (opt.fault == F_WAKEUP)
		more = 0;
	s.seen[i] = 0;
	s.ipc[i] = more ? I_LOCK : I_IDLE;
	emit(&s, (enum who)i, more ? V_LOOKS_AGAIN : V_EXITS, 0);
}

void
instance(const struct state *from, unsigned i)
{
	struct state s = *from;

	switch (from->ipc[i]) {
	case I_IDLE:
		instance_start(from, i);
		break;
	case I_APPEND:
		store(from, i);
		break;
	case I_ACK:
		sync_log(&s);
		s.ipc[i] = I_LOCK;
		emit(&s, (enum who)i, V_SYNCS, 0);
		break;
	case I_LOCK:
		lock_pipeline(from, i);
		break;
	case I_LOOK:
		instance_look(from, i);
		break;
	default:
		break;
	}
}

static void
then_nothing(struct state *s, enum who who)
{
	(void)s;
	(void)who;
}

/* The lowest open row of slot's key that is not fed this time, or SLOTS. */
static unsigned
held_behind(const struct state *s, unsigned p, unsigned slot, unsigned due)
{
	unsigned i;

	for (i = 0; i < slot; i++)
		if (has_row(s, p, i) && !(due & 1u << i) && is_other(event_at(s, p, i)))
			return i;
	return SLOTS;
}

static unsigned
due_rows(const struct state *s, unsigned p, int failed_too)
{
	unsigned i, due = 0;

	for (i = 0; i < s->n[p]; i++) {
		if (status(s, p, i) == EVENT_FAILED && (failed_too || s->due[p] & 1u << i))
			due |= 1u << i;
		if (status(s, p, i) != EVENT_PARKED)
			continue;
		if (s->behind[p][i] != NOBODY ? !is_open(s, p, s->behind[p][i]) : s->row == 1)
			due |= 1u << i;
	}
	return due;
}

static void
start_script(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	if (w->filter != D_DEAD || w->push != P_DEAD)
		return;
	w->filter = D_ALIVE;
	w->push = P_IDLE;
}

static void
feed(const struct state *from, unsigned p, unsigned due, enum verb verb)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned i, gap = 0;

	for (i = 0; i < s.n[p]; i++) {
		if (due & 1u << i)
			w->q1[w->n1++] = (uint8_t)i;
		if (due & 1u << i && status(&s, p, i) == EVENT_FAILED)
			s.due[p] |= (uint8_t)(1u << i);
	}
	for (i = 0; i < s.n[p]; i++) {
		if (has_row(&s, p, i)) {
			gap = w->n1 > 0;	/* stepped over: no range may reach across */
		} else if (status(&s, p, i) == ST_OPEN) {
			if (gap && opt.fault != F_RANGE)
				w->q1[w->n1++] = GAP1;
			gap = 0;
			w->q1[w->n1++] = (uint8_t)i;
		}
	}
	w->q1[w->n1++] = END1;
	s.seen[w->owner - 1] = s.n[p];
	start_script(&s, p);
	if (w->filter == D_DEAD) {
		memset(w->q1, 0, sizeof(w->q1));	/* nobody reads it */
		w->n1 = 0;
	}
	w->run = R_EXCHANGE;
	emit(&s, (enum who)(W_RUN_A + p), verb, 0);
}

static void
nothing_to_do(const struct state *from, unsigned p)
{
	struct state s = *from;

	s.w[p].run = R_NOTHING;
	s.seen[s.w[p].owner - 1] = s.n[p];
	emit(&s, (enum who)(W_RUN_A + p), V_NOTHING, 0);
}

void
let_go(const struct state *from, unsigned p)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned i = w->owner - 1u;

	/* the script is told, and waited for */
	dead_filter(w);
	dead_push(&s, p);
	s.ipc[i] = I_LOOK;
	w->owner = 0;
	w->run = R_NONE;
	w->n3 = 0;
	memset(w->q3, 0, sizeof(w->q3));
	emit(&s, (enum who)(W_RUN_A + p), V_LETS_GO, 0);
}

/* Lines that park what is open behind rows of its key which are not due. */
static unsigned
hold_back(const struct state *s, unsigned p, unsigned due, line *v)
{
	unsigned i, n = 0, row;

	for (i = 0; i < s->n[p] && opt.fault != F_HELD; i++) {
		if (status(s, p, i) != ST_OPEN || !is_other(event_at(s, p, i)))
			continue;
		row = held_behind(s, p, i, due);
		if (row != SLOTS)
			v[n++] = LINE(EVENT_PARKED, p, i, row, 0);
	}
	return n;
}

static void
plan_with(const struct state *s, unsigned p, unsigned due, enum verb verb)
{
	line v[SLOTS];
	unsigned n = hold_back(s, p, due, v);

	if (n > 0)
		append(s, (enum who)(W_RUN_A + p), V_PARKS, v, n, then_nothing);
	else if (due != 0 || open_without_row(s, p))
		feed(s, p, due, verb);
	else
		nothing_to_do(s, p);
}

void
plan(const struct state *from, unsigned p)
{
	struct state s = *from;
	unsigned i, due, with;
	line l;

	sync_log(&s);
	for (i = 0; i < s.n[p]; i++)
		if (s.row == 2 && status(&s, p, i) == EVENT_PARKED && s.behind[p][i] == NOBODY) {
			l = LINE(EVENT_DEAD, p, i, i, 1u << i);
			append(&s, (enum who)(W_RUN_A + p), V_GIVES_UP, &l, 1, then_nothing);
			return;
		}
	due = due_rows(&s, p, 0);
	with = due_rows(&s, p, 1);
	plan_with(&s, p, due, V_PLANS);
	if (with != due)
		plan_with(&s, p, with, V_PLANS_DUE);
}

static void
then_read(struct state *s, enum who who)
{
	struct worker *w = &s->w[who - W_RUN_A];
	int end = w->n3 > 0 && w->q3[w->n3 - 1] == P_END;

	memset(w->q3, 0, sizeof(w->q3));
	w->n3 = 0;
	if (end)
		w->q3[w->n3++] = P_END;
}

void
exchange(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	struct state s = *from;
	enum who me = (enum who)(W_RUN_A + p);
	unsigned n = w->n3, i;

	if (n > 0 && w->q3[n - 1] == P_END)
		n--;
	if (n > 0) {
		if (opt.fault == F_ROUTE && KIND(w->q3[0]) == EVENT_ROUTED && !s.w[p].settling) {
			/* first a line that opens it there, then the one that ends it here */
			line l = LINE(EVENT_ACCEPTED, B, event_at(from, p, FIRST(w->q3[0])), 0, 0);

			s.w[p].settling = 1;
			append(&s, me, V_COMMITS, &l, 1, then_nothing);
			return;
		}
		if (opt.fault == F_ROUTE)
			s.w[p].settling = 0;
		append(&s, me, V_COMMITS, w->q3, n, then_read);
		return;
	}
	if (w->n3 > 0) {
		sync_log(&s);
		s.w[p].n3 = 0;
		memset(s.w[p].q3, 0, sizeof(s.w[p].q3));
		for (i = 0; i < s.seen[w->owner - 1]; i++)
			if (status(&s, p, i) == ST_OPEN)
				bad(&s, B_DROPPED);
		s.w[p].run = R_PLAN;
		if (s.bad != B_FINE)
			emit(&s, me, V_ENDS_TURN, 0);
		else
			plan(&s, p);
	} else if (w->filter == D_DEAD && w->push == P_DEAD) {
		dead_run(&s, p);
		emit(&s, me, V_SCRIPT_GONE, 0);
	}
}
