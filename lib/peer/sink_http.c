/* Delivery to any service that takes JSON over HTTP; storesync.conf(5), kind http. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/io.h"
#include "event/jqx.h"
#include "net/http.h"
#include "net/pace.h"
#include "peer/sink.h"

#define HEADERS_MAX 32

struct http_sink {
	struct sink s;
	struct http *http;
	const char *url, *method;	/* point into the configuration */
	struct jqx *body, *reply;
	struct buf head[HEADERS_MAX];
	size_t nhead;
	struct buf secret_head;		/* wiped at the end */
	const char *key_header;		/* idempotency, NULL none */
	int64_t timeout;
	struct pace_bucket bucket;
	int paced;
	struct json_mem mem;
	struct buf tmp, in;
};

/* One call under way. */
struct flight {
	struct http_sink *h;
	struct sink_call *c;
	struct ss_err err;
	int failed;
};

static int
http_render(struct sink *s, const struct json_span *events, size_t n, struct buf *body, struct ss_err *err)
{
	struct http_sink *h = (struct http_sink *)s;
	size_t i;
	int rc;

	buf_clear(&h->in);
	if (s->batch > 1)
		(void)buf_addc(&h->in, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			(void)buf_addc(&h->in, ',');
		(void)buf_add(&h->in, events[i].p, events[i].n);
	}
	if (s->batch > 1)
		(void)buf_addc(&h->in, ']');
	if (h->in.failed)
		return err_nomem(err);
	if (h->body == NULL)
		return buf_add(body, h->in.p, h->in.len) == -1 ? err_nomem(err) : 0;
	rc = jqx_run(h->body, h->in.p, h->in.len, body, 2, err);
	if (rc == -1)
		return -1;
	if (rc != 1)
		return err_set(err, SS_EXIT_USAGE, "body gave %d results, a request has one", rc);
	if (body->len > 0)
		body->len--;	/* the newline */
	return 0;
}

static enum outcome_class
class_of(struct json_span s, enum outcome_class fallback)
{
	int i;

	for (i = 1; i < OUTCOME_CLASS_COUNT; i++)
		if (strlen(outcome_class_name((enum outcome_class)i)) == s.n &&
		    memcmp(outcome_class_name((enum outcome_class)i), s.p, s.n) == 0)
			return (enum outcome_class)i;
	return fallback;
}

