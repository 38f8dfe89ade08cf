/* Whether a line of the programs' own kind, which came from outside, says what
 * such a line has to say. */
#include <string.h>
#include <yyjson.h>

#include "event/event.h"

/* What the ledger takes for the name of a pipeline. */
static int
is_pipeline(struct json_span s)
{
	return s.n > 0 && s.n <= 200 && memchr(s.p, '\0', s.n) == NULL;
}

static int
names_event(const struct event *ev)
{
	struct yyjson_val *of = json_get(ev->data, "event");

	return json_str(json_get(of, "source")).n > 0 && json_str(json_get(of, "id")).n > 0;
}

/* Absent, or a whole number. */
static int
may_be_place(struct yyjson_val *of, const char *key)
{
	struct yyjson_val *v = json_get(of, key);
	uint64_t n;

	return v == NULL || json_u64(v, &n) == 0;
}

static const char *
bad_range(const struct event *ev, enum event_type t)
{
	struct yyjson_val *range = json_get(ev->data, "range");
	uint64_t first, last, n;

	if (!event_type_ends(t))
		return "data.range is not for an outcome that ends nothing";
	if (json_u64(json_at(range, 0), &first) == -1 || json_u64(json_at(range, 1), &last) == -1 || first > last)
		return "data.range is not [first place, last place]";
	if (json_u64(json_get(ev->data, "n"), &n) == -1 || n == 0 || n - 1 > last - first)
		return "data.n is not how many events data.range stands for";
	return NULL;
}

static const char *
bad_outcome(const struct event *ev, enum event_type t)
{
	struct yyjson_val *of = json_get(ev->data, "event"), *v;

	if (!is_pipeline(json_str(json_get(ev->data, "pipeline"))))
		return "data.pipeline is not the name of a pipeline";
	if ((v = json_get(ev->data, "target")) != NULL && json_str(v).n == 0)
		return "data.target is not the name of a peer";
	if ((v = json_get(ev->data, "set")) != NULL && !yyjson_is_obj(v))
		return "data.set is no object";
	if ((v = json_get(ev->data, "cause")) != NULL && json_str(json_get(v, "class")).n == 0)
		return "data.cause has no class";
	if (json_get(ev->data, "range") != NULL)
		return bad_range(ev, t);
	if (!names_event(ev))
		return "data.event has no source and id";
	if (!may_be_place(of, "seq") || !may_be_place(of, "place"))
		return "data.event's place is not a whole number";
	return NULL;
}

static const char *
bad_cursor(const struct event *ev)
{
	struct json_span phase = json_str(json_get(ev->data, "phase"));
	uint64_t n;

	if (phase.n == 5 && memcmp(phase.p, "begin", 5) == 0)
		return NULL;
	if (phase.n != 3 || memcmp(phase.p, "end", 3) != 0)
		return "data.phase is neither begin nor end";
	return json_u64(json_get(ev->data, "lines"), &n) == -1 ? "data.lines is not a whole number" : NULL;
}

/* The lines that ss-push and ss-replay write themselves, should they come by. */
static const char *
bad_record(const struct event *ev, enum event_type t)
{
	if (t == EVENT_INTENT || t == EVENT_SETTLED) {
		if (json_str(json_get(ev->data, "target")).n == 0)
			return "data.target is not the name of a peer";
		return t == EVENT_SETTLED && json_str(json_get(ev->data, "intent")).n == 0 ? "data.intent is missing" : NULL;
	}
	if (!is_pipeline(json_str(json_get(ev->data, "pipeline"))))
		return "data.pipeline is not the name of a pipeline";
	return names_event(ev) ? NULL : "data.event has no source and id";
}

const char *
event_ss_bad(const struct event *ev)
{
	enum event_type t = event_type(ev);

	if (t == EVENT_END || t == EVENT_STOP || t == EVENT_SEGMENT)
		return NULL;
	if (t == EVENT_OTHER)
		return "unknown type: those that begin with ss. are the programs' own";
	if (t == EVENT_STATE)
		return "a snapshot of state does not come from outside";
	if (!yyjson_is_obj(ev->data))
		return "data is no object";
	if (event_type_outcome(t))
		return bad_outcome(ev, t);
	switch (t) {
	case EVENT_CURSOR:
		return bad_cursor(ev);
	case EVENT_KNOWN:
		return ev->subject.n == 0 ? "there is no subject" :
		    json_str(json_get(ev->data, "target")).n == 0 ? "data.target is not the name of a peer" :
		    yyjson_is_obj(json_get(ev->data, "set")) ? NULL : "data.set is no object";
	case EVENT_ALERT:
		return NULL;
	default:
		return bad_record(ev, t);
	}
}
