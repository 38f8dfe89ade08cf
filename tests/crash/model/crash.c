/* Steps: what is emitted, and every crash that can come between. */
#include <string.h>

#include "model.h"

/* Forget what nobody can speak of any more, so that equal states are equal. */
static void
tidy(struct state *s)
{
	unsigned k, p, i, used;

	for (k = 0; k < INTENTS; k++) {
		used = (s->intents & 1u << k) != 0 || s->it[k].flying;
		for (i = 0; i < s->ntail; i++)
			used |= KIND(s->tail[i]) == EVENT_INTENT && FIRST(s->tail[i]) == k;
		for (p = 0; p < PIPES; p++)
			used |= s->w[p].intent == k + 1;
		if (!used)
			memset(&s->it[k], 0, sizeof(s->it[k]));
	}
}

void
emit(struct state *s, enum who who, enum verb verb, unsigned arg)
{
	tidy(s);
	found(s, who, verb, arg);
}

void
dead_filter(struct worker *w)
{
	w->filter = D_DEAD;
	w->begun = w->held = w->snap_open = 0;
	w->range = 0;
	memset(w->held_from, 0, sizeof(w->held_from));
	memset(w->snap_known, 0, sizeof(w->snap_known));
	memset(w->sent, 0, sizeof(w->sent));
	w->n1 = 0;
	memset(w->q1, 0, sizeof(w->q1));
}

void
dead_push(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	if (s->target_lock[target_of(p)] == p + 1)
		s->target_lock[target_of(p)] = 0;
	w->push = P_DEAD;
	w->settling = w->nq = w->early = w->quiet = w->quiet_how = w->batch = w->intent = w->reply = w->reply_slot = 0;
	memset(w->q, 0, sizeof(w->q));
	memset(w->failed, 0, sizeof(w->failed));
	w->n2 = 0;
	memset(w->q2, 0, sizeof(w->q2));
}

void
dead_run(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	if (w->owner != 0) {
		s->ipc[w->owner - 1] = I_IDLE;
		s->seen[w->owner - 1] = 0;
	}
	w->owner = 0;
	w->run = R_NONE;
	w->n3 = 0;
	memset(w->q3, 0, sizeof(w->q3));
	s->again |= (uint8_t)(1u << p);
}

static void
cut_to(line *q, uint8_t *n, unsigned keep)
{
	memset(q + keep, 0, (*n - keep) * sizeof(*q));
	*n = (uint8_t)keep;
}

unsigned
pipe_of_instance(unsigned i)
{
	return i == W_I2 ? B : A;
}

static void
check_acked(struct state *s)
{
	unsigned e, i, p, have;

	for (e = 0; e <= EVENTS; e++) {
		if (!(s->acked & 1u << e))
			continue;
		have = 0;
		for (p = 0; p < PIPES; p++)
			for (i = 0; i < s->n[p]; i++)
				have |= event_at(s, p, i) == (e == 3 ? 2 : e) && (e == 3 ? p == B : p == A);
		for (i = 0; i < s->ntail; i++)
			have |= (KIND(s->tail[i]) == EVENT_OTHER || KIND(s->tail[i]) == EVENT_ACCEPTED) &&
			    FIRST(s->tail[i]) == (e == 3 ? 2 : e);
		if (!have)
			bad(s, B_LOST);
	}
}

/* Everything dies; keep lines of the tail were on the disk. */
void
cut(const struct state *from, unsigned keep)
{
	struct state s = *from;
	unsigned i, p;

	if (s.glue & 1u << keep && keep < s.ntail)
		return;		/* not within a write that is whole */
	s.crashes--;
	if (s.ahead > keep)
		bad(&s, B_AHEAD);
	s.ntail = (uint8_t)keep;
	sync_log(&s);
	for (p = 0; p < PIPES; p++) {
		dead_filter(&s.w[p]);
		dead_push(&s, p);
		dead_run(&s, p);
	}
	for (i = 0; i < INSTANCES; i++) {
		s.ipc[i] = I_IDLE;
		s.seen[i] = s.saw[i] = 0;
	}
	check_acked(&s);
	emit(&s, W_WORLD, V_CUT, keep);
}