static void
copy(char *to, size_t cap, struct json_span s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

static int
is_object(struct yyjson_val *v)
{
	struct buf b = { 0 };
	int yes = json_write(&b, v) == 0 && b.len > 0 && b.p[0] == '{';

	buf_free(&b);
	return yes;
}

/* One result as the reply program gave it: true, or an object; anything else
 * (null, false, text) says nothing of the item. */
static void
take_result(struct sink_result *r, struct yyjson_val *v)
{
	struct json_span ok = json_scalar(json_get(v, "ok")), bare = json_scalar(v), class, retry;
	int yes = bare.n == 4 && memcmp(bare.p, "true", 4) == 0;

	if (!yes && !is_object(v))
		return;
	r->named = 1;
	class = json_str(json_get(v, "class"));
	retry = json_scalar(json_get(v, "retry"));
	r->ok = yes || (ok.n == 4 && memcmp(ok.p, "true", 4) == 0) ||
	    (ok.n == 0 && class.n == 0 && json_get(v, "message") == NULL && json_get(v, "code") == NULL);
	if (r->ok)
		return;
	r->class = class_of(class, OUTCOME_VALUE);
	r->retry = retry.n == 4 && memcmp(retry.p, "true", 4) == 0;
	copy(r->code, sizeof(r->code), json_scalar(json_get(v, "code")));
	copy(r->message, sizeof(r->message), json_scalar(json_get(v, "message")));
}

static struct sink_result *
result_for(struct sink_call *c, struct yyjson_val *v, size_t i)
{
	struct json_span key = json_scalar(json_get(v, "key"));
	size_t k;

	if (c->res == NULL)
		return NULL;
	for (k = 0; key.n > 0 && k < c->n; k++)
		if (c->subjects[k].n == key.n && memcmp(c->subjects[k].p, key.p, key.n) == 0 && !c->res[k].named)
			return &c->res[k];
	return key.n == 0 && i < c->n ? &c->res[i] : NULL;
}

/* Ask the reply program about each item.  -1: it failed, and then nothing is
 * known of the items though the call went well or ill as a whole. */
static int
judge(struct http_sink *h, struct sink_call *c, const struct http_reply *r, struct ss_err *err)
{
	struct buf out = { 0 };
	struct json_mem mem = { 0 };
	const char *p, *end, *nl;
	size_t i = 0;
	int rc;

	buf_clear(&h->in);
	(void)buf_addf(&h->in, "{\"status\":%d,\"n\":%zu,\"body\":", r->status, c->n);
	if (r->body.n > 0 && json_read(&mem, r->body.p, r->body.n, NULL) != NULL)
		(void)buf_add(&h->in, r->body.p, r->body.n);
	else
		(void)json_put_str(&h->in, r->body.p == NULL ? "" : r->body.p, r->body.n);
	(void)buf_addc(&h->in, '}');
	rc = h->in.failed ? err_nomem(err) : jqx_run(h->reply, h->in.p, h->in.len, &out, c->n + 1000, err);
	for (p = out.p, end = out.p + out.len; rc > 0 && p < end; p = nl + 1) {
		struct yyjson_val *v;

		nl = memchr(p, '\n', (size_t)(end - p));
		v = nl == NULL ? NULL : json_read(&mem, p, (size_t)(nl - p), err);
		if (v == NULL)
			break;
		if (json_at(v, 0) != NULL) {
			struct yyjson_val *e;
			size_t k;

			for (k = 0; (e = json_at(v, k)) != NULL; k++, i++)
				if (result_for(c, e, i) != NULL)
					take_result(result_for(c, e, i), e);
		} else if (result_for(c, v, i) != NULL) {
			take_result(result_for(c, v, i), v);
			i++;
		}
	}
	json_mem_free(&mem);
	buf_free(&out);
	return rc == -1 ? -1 : 0;
}

static void
all_items(struct sink_call *c, int ok, enum outcome_class class, const char *code, const char *message)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->res[i].named)
			continue;
		c->res[i].ok = ok;
		c->res[i].class = class;
		(void)snprintf(c->res[i].code, sizeof(c->res[i].code), "%s", code);
		(void)snprintf(c->res[i].message, sizeof(c->res[i].message), "%s", message);
	}
}

/* A status outside 2xx: whom does it speak of? */
static void
judge_status(struct flight *f, const struct http_reply *r)
{
	struct sink_call *c = f->c;
	size_t n = r->body.n > 200 ? 200 : r->body.n;
	char code[32];

	while (n > 0 && (unsigned char)r->body.p[n - 1] <= ' ')
		n--;

	(void)snprintf(code, sizeof(code), "http-%d", r->status);
	(void)snprintf(c->why, sizeof(c->why), "status %d%s%.*s", r->status, n > 0 ? ": " : "", (int)n,
	    n > 0 ? r->body.p : "");
	switch (r->status) {
	case 401:
	case 403:
		c->end = SINK_AUTH;
		return;
	case 408:
	case 425:
	case 429:
		c->end = SINK_THROTTLED;
		return;
	case 503:
		c->end = SINK_PEER;
		return;
	default:
		break;
	}
	if (r->status >= 500 || r->status < 200 || (r->status >= 300 && r->status < 400)) {
		c->end = r->status >= 500 ? SINK_UNKNOWN : SINK_PEER;
		return;
	}
	c->end = SINK_REFUSED;
	if (f->h->reply != NULL)
		(void)judge(f->h, c, r, &f->err);
	all_items(c, 0, r->status == 409 ? OUTCOME_CONFLICT : r->status == 413 ? OUTCOME_TOO_LARGE : OUTCOME_VALUE,
	    code, c->why);
}

