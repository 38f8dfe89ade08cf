#include "net/http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"

#ifndef SS_VERSION
#define SS_VERSION "0"
#endif

#define BODY_MAX ((size_t)8 << 20)
#define HEAD_MAX ((size_t)256 << 10)
#define CONNECT_MS 10000
#define STALL_MS 60000
#define PARALLEL 4
#define RETRY_MAX ((int64_t)7 * 86400000)
/* Balancers commonly close after 60 s: a connection older than this is not
 * used again, since a request sent as it closes ends with its fate unknown. */
#define IDLE_SECONDS 50L

struct call {
	struct call *next;		/* in one of the client's two lists */
	struct http *h;
	CURL *easy;
	struct curl_slist *headers;
	struct buf url, body;
	size_t read;			/* bytes of body that curl has taken */
	char method[16];
	int64_t started, deadline;	/* clock_mono */
	int foreign, too_large;
	struct buf head, reply;
	http_done_fn *done;
	void *ctx;
	char text[CURL_ERROR_SIZE];
};

struct http {
	CURLM *multi;
	struct http_config cfg;
	char *ca_file, *proxy;
	struct call *waiting, **waiting_end;	/* in turn */
	struct call *running;
	size_t nwaiting, nrunning;
	unsigned long ended;		/* calls given back so far */
};

/* --- memory -------------------------------------------------------------- */

static void
wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}

static void
call_free(struct call *c)
{
	struct curl_slist *l;

	if (c == NULL)
		return;
	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	for (l = c->headers; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(c->headers);
	wipe(&c->url);
	wipe(&c->body);
	wipe(&c->head);
	wipe(&c->reply);
	free(c);
}

struct http *
http_open(const struct http_config *cfg, struct ss_err *err)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		err_nomem(err);
		return NULL;
	}
	h->cfg = *cfg;
	h->cfg.ca_file = h->cfg.proxy = NULL;
	h->waiting_end = &h->waiting;
	h->multi = curl_multi_init();
	if (cfg->ca_file != NULL)
		h->ca_file = strdup(cfg->ca_file);
	h->proxy = strdup(cfg->proxy == NULL ? "" : cfg->proxy);
	if (h->multi == NULL || h->proxy == NULL || (cfg->ca_file != NULL && h->ca_file == NULL)) {
		http_close(h);
		err_nomem(err);
		return NULL;
	}
	if (h->ca_file != NULL && access(h->ca_file, R_OK) == -1) {
		err_sys(err, SS_EXIT_USAGE, "cannot read ca-file '%s'", h->ca_file);
		http_close(h);
		return NULL;
	}
	if (h->cfg.parallel == 0)
		h->cfg.parallel = PARALLEL;
	if (h->cfg.max_body == 0)
		h->cfg.max_body = BODY_MAX;
	if (h->cfg.connect_ms <= 0)
		h->cfg.connect_ms = CONNECT_MS;
	if (h->cfg.stall_ms <= 0)
		h->cfg.stall_ms = STALL_MS;
	return h;
}

void
http_close(struct http *h)
{
	struct call *c, *next;

	if (h == NULL)
		return;
	for (c = h->running; c != NULL; c = next) {
		next = c->next;
		(void)curl_multi_remove_handle(h->multi, c->easy);
		call_free(c);
	}
	for (c = h->waiting; c != NULL; c = next) {
		next = c->next;
		call_free(c);
	}
	if (h->multi != NULL)
		(void)curl_multi_cleanup(h->multi);
	if (h->proxy != NULL)
		explicit_bzero(h->proxy, strlen(h->proxy));
	free(h->proxy);
	free(h->ca_file);
	free(h);
	curl_global_cleanup();
}

size_t
http_busy(const struct http *h)
{
	return h->nwaiting + h->nrunning;
}

/* --- what curl calls ------------------------------------------------------- */

static size_t
on_head(char *p, size_t size, size_t n, void *ctx)
{
	struct call *c = ctx;

	n *= size;
	/* a status line begins the next reply: 1xx ones and a proxy's are dropped */
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0)
		buf_clear(&c->head);
	else if (c->reply.len > 0)
		return n;	/* a trailer */
	if (buf_add(&c->head, p, n) == 0)
		return n;
	c->too_large = 1;
	return 0;
}

