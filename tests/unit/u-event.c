/* event/event, line and outcome: parsing, edits that keep bytes, lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "event/event.h"
#include "event/line.h"
#include "event/outcome.h"

#define HEAD "\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\""

static void
refuses(void **state)
{
	static const struct { const char *line, *why; } t[] = {
		{ "[]", "not a JSON object" }, { "{", "not JSON" }, { "{}", "specversion" }, { "1", "not a JSON object" },
		{ "{\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}", "specversion" },
		{ "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}", "id is missing" },
		{ "{\"specversion\":\"1.0\",\"id\":5,\"source\":\"s\",\"type\":\"t\"}", "'id' is not a string" },
		{ "{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\"}", "source is missing" },
		{ "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\"}", "type is missing" },
		{ "{" HEAD ",\"data\":1,\"data\":2}", "stands twice" },
		{ "{" HEAD ",\"ssseq\":-1}", "ssseq" },
		{ "{\"specversion\":\"1.0\",\"id\":null,\"source\":\"s\",\"type\":\"t\"}", "'id' is not a string" },
		{ "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":null,\"type\":\"t\"}", "'source' is not" },
		{ "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":null}", "'type' is not" },
		{ "{\"specversion\":null,\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}", "specversion" },
		{ "{" HEAD ",\"subject\":null,\"subject\":\"a\"}", "stands twice" },
	};
	struct json_mem mem = { 0 };
	struct event ev;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct ss_err err = { .text = "" };

		assert_int_equal(event_parse(&ev, &mem, t[i].line, strlen(t[i].line), &err), -1);
		if (strstr(err.text, t[i].why) == NULL)
			fail_msg("'%s': said '%s', not '%s'", t[i].line, err.text, t[i].why);
	}
	json_mem_free(&mem);
}

/* Null is the same as absent, but for what is required and for data. */
static void
null_is_absent(void **state)
{
	static const char line[] = "{" HEAD ",\"subject\":null,\"time\":null,\"partitionkey\":null,\"correlationid\":null,"
	    "\"causationid\":null,\"sspipeline\":null,\"ssseq\":null,\"ssturn\":null,\"ssstages\":null,\"own\":null,\"data\":null}";
	struct json_mem mem = { 0 };
	struct event ev;
	struct ss_err err = { .text = "" };
	struct json_span key;

	(void)state;
	assert_int_equal(event_parse(&ev, &mem, line, sizeof(line) - 1, &err), 0);
	assert_true(ev.subject.p == NULL && ev.time.p == NULL && ev.partition.p == NULL && ev.correlation.p == NULL &&
	    ev.causation.p == NULL && ev.pipeline.p == NULL && ev.turn.p == NULL && ev.stages.p == NULL && ev.seq == 0);
	assert_int_equal(event_time(&ev), -1);
	key = event_order_key(&ev);
	assert_true(key.n == 1 && *key.p == 'i');
	assert_non_null(ev.data);
	assert_int_equal(ev.data_raw.n, 4);
	assert_int_equal(ev.line.n, sizeof(line) - 1);	/* its bytes are kept */
	json_mem_free(&mem);
}

#define SS(type, rest) "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"ss." type "\"" rest "}"
#define OF "\"event\":{\"source\":\"s\",\"id\":\"e\"}"