void
kill_one(struct state *s, enum who who)
{
	unsigned p;

	switch (who) {
	case W_RUN_A:
	case W_RUN_B:
		dead_run(s, who - W_RUN_A);
		break;
	case W_FILTER_A:
	case W_FILTER_B:
		dead_filter(&s->w[who - W_FILTER_A]);
		break;
	case W_PUSH_A:
	case W_PUSH_B:
		dead_push(s, who - W_PUSH_A);
		break;
	default:
		p = pipe_of_instance(who);
		s->ipc[who] = I_IDLE;
		s->seen[who] = s->saw[who] = 0;
		s->again |= (uint8_t)(1u << p);
		break;
	}
}

/* The last n lines of the tail were one write that a crash leaves whole. */
void
glue(struct state *s, unsigned n)
{
	unsigned i;

	for (i = s->ntail - n + 1; i < s->ntail; i++)
		s->glue |= (uint8_t)(1u << i);
}

/* Append v and sync, then go on as then() says; or do not get that far.  whole:
 * a crash leaves all of the lines or none. */
void
append_how(const struct state *from, enum who who, enum verb verb, const line *v, unsigned n,
    void (*then)(struct state *s, enum who who), int whole)
{
	struct state s = *from;
	unsigned k;

	write_log(&s, v, n);
	sync_log(&s);
	then(&s, who);
	emit(&s, who, verb, 0);
	if (from->crashes == 0)
		return;
	for (k = whole ? n : 1; k <= n; k++) {
		s = *from;
		s.crashes--;
		write_log(&s, v, k);
		if (whole)
			glue(&s, n);
		kill_one(&s, who);
		emit(&s, who, V_KILLED_WRITING, k);
	}
	s = *from;
	write_log(&s, v, n);
	if (whole)
		glue(&s, n);
	for (k = from->ntail + 1u; k <= s.ntail; k++)
		cut(&s, k);
}

void
append(const struct state *from, enum who who, enum verb verb, const line *v, unsigned n,
    void (*then)(struct state *s, enum who who))
{
	append_how(from, who, verb, v, n, then, 0);
}

void
crashes(const struct state *from)
{
	struct state s;
	unsigned p, i, k;

	if (from->crashes == 0)
		return;
	for (k = 0; k <= from->ntail; k++)
		cut(from, k);
	for (i = 0; i < INSTANCES; i++)
		if (from->ipc[i] != I_IDLE && from->ipc[i] != I_WORK) {
			s = *from;
			s.crashes--;
			kill_one(&s, (enum who)i);
			emit(&s, (enum who)i, V_KILLED, 0);
		}
	for (p = 0; p < PIPES; p++) {
		const struct worker *w = &from->w[p];

		/* what a process had not flushed goes with it: any part of the pipe behind it */
		for (k = 0; w->owner != 0 && k <= w->n1; k++) {
			s = *from;
			s.crashes--;
			memset(s.w[p].q1 + k, 0, w->n1 - k);
			s.w[p].n1 = (uint8_t)k;
			kill_one(&s, (enum who)(W_RUN_A + p));
			emit(&s, (enum who)(W_RUN_A + p), V_KILLED, 0);
		}
		for (k = 0; w->filter != D_DEAD && k <= w->n2; k++) {
			s = *from;
			s.crashes--;
			cut_to(s.w[p].q2, &s.w[p].n2, k);
			kill_one(&s, (enum who)(W_FILTER_A + p));
			emit(&s, (enum who)(W_FILTER_A + p), V_KILLED, 0);
		}
		for (k = 0; w->push != P_DEAD && k <= w->n3; k++) {
			s = *from;
			s.crashes--;
			cut_to(s.w[p].q3, &s.w[p].n3, k);
			kill_one(&s, (enum who)(W_PUSH_A + p));
			emit(&s, (enum who)(W_PUSH_A + p), V_KILLED, 0);
		}
	}
}