static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct call *c = ctx;

	n *= size;
	if (buf_add(&c->reply, p, n) == 0)
		return n;
	c->too_large = 1;
	return 0;
}

static size_t
on_read(char *p, size_t size, size_t n, void *ctx)
{
	struct call *c = ctx;
	size_t left = c->body.len - c->read;

	n *= size;
	if (n > left)
		n = left;
	if (n > 0)
		memcpy(p, c->body.p + c->read, n);
	c->read += n;
	return n;
}

static int
is_local4(uint32_t ip)
{
	return ip >> 24 == 0 || ip >> 24 == 10 || ip >> 24 == 127 || ip >> 28 >= 0xe ||
	    ip >> 16 == 0xa9fe || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 || ip >> 22 == 0x191;
}

static int
is_local(const struct sockaddr *sa, size_t n)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	const unsigned char *b = six.sin6_addr.s6_addr;
	uint32_t last;

	if (sa->sa_family == AF_INET && n >= sizeof(four)) {
		memcpy(&four, sa, sizeof(four));
		return is_local4(ntohl(four.sin_addr.s_addr));
	}
	if (sa->sa_family != AF_INET6 || n < sizeof(six))
		return 1;
	memcpy(&six, sa, sizeof(six));
	memcpy(&last, b + 12, sizeof(last));
	if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) || memcmp(b, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12) == 0)
		return is_local4(ntohl(last));
	/* only 2000::/3 is handed out to the world */
	return b[0] >> 5 != 1;
}

static curl_socket_t
on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct call *c = ctx;

	(void)purpose;
	/* with a proxy this is the proxy's address, and the rule is its business */
	if (c->foreign && c->h->proxy[0] == '\0' && is_local(&a->addr, a->addrlen))
		return CURL_SOCKET_BAD;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* --- beginning a request ----------------------------------------------------- */

static int
is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	    (strncmp(host, "127.", 4) == 0 && host[strspn(host, "0123456789.")] == '\0');
}

