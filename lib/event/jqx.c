#include "event/jqx.h"

#include <jq.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * What would print, read or end the process in jq(1) does nothing or fails.
 * jq 1.6 has no other way: its `stderr` writes to the stream itself.  It also
 * makes module directives a syntax error (they must stand first), which is
 * wanted: a program is whole in its file, and 1.6 aborts on some.  On the
 * program's first line, so that line numbers stay right.
 */
static const char prelude[] =
    "def stderr: .; def debug: .; def debug(f): .; "
    "def input: error(\"no further input\"); def inputs: empty; "
    "def input_filename: null; def input_line_number: 0; "
    "def halt: error(\"halt\"); "
    "def halt_error: error(if . == null then \"halt\" else . end); "
    "def halt_error(f): halt_error; ";

/* The longest text jq prints for a double has 24 bytes. */
#define NUMBER_BYTES 40
/* Up to so many digits an integer is exact and jq prints it as such. */
#define PLAIN_DIGITS 15

struct jqx {
	jq_state *jq;
	struct json_mem mem;
	struct buf said;	/* jq's first error message */
	char what[64];
};

/* The way down a result, beside the input that it came from. */
struct walk {
	struct buf *out;
	struct ss_err *err;
};

/* env, $ENV and ~/.jq come by way of environ.  Static, so that a thread that
 * just reads environ (a resolver) never holds a dead pointer. */
static char **
hide_environ(void)
{
	static char *const none[1];
	char **was = environ;

	environ = (char **)(uintptr_t)none;
	return was;
}

static void
keep_message(void *ctx, jv msg)
{
	struct jqx *j = ctx;
	jv text = jq_format_error(msg);

	if (j->said.len == 0 && jv_get_kind(text) == JV_KIND_STRING)
		(void)buf_adds(&j->said, jv_string_value(text));
	jv_free(text);
}

/* "jq: error: TEXT (Unix shell quoting issues?) at <top-level>, line 1:\n…" */
static int
compile_error(struct jqx *j, struct ss_err *err)
{
	static const char head[] = "jq: error: ", shell[] = " (Unix shell quoting issues?)";
	char *s = j->said.len == 0 ? NULL : buf_cstr(&j->said), *p;
	size_t n;

	if (s == NULL)
		return err_set(err, SS_EXIT_USAGE, "%s: not a jq program", j->what);
	s[strcspn(s, "\n")] = '\0';
	if (strncmp(s, head, sizeof(head) - 1) == 0)
		s += sizeof(head) - 1;
	p = strstr(s, shell);
	if (p != NULL)
		memmove(p, p + sizeof(shell) - 1, strlen(p + sizeof(shell) - 1) + 1);
	n = strlen(s);
	if (n > 0 && s[n - 1] == ':')
		s[n - 1] = '\0';
	return err_set(err, SS_EXIT_USAGE, "%s: %s", j->what, s);
}

