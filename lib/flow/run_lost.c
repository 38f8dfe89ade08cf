/* What was fed and did not come back: dropped by the script, or the script died. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flow/run_internal.h"

/* An attempt that ended without a line: failed, and dead after the last one. */
static int
count_attempt(struct run *r, uint64_t place, uint64_t attempt, const char *code, const char *message, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_FAILED, .class = OUTCOME_BUG, .code = code, .ms = -1, .retry = 1,
		.attempt = attempt, .message = message };
	struct event ev;
	int rc;

	if (attempt >= RUN_ATTEMPTS)
		return run_line_dead(r, place, attempt, OUTCOME_BUG, code, message, err);
	rc = run_line_load(r, place, attempt, &ev, err);
	if (rc == -1)
		return -1;
	if (rc == 0)
		return run_line_dead(r, place, attempt, OUTCOME_MISSING, "event-gone", "its line in the log is damaged or gone", err);
	o.due = clock_now(&r->cli->clock) + run_delay(r, attempt);
	r->failed++;
	return run_outcome(r, &ev, &o, err);
}

static int
drop_one(struct run *r, uint64_t place, uint64_t attempt, struct ss_err *err)
{
	r->dropped++;
	return count_attempt(r, place, attempt, "dropped", "the script let the event vanish: no outcome came back", err);
}

/* Open places in [from, to] that have no row: each(place) */
static int
open_without_row(struct run *r, uint64_t from, uint64_t to, struct buf *places, struct ss_err *err)
{
	struct json_mem mem = { 0 };
	struct ledger_view *v;
	struct ledger_exc e;
	uint64_t first, last, at;
	int rc = 1;

	if (ledger_view(&v, r->ledger, err) == -1)
		return -1;
	for (at = from; rc == 1 && at <= to; at = last + 1) {
		uint64_t p;

		rc = ledger_open_run(v, r->o->name, at, &first, &last, err);
		if (rc != 1 || first > to)
			break;
		for (p = first; p <= last && p <= to; p++) {
			int has = ledger_exception(v, r->o->name, p, 0, &mem, &e, err);

			if (has == -1 || (has == 0 && buf_add(places, &p, sizeof(p)) == -1)) {
				rc = -1;
				break;
			}
		}
	}
	json_mem_free(&mem);
	ledger_view_end(v);
	return rc == -1 ? -1 : 0;
}

int
run_lost_any(struct run *r, struct ss_err *err)
{
	struct buf places = { 0 };
	size_t i;
	int rc = 0;

	for (i = 0; i < r->next_due; i++)
		if (!r->due[i].answered)
			return 1;
	if (r->live_first != 0)
		rc = open_without_row(r, r->live_first, r->live_last, &places, err);
	rc = rc == -1 ? -1 : places.len > 0;
	buf_free(&places);
	return rc;
}

int
run_lost_dropped(struct run *r, struct ss_err *err)
{
	struct buf places = { 0 };
	uint64_t place;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < r->next_due; i++)
		if (!r->due[i].answered)
			rc = drop_one(r, r->due[i].place, r->due[i].attempt, err);
	if (rc == 0 && r->live_first != 0)
		rc = open_without_row(r, r->live_first, r->live_last, &places, err);
	for (i = 0; rc == 0 && i + sizeof(place) <= places.len; i += sizeof(place)) {
		memcpy(&place, places.p + i, sizeof(place));
		rc = drop_one(r, place, 1, err);
	}
	buf_free(&places);
	return rc;
}

/* A death over part of the work of an earlier one is another one over the same. */
static int
same_work(struct run *r, uint64_t *first, uint64_t *last, struct ss_err *err)
{
	struct ledger_view *v;
	uint64_t n, of, ol;
	int rc;

	if (ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_crashes(v, r->o->name, &n, &of, &ol, err);
	ledger_view_end(v);
	if (rc == 0 && n > 0 && of <= *last && *first <= ol) {
		*first = of;
		*last = *last > ol ? *last : ol;
	}
	return rc;
}

/* With a call open for it the event's fate is not known before that is settled,
 * which a further turn does: it fails, and so does not hold up the others. */
static int
died_alone(struct run *r, struct ss_err *err)
{
	static const char code[] = "script-died", message[] = "the script died while this event was alone in it";
	uint64_t attempt = 1;
	size_t i;
	int rc = run_line_unsettled(r, r->one_place, err);

	for (i = 0; i < r->next_due; i++)
		if (r->due[i].place == r->one_place)
			attempt = r->due[i].attempt;
	if (rc == 1)
		return count_attempt(r, r->one_place, attempt, code, message, err);
	return rc == -1 ? -1 : run_line_dead(r, r->one_place, attempt, OUTCOME_BUG, code, message, err);
}

int
run_lost_died(struct run *r, struct ss_err *err)
{
	struct buf places = { 0 }, b = { 0 };
	uint64_t first = 0, last = 0, place;
	char id[UUID_TEXT], time[CLOCK_TEXT];
	size_t i;
	int rc = 0;

	for (i = 0; i < r->next_due; i++)
		if (!r->due[i].answered && (first == 0 || r->due[i].place < first))
			first = r->due[i].place;
	if (r->live_first != 0)
		rc = open_without_row(r, r->live_first, r->live_last, &places, err);
	if (rc == 0 && places.len >= sizeof(place)) {
		memcpy(&place, places.p, sizeof(place));
		if (first == 0 || place < first)
			first = place;
		memcpy(&last, places.p + places.len - sizeof(last), sizeof(last));
	}
	buf_free(&places);
	for (i = 0; i < r->next_due; i++)
		if (!r->due[i].answered && r->due[i].place > last)
			last = r->due[i].place;
	if (rc == -1 || first == 0)
		return rc;	/* it died with nothing in its hands */
	if (r->one)
		return died_alone(r, err);
	if (same_work(r, &first, &last, err) == -1)
		return -1;
	cli_uuid(r->cli, id);
	clock_format(clock_now(&r->cli->clock), time);
	(void)buf_addf(&b, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"ss-run\",\"type\":\"ss.alert\",\"time\":\"%s\","
	    "\"data\":{\"pipeline\":", id, time);
	(void)json_put_cstr(&b, r->o->name);
	(void)buf_addf(&b, ",\"class\":\"bug\",\"code\":\"script-died\",\"message\":\"the script ended with status %d before ss.end "
	    "came back\",\"window\":[%" PRIu64 ",%" PRIu64 "]}}", r->status, first, last);
	rc = b.failed ? err_nomem(err) : record_own(&r->back, b.p, b.len, 0, err);
	buf_free(&b);
	return rc;
}