/* The URL itself stays out of messages: with some peers it is the secret. */
static int
check_parts(const struct http *h, const struct http_request *req, CURLU *u, struct ss_err *err)
{
	char *scheme = NULL, *host = NULL, *user = NULL, *password = NULL;
	int rc = -1;

	if (curl_url_set(u, CURLUPART_URL, req->url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		err_set(err, SS_EXIT_USAGE, "the url is not one (https://host/path)");
	else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
		err_set(err, SS_EXIT_USAGE, "the url for %s holds a user or password", host);
	else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		err_set(err, SS_EXIT_USAGE, "the url for %s is neither https nor http", host);
	else if (strcmp(scheme, "http") == 0 && (req->foreign || (!h->cfg.plain && !is_loopback(host))))
		err_set(err, SS_EXIT_USAGE, "the url for %s is not https", host);
	else
		rc = 0;
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	if (password != NULL)
		explicit_bzero(password, strlen(password));
	curl_free(password);
	return rc;
}

static int
check_url(const struct http *h, const struct http_request *req, struct ss_err *err)
{
	CURLU *u = curl_url();
	const char *p;
	int rc;

	if (u == NULL)
		return err_nomem(err);
	for (p = req->url; (unsigned char)*p > 0x20 && *p != 0x7f; p++)
		;
	if (*p != '\0')
		rc = err_set(err, SS_EXIT_USAGE, "the url holds a space or control character");
	else
		rc = check_parts(h, req, u, err);
	curl_url_cleanup(u);
	return rc;
}

/* RFC 9110 token */
static size_t
token_len(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (s[n] != '\0' && strchr("!#$%&'*+-.^_`|~", s[n]) != NULL))
		n++;
	return n;
}

static int
add_header(struct call *c, const char *line, struct ss_err *err)
{
	struct curl_slist *l = curl_slist_append(c->headers, line);

	if (l == NULL)
		return err_nomem(err);
	c->headers = l;
	return 0;
}

/* A value with a line break would add headers or a whole request. */
static int
add_headers(struct call *c, const char *const *headers, struct ss_err *err)
{
	int typed = 0;
	size_t i, n;

	for (i = 0; headers != NULL && headers[i] != NULL; i++) {
		const char *s = headers[i];

		n = token_len(s);
		if (n == 0 || s[n] != ':')
			return err_set(err, SS_EXIT_USAGE, "header %zu is not 'Name: value'", i + 1);
		/* the body's length is ours to tell: two of them are an attack */
		if ((n == 14 && strncasecmp(s, "Content-Length", n) == 0) ||
		    (n == 17 && strncasecmp(s, "Transfer-Encoding", n) == 0))
			return err_set(err, SS_EXIT_USAGE, "header %.17s may not be set", s);
		typed |= n == 12 && strncasecmp(s, "Content-Type", n) == 0;
		for (const char *p = s + n; *p != '\0'; p++)
			if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
				return err_set(err, SS_EXIT_USAGE,
				    "header %.*s holds a control character", (int)(n > 40 ? 40 : n), s);
		/* curl takes "Name:" as an order to send none */
		for (n++; s[n] == ' ' || s[n] == '\t'; n++)
			;
		if (s[n] == '\0')
			return err_set(err, SS_EXIT_USAGE, "header %.40s has no value", s);
		if (add_header(c, s, err) == -1)
			return -1;
	}
	/* no "form" type on a body that is none, no waiting for 100 Continue */
	if (!typed && add_header(c, "Content-Type:", err) == -1)
		return -1;
	return add_header(c, "Expect:", err);
}

static struct call *
call_new(struct http *h, const struct http_request *req, struct ss_err *err)
{
	size_t n = token_len(req->method);
	struct call *c;

	if (n == 0 || req->method[n] != '\0' || n >= sizeof(c->method)) {
		err_set(err, SS_EXIT_USAGE, "'%.20s' is not an HTTP method", req->method);
		return NULL;
	}
	if (check_url(h, req, err) == -1)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		err_nomem(err);
		return NULL;
	}
	memcpy(c->method, req->method, n);
	c->h = h;
	c->head.max = HEAD_MAX;
	c->reply.max = h->cfg.max_body;
	c->done = req->done;
	c->ctx = req->ctx;
	c->foreign = req->foreign;
	c->started = clock_mono();
	c->deadline = c->started + req->deadline_ms;
	/* room at once: growing leaves copies behind that nobody wipes */
	n = strlen(req->url) + 1;
	if (buf_room(&c->url, n) == -1 || buf_add(&c->url, req->url, n) == -1 ||
	    (req->body != NULL && buf_add(&c->body, req->body, req->body_n) == -1)) {
		call_free(c);
		err_nomem(err);
		return NULL;
	}
	if (add_headers(c, req->headers, err) == -1) {
		call_free(c);
		return NULL;
	}
	return c;
}

int
http_start(struct http *h, const struct http_request *req, struct ss_err *err)
{
	struct call *c = call_new(h, req, err);

	if (c == NULL)
		return -1;
	*h->waiting_end = c;
	h->waiting_end = &c->next;
	h->nwaiting++;
	return 0;
}

#define SET(option, value) (bad |= curl_easy_setopt(e, option, value) != CURLE_OK)

/* Method and body.  The body goes by a callback that cannot rewind: curl sends
 * a request again by itself when a kept connection turns out dead, even a
 * POST, and would otherwise do so after the peer has perhaps acted on it. */
static int
set_request(struct call *c)
{
	CURL *e = c->easy;
	int bad = 0;

	if (strcmp(c->method, "GET") == 0 && c->body.len == 0) {
		SET(CURLOPT_HTTPGET, 1L);
	} else if (strcmp(c->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	} else {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_CUSTOMREQUEST, c->method);
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, c);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
		if (c->body.len == 0)	/* nothing to rewind: no kept connection, no second try */
			SET(CURLOPT_FRESH_CONNECT, 1L);
	}
	SET(CURLOPT_URL, c->url.p);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_PRIVATE, c);
	SET(CURLOPT_ERRORBUFFER, c->text);
	SET(CURLOPT_HEADERFUNCTION, on_head);
	SET(CURLOPT_HEADERDATA, c);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_OPENSOCKETDATA, c);
	/* an allowed connection to a private address must not serve a foreign URL */
	if (c->foreign)
		SET(CURLOPT_FRESH_CONNECT, 1L);
	return bad ? -1 : 0;
}

static long
at_most(int64_t v)
{
	return (long)(v < INT_MAX ? v : INT_MAX);
}

