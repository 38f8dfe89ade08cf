#include "event/outcome.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define MESSAGE_MAX 2000
#define REJECT_MAX ((size_t)64 << 10)

const char *
outcome_class_name(enum outcome_class c)
{
	static const char *const names[OUTCOME_CLASS_COUNT] = {
#define OUTCOME_CLASS_NAME(a, b) [OUTCOME_##a] = b,
		OUTCOME_CLASSES(OUTCOME_CLASS_NAME)
	};

	return names[c] == NULL ? "" : names[c];
}

uint64_t
outcome_place(const struct event *ev)
{
	uint64_t place;

	return json_u64(json_get(ev->root, "ssplace"), &place) == 0 ? place : ev->seq;
}

static void
head(struct buf *b, const char *source, enum event_type type, struct json_span subject, const char *id, int64_t now)
{
	char time[CLOCK_TEXT];

	clock_format(now, time);
	(void)buf_adds(b, "{\"specversion\":\"1.0\"");
	(void)json_put_member(b, "id", id, strlen(id));
	(void)json_put_member(b, "source", source, strlen(source));
	(void)json_put_member(b, "type", event_type_name(type), strlen(event_type_name(type)));
	if (subject.n > 0)
		(void)json_put_member(b, "subject", subject.p, subject.n);
	(void)json_put_member(b, "time", time, CLOCK_TEXT - 1);
	(void)buf_adds(b, ",\"data\":{");
}

static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	char t[CLOCK_TEXT];

	if (ms <= 0)
		return;
	clock_format(ms, t);
	(void)json_put_member(b, key, t, CLOCK_TEXT - 1);
}

static void
put_text(struct buf *b, const char *key, const char *s)
{
	if (s != NULL)
		(void)json_put_member(b, key, s, strlen(s));
}

static void
put_event(struct buf *b, const struct event *ev)
{
	uint64_t place = outcome_place(ev);
	struct json_span key = event_order_key(ev);

	(void)buf_adds(b, "\"event\":{");
	(void)json_put_member(b, "source", ev->source.p, ev->source.n);
	(void)json_put_member(b, "id", ev->id.p, ev->id.n);
	(void)json_put_member(b, "type", ev->type.p, ev->type.n);
	if (ev->time.n > 0)
		(void)json_put_member(b, "time", ev->time.p, ev->time.n);
	if (key.n != ev->subject.n || memcmp(key.p, ev->subject.p, key.n) != 0)
		(void)json_put_member(b, "key", key.p, key.n);
	if (ev->seq != 0)
		(void)buf_addf(b, ",\"seq\":%llu", (unsigned long long)ev->seq);
	if (place != ev->seq)
		(void)buf_addf(b, ",\"place\":%llu", (unsigned long long)place);
	(void)buf_addc(b, '}');
}

static void
put_cause(struct buf *b, const struct outcome *o)
{
	size_t n = o->message == NULL ? 0 : o->message_n != 0 ? o->message_n : strlen(o->message);

	if (o->class == OUTCOME_NONE)
		return;
	(void)buf_adds(b, ",\"cause\":{");
	put_text(b, "class", outcome_class_name(o->class));
	put_text(b, "code", o->code);
	if (n > 0)
		(void)json_put_member(b, "message", o->message, n > MESSAGE_MAX ? MESSAGE_MAX : n);
	(void)buf_addf(b, ",\"retry\":%s}", o->retry ? "true" : "false");
}

static void
put_common(struct buf *b, const struct outcome *o, struct json_span label)
{
	const char *comma = label.n > 0 ? memchr(label.p, ',', label.n) : NULL;

	if (o->pipeline == NULL && label.n > 0)
		(void)json_put_member(b, "pipeline", label.p, comma != NULL ? (size_t)(comma - label.p) : label.n);
	else
		put_text(b, "pipeline", o->pipeline == NULL ? "-" : o->pipeline);
	put_text(b, "target", o->target);
	put_text(b, "stage", o->stage);
}

static void
put_raw(struct buf *b, const char *key, struct json_span raw)
{
	if (raw.n == 0)
		return;
	(void)buf_addf(b, ",\"%s\":", key);
	(void)buf_add(b, raw.p, raw.n);
}