static int
is_plain(const char *p, size_t n)
{
	size_t i = n > 0 && p[0] == '-';

	if (n == i || n - i > PLAIN_DIGITS || (i == 1 && p[1] == '0'))
		return 0;
	for (; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return 0;
	return 1;
}

static int64_t
plain_value(const char *p, size_t n)
{
	int64_t v = 0;
	size_t i = p[0] == '-';

	for (; i < n; i++)
		v = v * 10 + (p[i] - '0');
	return p[0] == '-' ? -v : v;
}

/* A number if jq would print it as it came, else a string of its text.  Not
 * strtod: that follows the locale.  Not jq's reader: since 1.7 it remembers
 * the text until the first arithmetic, so one program would do two things. */
static jv
number_of(const char *p, size_t n)
{
	char text[NUMBER_BYTES + 1];
	yyjson_val num;
	jv v, shown;
	int same;

	if (is_plain(p, n))
		return jv_number((double)plain_value(p, n));
	if (n > NUMBER_BYTES)
		return jv_string_sized(p, (int)n);
	memcpy(text, p, n);
	text[n] = '\0';
	memset(&num, 0, sizeof(num));
	if (yyjson_read_number(text, &num, YYJSON_READ_NOFLAG, NULL, NULL) == NULL)
		return jv_string_sized(p, (int)n);
	v = jv_number(yyjson_get_num(&num));
	shown = jv_dump_string(jv_copy(v), 0);
	same = strcmp(jv_string_value(shown), text) == 0;
	jv_free(shown);
	if (same)
		return v;
	jv_free(v);
	return jv_string_sized(p, (int)n);
}

/* Recursion is bounded: json_read refuses nesting over JSON_DEPTH.  *twice is
 * set when a member stands twice: jq keeps the last, so what else of it comes
 * out could not be told apart. */
static jv
value_of(yyjson_val *v, int *twice)
{
	yyjson_val *k, *e;
	size_t i, max;
	jv out;

	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_NULL:
		return jv_null();
	case YYJSON_TYPE_BOOL:
		return yyjson_get_bool(v) ? jv_true() : jv_false();
	case YYJSON_TYPE_RAW:
		return number_of(yyjson_get_raw(v), yyjson_get_len(v));
	case YYJSON_TYPE_STR:
		return jv_string_sized(yyjson_get_str(v), (int)yyjson_get_len(v));
	case YYJSON_TYPE_ARR:
		out = jv_array_sized((int)yyjson_arr_size(v));
		yyjson_arr_foreach(v, i, max, e)
			out = jv_array_append(out, value_of(e, twice));
		return out;
	case YYJSON_TYPE_OBJ:
		out = jv_object();
		yyjson_obj_foreach(v, i, max, k, e)
			out = jv_object_set(out,
			    jv_string_sized(yyjson_get_str(k), (int)yyjson_get_len(k)), value_of(e, twice));
		if ((size_t)jv_object_length(jv_copy(out)) != yyjson_obj_size(v))
			*twice = 1;
		return out;
	default:
		return jv_invalid();
	}
}

/* The jv of a JSON text, invalid with *err set.  *root: as read, in mem. */
static jv
read_text(struct json_mem *mem, const char *p, size_t n, yyjson_val **root, struct ss_err *err)
{
	int twice = 0;
	jv v;

	if (n > INT_MAX) {
		err_set(err, SS_EXIT_USAGE, "JSON larger than 2 GiB");
		return jv_invalid();
	}
	*root = json_read(mem, p, n, err);
	if (*root == NULL)
		return jv_invalid();
	v = value_of(*root, &twice);
	if (!twice)
		return v;
	jv_free(v);
	err_set(err, SS_EXIT_USAGE, "a member stands twice in an object");
	return jv_invalid();
}

static void
put_number(struct buf *b, jv v)
{
	double d = jv_number_value(v);
	jv text;

	/* as jq prints it, without its allocation; 0 may be -0 */
	if (d > -1e15 && d < 1e15 && d == (double)(int64_t)d && d != 0) {
		(void)buf_addi(b, (int64_t)d);
		jv_free(v);
		return;
	}
	text = jv_dump_string(v, 0);
	(void)buf_adds(b, jv_string_value(text));
	jv_free(text);
}

/* src: the input's value at this path, or NULL.  Text that went in as a
 * number's digits and is still the same comes out as that number. */
static void
put_string(struct buf *b, jv v, yyjson_val *src)
{
	size_t n = (size_t)jv_string_length_bytes(jv_copy(v));
	const char *p = jv_string_value(v);

	if (yyjson_is_raw(src) && yyjson_get_len(src) == n && memcmp(yyjson_get_raw(src), p, n) == 0)
		(void)buf_add(b, p, n);
	else
		(void)json_put_str(b, p, n);
	jv_free(v);
}

static int put_value(struct walk *w, jv v, jv in, yyjson_val *src, int depth);