static void
done(void *ctx, const struct http_reply *r)
{
	struct flight *f = ctx;
	struct sink_call *c = f->c;
	size_t i;

	c->status = r->status;
	c->retry_after = r->retry_after;
	c->at = r->date > 0 ? r->date : 0;
	c->ms = r->ms;
	if (r->end != HTTP_OK) {
		c->end = r->sent ? SINK_UNKNOWN : SINK_NOT_EXECUTED;
		(void)snprintf(c->why, sizeof(c->why), "%s: %.300s", http_end_text(r->end), r->text);
		return;
	}
	if (r->status < 200 || r->status > 299) {
		judge_status(f, r);
		return;
	}
	c->end = SINK_APPLIED;
	if (f->h->reply == NULL) {
		all_items(c, 1, OUTCOME_NONE, "", "");
		return;
	}
	if (judge(f->h, c, r, &f->err) == -1) {
		/* the call was taken, but its reply cannot be read: that must not pass as done */
		c->end = SINK_UNKNOWN;
		(void)snprintf(c->why, sizeof(c->why), "the reply cannot be judged: %.300s", f->err.text);
		return;
	}
	for (i = 0; i < c->n && c->res[i].named; i++)
		;
	if (i < c->n) {
		c->end = SINK_UNKNOWN;
		(void)snprintf(c->why, sizeof(c->why), "the reply says nothing of item %zu of %zu", i + 1, c->n);
	}
}

static int
start(struct http_sink *h, struct flight *f, struct ss_err *err)
{
	const char *headers[HEADERS_MAX + 4];
	char key[160];
	struct http_request req = { .method = h->method, .url = h->url, .headers = headers, .body = f->c->body.p,
		.body_n = f->c->body.len, .deadline_ms = h->timeout, .done = done, .ctx = f };
	size_t n = 0, i;

	for (i = 0; i < h->nhead; i++)
		headers[n++] = h->head[i].p;
	if (h->secret_head.len > 0)
		headers[n++] = h->secret_head.p;
	if (h->key_header != NULL) {
		(void)snprintf(key, sizeof(key), "%s: %s", h->key_header, f->c->id);
		headers[n++] = key;
	}
	headers[n] = NULL;
	while (h->paced) {
		int64_t wait = pace_bucket_take(&h->bucket, 1, clock_mono());

		if (wait == 0)
			break;
		if (http_poll(h->http, wait, -1, err) == -1)
			return -1;
		if (http_busy(h->http) == 0)
			clock_sleep(wait < 50 ? wait : 50);
	}
	return http_start(h->http, &req, err);
}

static int
http_send(struct sink *s, struct sink_call **calls, size_t n, struct ss_err *err)
{
	struct http_sink *h = (struct http_sink *)s;
	struct flight *f = calloc(n, sizeof(*f));
	size_t i;
	int rc = 0;

	if (f == NULL)
		return err_nomem(err);
	for (i = 0; rc == 0 && i < n; i++) {
		f[i].h = h;
		f[i].c = calls[i];
		calls[i]->end = SINK_UNKNOWN;
		calls[i]->retry_after = -1;
		rc = start(h, &f[i], err);
	}
	while (rc == 0 && http_busy(h->http) > 0)
		rc = http_poll(h->http, 1000, -1, err) == -1 ? -1 : 0;
	free(f);
	return rc;
}

static int
http_describe(struct sink *s, const struct sink_call *c, struct buf *out, struct ss_err *err)
{
	struct http_sink *h = (struct http_sink *)s;

	(void)buf_adds(out, "{\"target\":");
	(void)json_put_cstr(out, s->name);
	(void)json_put_member(out, "method", h->method, strlen(h->method));
	(void)json_put_member(out, "url", h->url, strlen(h->url));
	(void)buf_addf(out, ",\"items\":%zu,\"body\":", c->n);
	if (json_read(&h->mem, c->body.p, c->body.len, NULL) != NULL)
		(void)buf_add(out, c->body.p, c->body.len);
	else
		(void)json_put_str(out, c->body.p == NULL ? "" : c->body.p, c->body.len);
	return buf_addc(out, '}') == -1 || out->failed ? err_nomem(err) : 0;
}