/* What is not what its type says must not get into the log as such. */
static void
foreign_ss(void **state)
{
	static const struct { const char *line, *why; } t[] = {
		{ SS("delivered", ",\"data\":{" OF ",\"pipeline\":\"p\"}"), NULL },
		{ SS("delivered", ",\"data\":{\"event\":{\"source\":\"s\",\"id\":\"e\",\"seq\":7},\"pipeline\":\"-\",\"set\":{}}"), NULL },
		{ SS("unchanged", ",\"data\":{\"pipeline\":\"p\",\"range\":[3,9],\"n\":7}"), NULL },
		{ SS("dead", ",\"data\":{" OF ",\"pipeline\":\"p\",\"cause\":{\"class\":\"value\"}}"), NULL },
		{ SS("delivered", ""), "no object" },
		{ SS("delivered", ",\"data\":null"), "no object" },
		{ SS("delivered", ",\"data\":[1]"), "no object" },
		{ SS("delivered", ",\"data\":{}"), "data.pipeline" },
		{ SS("delivered", ",\"data\":{" OF "}"), "data.pipeline" },
		{ SS("delivered", ",\"data\":{" OF ",\"pipeline\":5}"), "data.pipeline" },
		{ SS("delivered", ",\"data\":{" OF ",\"pipeline\":\"a\\u0000b\"}"), "data.pipeline" },
		{ SS("delivered", ",\"data\":{\"pipeline\":\"p\"}"), "data.event" },
		{ SS("parked", ",\"data\":{\"pipeline\":\"p\",\"event\":{\"source\":\"s\"}}"), "data.event" },
		{ SS("failed", ",\"data\":{\"pipeline\":\"p\",\"event\":{\"source\":\"s\",\"id\":\"e\",\"seq\":-1}}"), "place" },
		{ SS("delivered", ",\"data\":{" OF ",\"pipeline\":\"p\",\"set\":[]}"), "data.set" },
		{ SS("delivered", ",\"data\":{" OF ",\"pipeline\":\"p\",\"target\":{}}"), "data.target" },
		{ SS("dead", ",\"data\":{" OF ",\"pipeline\":\"p\",\"cause\":\"no\"}"), "data.cause" },
		{ SS("unchanged", ",\"data\":{\"pipeline\":\"p\",\"range\":[9,3],\"n\":7}"), "data.range" },
		{ SS("unchanged", ",\"data\":{\"pipeline\":\"p\",\"range\":\"all\",\"n\":7}"), "data.range" },
		{ SS("unchanged", ",\"data\":{\"pipeline\":\"p\",\"range\":[3,9],\"n\":8}"), "data.n" },
		{ SS("unchanged", ",\"data\":{\"pipeline\":\"p\",\"range\":[3,9],\"n\":0}"), "data.n" },
		{ SS("unchanged", ",\"data\":{\"pipeline\":\"p\",\"range\":[3,9]}"), "data.n" },
		{ SS("failed", ",\"data\":{\"pipeline\":\"p\",\"range\":[3,9],\"n\":7}"), "data.range" },
		{ SS("nothing", ",\"data\":{}"), "unknown type" },
		{ SS("state", ",\"data\":{\"table\":\"open\",\"rows\":[]}"), "from outside" },
		{ SS("known", ",\"subject\":\"A\",\"data\":{\"target\":\"t\",\"set\":{}}"), NULL },
		{ SS("known", ",\"data\":{\"target\":\"t\",\"set\":{}}"), "no subject" },
		{ SS("known", ",\"subject\":\"A\",\"data\":{\"set\":{}}"), "data.target" },
		{ SS("known", ",\"subject\":\"A\",\"data\":{\"target\":\"t\"}"), "data.set" },
		{ SS("cursor", ",\"data\":{\"phase\":\"begin\"}"), NULL },
		{ SS("cursor", ",\"data\":{\"phase\":\"end\",\"lines\":0}"), NULL },
		{ SS("cursor", ",\"data\":{\"phase\":\"end\"}"), "data.lines" },
		{ SS("cursor", ",\"data\":{}"), "data.phase" },
		{ SS("alert", ",\"data\":{}"), NULL },
		{ SS("alert", ""), "no object" },
		{ SS("intent", ",\"data\":{\"target\":\"t\"}"), NULL },
		{ SS("intent", ",\"data\":{}"), "data.target" },
		{ SS("settled", ",\"data\":{\"target\":\"t\"}"), "data.intent" },
		{ SS("settled", ",\"data\":{\"target\":\"t\",\"intent\":\"i\"}"), NULL },
		{ SS("replay", ",\"data\":{" OF ",\"pipeline\":\"p\"}"), NULL },
		{ SS("replay", ",\"data\":{\"pipeline\":\"p\"}"), "data.event" },
		{ SS("accepted", ",\"data\":{" OF "}"), "data.pipeline" },
		{ SS("end", ""), NULL }, { SS("stop", ""), NULL }, { SS("segment", ""), NULL },
	};
	struct json_mem mem = { 0 };
	struct event ev;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *why;

		assert_int_equal(event_parse(&ev, &mem, t[i].line, strlen(t[i].line), NULL), 0);
		why = event_ss_bad(&ev);
		if ((why == NULL) != (t[i].why == NULL) || (why != NULL && strstr(why, t[i].why) == NULL))
			fail_msg("%s: '%s'", t[i].line, why == NULL ? "fine" : why);
	}
	json_mem_free(&mem);
}