static int
put_array(struct walk *w, jv v, jv in, yyjson_val *src, int depth)
{
	int n = jv_array_length(jv_copy(v)), rc = 0, i;
	int n_in = jv_get_kind(in) == JV_KIND_ARRAY ? jv_array_length(jv_copy(in)) : 0;
	yyjson_arr_iter it;
	yyjson_val *e;

	(void)yyjson_arr_iter_init(src, &it);
	(void)buf_addc(w->out, '[');
	for (i = 0; i < n && rc == 0; i++) {
		e = yyjson_arr_iter_next(&it);
		if (i > 0)
			(void)buf_addc(w->out, ',');
		rc = put_value(w, jv_array_get(jv_copy(v), i),
		    i < n_in ? jv_array_get(jv_copy(in), i) : jv_invalid(), e, depth + 1);
	}
	(void)buf_addc(w->out, ']');
	return rc;
}

static int
put_object(struct walk *w, jv v, jv in, yyjson_val *src, int depth)
{
	int is_obj = jv_get_kind(in) == JV_KIND_OBJECT, it, rc = 0, first = 1;
	yyjson_obj_iter at;

	(void)yyjson_obj_iter_init(src, &at);
	(void)buf_addc(w->out, '{');
	for (it = jv_object_iter(v); rc == 0 && jv_object_iter_valid(v, it);
	    it = jv_object_iter_next(v, it)) {
		jv key = jv_object_iter_key(v, it);
		size_t n = (size_t)jv_string_length_bytes(jv_copy(key));
		/* searches on from the last hit: no cost while the order is kept */
		yyjson_val *e = is_obj ? yyjson_obj_iter_getn(&at, jv_string_value(key), n) : NULL;

		if (!first)
			(void)buf_addc(w->out, ',');
		first = 0;
		(void)json_put_str(w->out, jv_string_value(key), n);
		(void)buf_addc(w->out, ':');
		rc = put_value(w, jv_object_iter_value(v, it),
		    e != NULL ? jv_object_get(jv_copy(in), jv_copy(key)) : jv_invalid(), e, depth + 1);
		jv_free(key);
	}
	(void)buf_addc(w->out, '}');
	return rc;
}

/* Append v (freed).  in (freed) is what went in at this path, src the same as
 * read; invalid and NULL where there was nothing.  jq shares what a program
 * did not touch, so most of an event is written from src in one go. */
static int
put_value(struct walk *w, jv v, jv in, yyjson_val *src, int depth)
{
	int rc = 0;

	if (depth > JSON_DEPTH) {
		rc = err_set(w->err, SS_EXIT_USAGE, "a result is nested deeper than %d", JSON_DEPTH);
	} else if (src != NULL && jv_identical(jv_copy(v), jv_copy(in))) {
		(void)json_write(w->out, src);
	} else {
		switch (jv_get_kind(v)) {
		case JV_KIND_ARRAY:
			rc = put_array(w, v, in, src, depth);
			break;
		case JV_KIND_OBJECT:
			rc = put_object(w, v, in, src, depth);
			break;
		case JV_KIND_STRING:
			put_string(w->out, jv_copy(v), src);
			break;
		case JV_KIND_NUMBER:
			put_number(w->out, jv_copy(v));
			break;
		case JV_KIND_TRUE:
			(void)buf_adds(w->out, "true");
			break;
		case JV_KIND_FALSE:
			(void)buf_adds(w->out, "false");
			break;
		default:
			(void)buf_adds(w->out, "null");
			break;
		}
	}
	jv_free(v);
	jv_free(in);
	return rc;
}

/* The message of a failed run; takes last, what jq_next ended with.  0 if it
 * did not fail. */