static void
http_sink_close(struct sink *s)
{
	struct http_sink *h = (struct http_sink *)s;
	size_t i;

	http_close(h->http);
	jqx_free(h->body);
	jqx_free(h->reply);
	for (i = 0; i < h->nhead; i++)
		buf_free(&h->head[i]);
	if (h->secret_head.p != NULL)
		explicit_bzero(h->secret_head.p, h->secret_head.cap);
	buf_free(&h->secret_head);
	json_mem_free(&h->mem);
	buf_free(&h->tmp);
	buf_free(&h->in);
	free(h);
}

static const struct sink_ops ops = { http_render, NULL, http_send, NULL, http_describe, http_sink_close };

static int
headers(struct http_sink *h, const struct conf *conf, const char *name, struct ss_err *err)
{
	struct buf token = { 0 };
	const char *v, *in = conf_get(conf, "http", name, "secret-header");
	size_t i;
	int rc;

	for (i = 0; (v = conf_next(conf, "http", name, "header", i)) != NULL; i++) {
		if (h->nhead == HEADERS_MAX - 2 || strchr(v, ':') == NULL)
			return conf_err(conf, "http", name, "header", err, "must be Name: value, %d at most", HEADERS_MAX - 2);
		(void)buf_adds(&h->head[h->nhead], v);
		if (buf_cstr(&h->head[h->nhead++]) == NULL)
			return err_nomem(err);
	}
	(void)buf_adds(&h->head[h->nhead], "Content-Type: application/json");
	if (buf_cstr(&h->head[h->nhead++]) == NULL)
		return err_nomem(err);
	rc = conf_secret(conf, "http", name, "token", &token, err);
	if (rc == 1) {
		(void)buf_adds(&h->secret_head, in != NULL ? in : "Authorization");
		(void)buf_adds(&h->secret_head, in != NULL ? ": " : ": Bearer ");
		(void)buf_add(&h->secret_head, token.p, token.len);
		if (buf_cstr(&h->secret_head) == NULL)
			rc = err_nomem(err);
	}
	if (rc == 0 && in != NULL)
		rc = conf_err(conf, "http", name, "secret-header", err, "no secret was found for it: give token-file, a "
		    "credential, or SS_SECRET_HTTP_NAME_TOKEN");
	if (token.p != NULL)
		explicit_bzero(token.p, token.cap);
	buf_free(&token);
	return rc == -1 ? -1 : 0;
}

/* "2/s", "100/m" */
static int
rate(struct http_sink *h, const struct conf *conf, const char *name, struct ss_err *err)
{
	const char *v = conf_get(conf, "http", name, "rate");
	uint64_t burst = 0;
	int64_t per;
	long long n;
	char unit;

	if (v == NULL)
		return 0;
	n = strtoll(v, NULL, 10);
	unit = strchr(v, '/') == NULL ? '\0' : strchr(v, '/')[1];
	per = unit == 's' ? 1000 : unit == 'm' ? 60000 : unit == 'h' ? 3600000 : 0;
	if (n < 1 || n > 1000000 || per == 0)
		return conf_err(conf, "http", name, "rate", err, "'%s' is no rate (like 2/s, 100/m)", v);
	if (conf_count(conf, "http", name, "burst", 1, 10000, &burst, err) == -1)
		return -1;
	pace_bucket_init(&h->bucket, n, per, burst != 0 ? (int64_t)burst : n, clock_mono());
	h->paced = 1;
	return 0;
}

/* What a request is refused for (its URL, a header) is found before anything is
 * stored about a call: begun, and dropped before a byte is sent. */
static int
check_request(struct http_sink *h, const struct conf *conf, const char *name, struct ss_err *err)
{
	struct sink_call c = { .id = "check" };
	struct flight f = { .h = h, .c = &c };
	struct pace_bucket was = h->bucket;
	char why[sizeof(err->text)];

	if (start(h, &f, err) == 0) {
		h->bucket = was;
		return 0;
	}
	memcpy(why, err->text, sizeof(why));
	return conf_err(conf, "http", name, "url", err, "%s", why);
}