static void
edits_keep_bytes(void **state)
{
	static const struct { const char *in, *key, *raw, *out; } t[] = {
		{ "{" HEAD ",\"data\":{\"n\":1.50}}", "x", "1", "{" HEAD ",\"data\":{\"n\":1.50},\"x\":1}" },
		{ "{" HEAD ",\"data\":{\"n\":1.50}}", "data", "[]", "{" HEAD ",\"data\":[]}" },
		{ "{" HEAD ",\"data\":{\"n\":1.50}}", "data", NULL, "{" HEAD "}" },
		{ "{" HEAD ",\"data\":{\"n\":1.50}}", "id", "\"j\"",
		    "{\"specversion\":\"1.0\",\"id\":\"j\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"n\":1.50}}" },
		{ "{" HEAD ",\"data\":{\"n\":1.50}}", "specversion", NULL,
		    "{\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"n\":1.50}}" },
		{ "{ \"z\" : 1e2 , " HEAD " , \"y\":\"\\u00e9\" }", "nope", NULL,
		    /* white space between members may go, a member's own bytes stay */
		    "{\"z\" : 1e2," HEAD ",\"y\":\"\\u00e9\"}" },
	};
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct event_edit e = { t[i].key, t[i].raw, t[i].raw == NULL ? 0 : strlen(t[i].raw) };
		struct buf b = { 0 };
		struct event ev;
		char *got;

		assert_int_equal(event_parse(&ev, &mem, t[i].in, strlen(t[i].in), NULL), 0);
		assert_int_equal(event_edit(&b, &ev, &e, 1), 0);
		got = buf_cstr(&b);
		assert_string_equal(got, t[i].out);
		buf_free(&b);
	}
	json_mem_free(&mem);
}

/* Every subset of members dropped leaves well-formed JSON with the others. */
static void
dropping_any_subset(void **state)
{
	static const char in[] = "{ \"a\":1,\"b\" : 2 ,\"specversion\":\"1.0\", \"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"c\":{\"d\":[1]} }";
	static const char *const keys[] = { "a", "b", "specversion", "id", "source", "type", "c" };
	struct json_mem mem = { 0 }, mem2 = { 0 };
	unsigned set, k;

	(void)state;
	for (set = 0; set < 128; set++) {
		struct event_edit e[7];
		struct buf b = { 0 };
		struct event ev;
		struct yyjson_val *v;
		size_t n = 0;

		for (k = 0; k < 7; k++)
			if ((set >> k & 1) != 0)
				e[n++] = (struct event_edit){ keys[k], NULL, 0 };
		assert_int_equal(event_parse(&ev, &mem, in, sizeof(in) - 1, NULL), 0);
		assert_int_equal(event_edit(&b, &ev, e, n), 0);
		v = json_read(&mem2, b.p, b.len, NULL);
		if (v == NULL)
			fail_msg("subset %u gives %.*s", set, (int)b.len, b.p);
		for (k = 0; k < 7; k++)
			assert_int_equal(json_get(v, keys[k]) == NULL, (set >> k & 1) != 0);
		buf_free(&b);
	}
	json_mem_free(&mem);
	json_mem_free(&mem2);
}