static int
run_error(struct jqx *j, jv last, struct ss_err *err)
{
	jv msg;

	if (jq_halted(j->jq)) {
		jv_free(last);
		return err_set(err, SS_EXIT_USAGE, "halt");
	}
	if (!jv_invalid_has_msg(jv_copy(last))) {
		jv_free(last);
		return 0;
	}
	msg = jv_invalid_get_msg(last);
	if (jv_get_kind(msg) != JV_KIND_STRING)
		msg = jv_dump_string(msg, 0);
	err_set(err, SS_EXIT_USAGE, "%.700s", jv_string_value(msg));
	jv_free(msg);
	return -1;
}

static int
run(struct jqx *j, jv in, yyjson_val *root, struct buf *out, size_t max, struct ss_err *err)
{
	struct walk w = { .out = out, .err = err };
	size_t n = 0;
	jv v;

	jq_start(j->jq, jv_copy(in), 0);
	while (jv_is_valid(v = jq_next(j->jq))) {
		if (n == max || n == INT_MAX) {
			jv_free(v);
			return err_set(err, SS_EXIT_USAGE, "more than %zu results", n);
		}
		if (put_value(&w, v, jv_copy(in), root, 0) == -1)
			return -1;
		if (buf_addc(out, '\n') == -1 || out->failed)
			return err_set(err, SS_EXIT_USAGE, "the results are too large");
		n++;
	}
	return run_error(j, v, err) == -1 ? -1 : (int)n;
}

/* Nothing but space and comments: `.` for jq(1), but behind the prelude 1.7
 * would miss a program. */
static int
is_blank(const char *s)
{
	for (;;) {
		s += strspn(s, " \t\r\n");
		if (*s != '#')
			return *s == '\0';
		s += strcspn(s, "\n");
	}
}

static int
compile(struct jqx *j, const char *program, const char *const *args, struct ss_err *err)
{
	jv vars = jv_object(), v;
	struct buf text = { 0 };
	yyjson_val *root;
	char **was;
	int ok;

	for (; args != NULL && args[0] != NULL; args += 2) {
		v = read_text(&j->mem, args[1], strlen(args[1]), &root, err);
		if (!jv_is_valid(v)) {
			jv_free(vars);
			err_prefix(err, "%s: $%s", j->what, args[0]);
			return -1;
		}
		vars = jv_object_set(vars, jv_string(args[0]), v);
	}
	(void)buf_adds(&text, prelude);
	(void)buf_adds(&text, is_blank(program) ? "." : program);
	if (text.failed || buf_cstr(&text) == NULL) {
		buf_free(&text);
		jv_free(vars);
		return err_nomem(err);
	}
	was = hide_environ();
	ok = jq_compile_args(j->jq, text.p, vars);
	environ = was;
	buf_free(&text);
	return ok ? 0 : compile_error(j, err);
}

struct jqx *
jqx_open(const char *program, const char *what, const char *const *args, struct ss_err *err)
{
	struct jqx *j = calloc(1, sizeof(*j));

	if (j == NULL || (j->jq = jq_init()) == NULL) {
		free(j);
		err_nomem(err);
		return NULL;
	}
	memcpy(j->what, what, strnlen(what, sizeof(j->what) - 1));
	jq_set_error_cb(j->jq, keep_message, j);
	if (compile(j, program, args, err) == -1) {
		jqx_free(j);
		return NULL;
	}
	return j;
}

void
jqx_free(struct jqx *j)
{
	if (j == NULL)
		return;
	jq_teardown(&j->jq);
	json_mem_free(&j->mem);
	buf_free(&j->said);
	free(j);
}

int
jqx_run(struct jqx *j, const char *in, size_t n, struct buf *out, size_t max, struct ss_err *err)
{
	size_t start = out->len;
	yyjson_val *root = NULL;
	char **was;
	int rc = -1;
	jv v = read_text(&j->mem, in, n, &root, err);

	if (jv_is_valid(v)) {
		was = hide_environ();
		rc = run(j, v, root, out, max, err);
		environ = was;
	}
	jv_free(v);
	if (rc == -1) {
		out->len = start;
		err_prefix(err, "%s", j->what);
	}
	return rc;
}