static int
configure(struct http_sink *h, struct cli *c, struct conf *conf, const char *name, struct ss_err *err)
{
	static const char *const keys[] = { "url", "method", "header", "token-file", "secret-header", "body", "body-file",
		"batch", "reply", "reply-file", "idempotency", "live", "parallel", "timeout", "connect-timeout",
		"stall-timeout", "rate", "burst", "plain", "ca-file", "proxy", "retries", "retry-base", "retry-cap",
		"give-up", "retention", NULL };
	static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE" };
	struct http_config hc = { 0 };
	uint64_t batch = 1, parallel = 4;
	const char *v;
	size_t i;

	if (!conf_has(conf, "http", name))
		return err_set(err, SS_EXIT_USAGE, "http:%s has no section [http \"%s\"] in the configuration (see storesync.conf(5))",
		    name, name);
	if (conf_only(conf, "http", name, keys, err) == -1)
		return -1;
	h->url = conf_get(conf, "http", name, "url");
	if (h->url == NULL)
		return err_set(err, SS_EXIT_USAGE, "[http \"%s\"] has no url", name);
	h->method = conf_get(conf, "http", name, "method");
	if (h->method == NULL)
		h->method = "POST";
	for (i = 0; i < 4 && strcmp(h->method, methods[i]) != 0; i++)
		;
	if (i == 4)
		return conf_err(conf, "http", name, "method", err, "'%s' is none of POST, PUT, PATCH, DELETE", h->method);
	v = conf_get(conf, "http", name, "idempotency");
	if (v != NULL && strncmp(v, "header ", 7) == 0)
		h->key_header = v + 7;
	else if (v != NULL && strcmp(v, "none") != 0)
		return conf_err(conf, "http", name, "idempotency", err, "must be: header NAME, or none");
	h->s.repeatable = h->key_header != NULL || i == 1 || i == 3;	/* PUT, DELETE: RFC 9110 section 9.2.2 */
	hc.ca_file = conf_get(conf, "http", name, "ca-file");
	hc.proxy = conf_get(conf, "http", name, "proxy");
	h->timeout = 30000;
	if (conf_count(conf, "http", name, "batch", 1, 1000, &batch, err) == -1 ||
	    conf_count(conf, "http", name, "parallel", 1, 64, &parallel, err) == -1 ||
	    conf_time(conf, "http", name, "timeout", &h->timeout, err) == -1 ||
	    conf_time(conf, "http", name, "connect-timeout", &hc.connect_ms, err) == -1 ||
	    conf_time(conf, "http", name, "stall-timeout", &hc.stall_ms, err) == -1 ||
	    conf_bool(conf, "http", name, "plain", &hc.plain, err) == -1 ||
	    conf_bool(conf, "http", name, "live", &h->s.live, err) == -1 || rate(h, conf, name, err) == -1 ||
	    headers(h, conf, name, err) == -1 || sink_program(&h->body, c, conf, "http", name, "body", err) == -1 ||
	    sink_program(&h->reply, c, conf, "http", name, "reply", err) == -1)
		return -1;
	hc.parallel = (unsigned)parallel;
	h->s.batch = (size_t)batch;
	h->s.parallel = (size_t)parallel;
	h->http = http_open(&hc, err);
	if (h->http == NULL || check_request(h, conf, name, err) == -1)
		return -1;
	http_close(h->http);
	h->http = http_open(&hc, err);
	return h->http == NULL ? -1 : 0;
}

int
sink_http_open(struct sink **out, const char *name, struct cli *c, struct conf *conf, struct ss_err *err)
{
	struct http_sink *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return err_nomem(err);
	h->s.ops = &ops;
	if (configure(h, c, conf, name, err) == -1) {
		http_sink_close(&h->s);
		return -1;
	}
	*out = &h->s;
	return 0;
}