static void
lists_and_turns(void **state)
{
	struct json_span l = { "a,bb,c", 6 };
	struct event_turn t;
	struct event ev;

	(void)state;
	assert_int_equal(event_in_list(l, "bb", 2), 1);
	assert_int_equal(event_in_list(l, "b", 1), 0);
	assert_int_equal(event_in_list(l, "c", 1), 1);
	assert_int_equal(event_in_list((struct json_span){ NULL, 0 }, "a", 1), 0);
	memset(&ev, 0, sizeof(ev));
	ev.turn = (struct json_span){ "3,2,due,force", 13 };
	event_turn(&ev, &t);
	assert_true(t.attempt == 3 && t.replay == 2 && t.mode == EVENT_DUE && t.force);
	ev.turn = (struct json_span){ "1,0,live", 8 };
	event_turn(&ev, &t);
	assert_true(t.attempt == 1 && t.replay == 0 && t.mode == EVENT_LIVE && !t.force);
}

/* The same lines whatever the pieces that they come in. */
static void
lines_in_pieces(void **state)
{
	static const char in[] = "a\n\nbb\r\n0123456789\n0123456789X\n01234567890123456789012345\nlast";
	size_t piece;

	(void)state;
	for (piece = 1; piece < sizeof(in); piece++) {
		struct line_reader r;
		struct line l;
		char got[300] = "";
		int fd[2], k;
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		pid = fork();
		if (pid == 0) {
			size_t i;

			close(fd[0]);
			for (i = 0; i < sizeof(in) - 1; i += piece) {
				size_t n = sizeof(in) - 1 - i < piece ? sizeof(in) - 1 - i : piece;

				if (write(fd[1], in + i, n) != (ssize_t)n)
					_exit(1);
			}
			_exit(0);
		}
		close(fd[1]);
		line_init(&r, fd[0], 10, "test");
		while ((k = line_next(&r, &l, NULL)) != LINE_END) {
			size_t n = strlen(got);

			assert_int_not_equal(k, -1);
			(void)snprintf(got + n, sizeof(got) - n, "%d:%d:%.*s|", k, (int)l.number, (int)l.n, l.p);
		}
		assert_string_equal(got, "1:1:a|1:3:bb|1:4:0123456789|3:5:0123456789|3:6:0123456789|2:7:last|");
		line_free(&r);
		close(fd[0]);
	}
}

static void
outcome_lines_are_events(void **state)
{
	static const char in[] = "{" HEAD ",\"subject\":\"A\\\"B\",\"time\":\"2026-01-02T03:04:05Z\",\"partitionkey\":\"k\",\"ssseq\":7,\"ssplace\":9,\"ssturn\":\"2,1,due\",\"ssstages\":\"diff@1\"}";
	struct outcome o = { .type = EVENT_FAILED, .stage = "push", .pipeline = "p", .target = "http:x", .ms = 5,
		.class = OUTCOME_CONFLICT, .code = "c", .message = "bad \x01 text", .retry = 1, .set = { "{\"fields\":{}}", 13 },
		.at = 1000, .due = 2000, .table = "t", .row = { "r", 1 }, .behind = 3 };
	struct json_mem mem = { 0 }, mem2 = { 0 };
	struct buf b = { 0 };
	struct event ev, got;
	uint64_t v;

	(void)state;
	assert_int_equal(event_parse(&ev, &mem, in, sizeof(in) - 1, NULL), 0);
	assert_int_equal(outcome_place(&ev), 9);
	assert_int_equal(outcome_put(&b, &ev, &o, "id1", 1000), 0);
	assert_int_equal(event_parse(&got, &mem2, b.p, b.len, NULL), 0);
	assert_int_equal(event_type(&got), EVENT_FAILED);
	assert_int_equal(json_u64(json_get(json_get(got.data, "event"), "place"), &v), 0);
	assert_int_equal(v, 9);
	assert_int_equal(json_u64(json_get(got.data, "attempt"), &v), 0);
	assert_int_equal(v, 2);
	assert_int_equal(json_u64(json_get(json_get(got.data, "wait"), "behind"), &v), 0);
	assert_int_equal(v, 3);
	buf_free(&b);
	json_mem_free(&mem);
	json_mem_free(&mem2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses), cmocka_unit_test(null_is_absent), cmocka_unit_test(foreign_ss), cmocka_unit_test(edits_keep_bytes),
		cmocka_unit_test(dropping_any_subset),
		cmocka_unit_test(lists_and_turns), cmocka_unit_test(lines_in_pieces),
		cmocka_unit_test(outcome_lines_are_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