int
outcome_put(struct buf *b, const struct event *ev, const struct outcome *o, const char *id, int64_t now)
{
	char source[64];
	struct event_turn turn;

	event_turn(ev, &turn);
	(void)snprintf(source, sizeof(source), "ss-%s", o->stage);
	head(b, source, o->type, ev->subject, id, now);
	put_event(b, ev);
	put_common(b, o, ev->pipeline);
	(void)buf_addf(b, ",\"attempt\":%llu", (unsigned long long)(o->attempt != 0 ? o->attempt :
	    turn.attempt != 0 ? turn.attempt : 1));
	if (turn.replay != 0)
		(void)buf_addf(b, ",\"replay\":%llu", (unsigned long long)turn.replay);
	if (turn.force)
		(void)buf_adds(b, ",\"force\":true");
	if (o->ms >= 0)
		(void)buf_addf(b, ",\"ms\":%lld", (long long)o->ms);
	put_cause(b, o);
	put_raw(b, "set", o->set);
	put_raw(b, "ids", o->ids);
	put_time(b, "at", o->at);
	put_time(b, "due", o->due);
	if (o->table != NULL || o->behind != 0) {
		(void)buf_adds(b, ",\"wait\":{");
		put_text(b, "table", o->table);
		if (o->row.n > 0)
			(void)json_put_member(b, "key", o->row.p, o->row.n);
		if (o->behind != 0)
			(void)buf_addf(b, "%s\"behind\":%llu", o->table != NULL ? "," : "", (unsigned long long)o->behind);
		(void)buf_addc(b, '}');
	}
	put_time(b, "deadline", o->deadline);
	if (ev->stages.n > 0)
		(void)json_put_member(b, "stages", ev->stages.p, ev->stages.n);
	return buf_adds(b, "}}");
}

int
outcome_put_range(struct buf *b, const struct outcome *o, uint64_t first, uint64_t last, uint64_t n,
    const char *source, const char *id, int64_t now)
{
	head(b, source, o->type, (struct json_span){ NULL, 0 }, id, now);
	put_common(b, o, (struct json_span){ NULL, 0 });
	put_cause(b, o);
	return buf_addf(b, ",\"range\":[%llu,%llu],\"n\":%llu}}", (unsigned long long)first,
	    (unsigned long long)last, (unsigned long long)n);
}

/* RFC 4648 section 4. */
static void
put_base64(struct buf *b, const char *p, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = (const unsigned char *)p;
	size_t i;

	(void)buf_addc(b, '"');
	for (i = 0; i < n; i += 3) {
		unsigned v = (unsigned)s[i] << 16 | (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0) | (i + 2 < n ? s[i + 2] : 0);

		(void)buf_addc(b, abc[v >> 18 & 63]);
		(void)buf_addc(b, abc[v >> 12 & 63]);
		(void)buf_addc(b, i + 1 < n ? abc[v >> 6 & 63] : '=');
		(void)buf_addc(b, i + 2 < n ? abc[v & 63] : '=');
	}
	(void)buf_addc(b, '"');
}

int
outcome_put_rejected(struct buf *b, const char *source, const char *what, uint64_t line,
    const char *p, size_t n, const char *why, int64_t now)
{
	const char *parts[3] = { what, p, NULL };
	size_t lens[2] = { strlen(what), n }, keep = n > REJECT_MAX ? REJECT_MAX : n;
	char id[UUID_TEXT], time[CLOCK_TEXT];

	if (uuid_v5(parts, lens, id) == -1)
		return -1;
	clock_format(now, time);
	(void)buf_adds(b, "{\"specversion\":\"1.0\"");
	(void)json_put_member(b, "id", id, UUID_TEXT - 1);
	(void)json_put_member(b, "source", source, strlen(source));
	(void)json_put_member(b, "type", "line.rejected", 13);
	(void)json_put_member(b, "time", time, CLOCK_TEXT - 1);
	(void)buf_adds(b, ",\"data\":{");
	(void)json_put_member(b, "file", what, strlen(what));
	(void)buf_addf(b, ",\"line\":%llu", (unsigned long long)line);
	if (json_utf8(p, keep)) {
		(void)json_put_member(b, "text", p, keep);
	} else {
		(void)buf_adds(b, ",\"base64\":");
		put_base64(b, p, keep);
	}
	if (keep < n)
		(void)buf_addf(b, ",\"bytes\":%zu", n);
	put_text(b, "class", "parse");
	put_text(b, "message", why);
	return buf_adds(b, "}}");
}

int
outcome_put_stages(struct buf *b, const struct event *ev, const char *stage, int64_t now)
{
	(void)buf_addc(b, '"');
	if (ev->stages.n > 0 && ev->stages.n < 1000) {
		(void)buf_add(b, ev->stages.p, ev->stages.n);
		(void)buf_addc(b, ' ');
	}
	(void)buf_adds(b, stage);
	(void)buf_addc(b, '@');
	(void)buf_addi(b, now);
	return buf_addc(b, '"');
}
