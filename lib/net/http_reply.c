/* What came of a request. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/http_internal.h"

#define RETRY_MAX ((int64_t)7 * 86400000)

static enum http_end
end_of(const struct http_call *c, CURLcode code)
{
	if (c->too_large)
		return HTTP_TOO_LARGE;
	switch (code) {
	case CURLE_OK:
		return HTTP_OK;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_TIMEOUT;
	case CURLE_FILESIZE_EXCEEDED:
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:	/* too many header lines */
#endif
		return HTTP_TOO_LARGE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_CRL_BADFILE:
		return HTTP_TLS;
	default:
		return HTTP_CONNECTION;
	}
}

/* Could the peer have seen a part?  Only from the moment that curl had a
 * connection, through TLS, on which to send; when in doubt: yes. */
static int
was_sent(const struct http_call *c, CURLcode code)
{
	curl_off_t ready = 0;
	long sent = 0;

	if (code == CURLE_OK || c->head.len > 0 || c->read > 0)
		return 1;
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
	    code == CURLE_COULDNT_CONNECT)
		return 0;
	(void)curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent);
	(void)curl_easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	return sent > 0 || ready > 0;
}

/* Replace each s within the text by asterisks. */
static void
blot(char *text, const char *s, size_t n)
{
	char *p = text;

	while (n >= 4 && (p = memmem(p, strlen(p), s, n)) != NULL)
		memset(p, '*', n);
}

/* curl's text holds host and port at most, as far as is known; what it must
 * never hold is taken out all the same. */
static void
blot_secrets(struct http_call *c)
{
	const char *path = strstr(c->url.p, "://");
	const struct curl_slist *l;

	if (path != NULL && (path = strpbrk(path + 3, "/?")) != NULL)
		blot(c->text, path, strlen(path));
	for (l = c->headers; l != NULL; l = l->next) {
		const char *v = strchr(l->data, ':');

		for (v = v == NULL ? "" : v + 1; *v == ' ' || *v == '\t'; v++)
			;
		blot(c->text, v, strlen(v));
	}
}

struct json_span
http_header(const struct http_reply *reply, const char *name)
{
	const char *p = reply->headers.p, *end;
	struct json_span out = { NULL, 0 };
	size_t n = strlen(name);

	if (p == NULL)
		return out;
	for (end = p + reply->headers.n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *v, *e;

		if (nl == NULL)
			nl = end;
		if ((size_t)(nl - p) > n && p[n] == ':' && strncasecmp(p, name, n) == 0) {
			v = p + n + 1;
			for (e = nl; e > v && isspace((unsigned char)e[-1]); e--)
				;
			while (v < e && isspace((unsigned char)*v))
				v++;
			out = (struct json_span){ v, (size_t)(e - v) };
		}
		p = nl == end ? end : nl + 1;
	}
	return out;
}

/* ms since 1970 of an HTTP-date, or -1. */
static int64_t
date_of(const char *s, size_t n)
{
	char text[64];
	time_t t;

	if (n < 8 || n >= sizeof(text))
		return -1;
	memcpy(text, s, n);
	text[n] = '\0';
	t = curl_getdate(text, NULL);
	return t < 0 ? -1 : (int64_t)t * 1000;
}

int64_t
http_retry_after(const char *s, size_t n, int64_t date)
{
	int64_t ms = 0, at, scale = 100;
	size_t i;

	for (i = 0; i < n && s[i] >= '0' && s[i] <= '9'; i++)
		if (ms < RETRY_MAX)
			ms = ms * 10 + (int64_t)(s[i] - '0') * 1000;
	if (i > 0) {
		if (i < n && s[i] == '.')
			for (i++; i < n && s[i] >= '0' && s[i] <= '9'; i++, scale /= 10)
				ms += (s[i] - '0') * scale;
		if (i < n)
			return -1;
	} else {
		at = date_of(s, n);
		if (at == -1 || date < 0)
			return -1;
		ms = at > date ? at - date : 0;
	}
	return ms > RETRY_MAX ? RETRY_MAX : ms;
}

const char *
http_end_text(enum http_end end)
{
#define HTTP_END_TEXT(a, b) b,
	static const char *const text[] = { HTTP_ENDS(HTTP_END_TEXT) };
#undef HTTP_END_TEXT

	return (size_t)end < sizeof(text) / sizeof(text[0]) ? text[end] : "";
}

static void
read_headers(struct http_reply *r)
{
	struct json_span s = http_header(r, "Date");

	r->date = s.p == NULL ? -1 : date_of(s.p, s.n);
	s = http_header(r, "Retry-After");
	r->retry_after = s.p == NULL ? -1 :
	    http_retry_after(s.p, s.n, r->date >= 0 ? r->date : clock_now(NULL));
	r->content_type = http_header(r, "Content-Type");
	r->request_id = http_header(r, "X-Request-Id");
}

void
http_reply_finish(struct http_call *c, CURLcode code, int started)
{
	struct http_reply r = { .retry_after = -1, .date = -1, .end = end_of(c, code),
		.ms = clock_mono() - c->started, .text = c->text };
	long status = 0;

	if (started) {
		(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		r.sent = was_sent(c, code);
	}
	r.status = c->head.len > 0 ? (int)status : 0;
	r.headers = (struct json_span){ c->head.p, c->head.len };
	r.body = (struct json_span){ c->reply.p, c->reply.len };
	read_headers(&r);
	if (r.end == HTTP_OK) {
		c->text[0] = '\0';
	} else {
		if (c->too_large || c->text[0] == '\0') {
			const char *t = r.end == HTTP_TOO_LARGE || code == CURLE_OK ?
			    http_end_text(r.end) : curl_easy_strerror(code);

			memcpy(c->text, t, strnlen(t, sizeof(c->text) - 1) + 1);
			c->text[sizeof(c->text) - 1] = '\0';
		}
		blot_secrets(c);
	}
	c->h->ended++;
	c->done(c->ctx, &r);
	http_call_free(c);
}