static int
set_policy(struct call *c, int64_t left)
{
	const struct http_config *cfg = &c->h->cfg;
	CURL *e = c->easy;
	int bad = 0;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, c->foreign ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	if (c->h->ca_file != NULL) {
		SET(CURLOPT_CAINFO, c->h->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	SET(CURLOPT_PROXY, c->h->proxy);	/* "": none, whatever the environment says */
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_USERAGENT, "storesync/" SS_VERSION);
	SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)cfg->max_body);
	SET(CURLOPT_CONNECTTIMEOUT_MS, at_most(cfg->connect_ms));
	SET(CURLOPT_TIMEOUT_MS, at_most(left));
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, at_most(cfg->stall_ms / 1000 + (cfg->stall_ms % 1000 != 0)));
	SET(CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	return bad ? -1 : 0;
}
#undef SET

/* --- ending one ----------------------------------------------------------- */

static enum http_end
end_of(const struct call *c, CURLcode code)
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
was_sent(const struct call *c, CURLcode code)
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
blot_secrets(struct call *c)
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

/* Tell the caller and free.  c is in no list any more. */
static void
finish(struct call *c, CURLcode code, int started)
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
	call_free(c);
}

/* --- moving on ------------------------------------------------------------ */

static struct call *
take_waiting(struct http *h)
{
	struct call *c = h->waiting;

	h->waiting = c->next;
	if (h->waiting == NULL)
		h->waiting_end = &h->waiting;
	h->nwaiting--;
	c->next = NULL;
	return c;
}

static void
drop_running(struct http *h, struct call *c)
{
	struct call **p = &h->running;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	h->nrunning--;
	(void)curl_multi_remove_handle(h->multi, c->easy);
}

/* Fill the free places from the queue; what is late already ends at once. */
static void
feed(struct http *h)
{
	while (h->waiting != NULL) {
		int64_t left = h->waiting->deadline - clock_mono();
		struct call *c;

		if (left <= 0) {
			finish(take_waiting(h), CURLE_OPERATION_TIMEDOUT, 0);
			continue;
		}
		if (h->nrunning >= h->cfg.parallel)
			return;
		c = take_waiting(h);
		c->easy = curl_easy_init();
		if (c->easy == NULL || set_request(c) == -1 || set_policy(c, left) == -1 ||
		    curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
			finish(c, CURLE_OUT_OF_MEMORY, 0);
			continue;
		}
		c->next = h->running;
		h->running = c;
		h->nrunning++;
	}
}

static void
collect(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		CURLcode code = m->data.result;
		struct call *c = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		drop_running(h, c);	/* m is gone with this */
		finish(c, code, 1);
	}
}

static int
perform(struct http *h, struct ss_err *err)
{
	unsigned long was;
	CURLMcode rc;
	int running;

	do {
		was = h->ended;
		feed(h);
		rc = curl_multi_perform(h->multi, &running);
		if (rc != CURLM_OK)
			return err_set(err, SS_EXIT_AGAIN, "http: %s", curl_multi_strerror(rc));
		collect(h);
		/* a place has become free: the next in turn starts before we wait */
	} while (h->ended != was && h->waiting != NULL);
	return 0;
}

/* Until a waiting request's deadline at most. */
static int
wait_ms(const struct http *h, int64_t ms)
{
	int64_t now = clock_mono();
	const struct call *c;

	for (c = h->waiting; c != NULL; c = c->next)
		if (c->deadline - now < ms)
			ms = c->deadline - now;
	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

int
http_poll(struct http *h, int64_t ms, int fd, struct ss_err *err)
{
	struct curl_waitfd extra = { .fd = fd, .events = CURL_WAIT_POLLIN };
	unsigned long was = h->ended;
	CURLMcode rc;

	if (perform(h, err) == -1)
		return -1;
	/* something ended: the caller will want to look before it waits */
	if (h->ended == was) {
		rc = curl_multi_poll(h->multi, &extra, fd == -1 ? 0 : 1, wait_ms(h, ms), NULL);
		if (rc != CURLM_OK)
			return err_set(err, SS_EXIT_AGAIN, "http: %s", curl_multi_strerror(rc));
		if (perform(h, err) == -1)
			return -1;
	}
	/* curl does not report a closed pipe (POLLHUP): ask ourselves */
	return fd == -1 ? 0 : io_ready(fd, 0);
}
