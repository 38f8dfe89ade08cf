/* One request: checked, copied, and how curl is to make it. */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/http_internal.h"

#ifndef SS_VERSION
#define SS_VERSION "0"
#endif

#define HEAD_MAX ((size_t)256 << 10)
/* Balancers commonly close after 60 s: a connection older than this is not
 * used again, since a request sent as it closes ends with its fate unknown. */
#define IDLE_SECONDS 50L

static void
wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}

void
http_call_free(struct http_call *c)
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

/* --- what curl calls ------------------------------------------------------- */

static size_t
on_head(char *p, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;

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
	struct http_call *c = ctx;

	n *= size;
	if (buf_add(&c->reply, p, n) == 0)
		return n;
	c->too_large = 1;
	return 0;
}

static size_t
on_read(char *p, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;
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
	const struct http_call *c = ctx;

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
add_header(struct http_call *c, const char *line, struct ss_err *err)
{
	struct curl_slist *l = curl_slist_append(c->headers, line);

	if (l == NULL)
		return err_nomem(err);
	c->headers = l;
	return 0;
}

/* A value with a line break would add headers or a whole request. */
static int
add_headers(struct http_call *c, const char *const *headers, struct ss_err *err)
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

struct http_call *
http_call_new(struct http *h, const struct http_request *req, struct ss_err *err)
{
	size_t n = token_len(req->method);
	struct http_call *c;

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
		http_call_free(c);
		err_nomem(err);
		return NULL;
	}
	if (add_headers(c, req->headers, err) == -1) {
		http_call_free(c);
		return NULL;
	}
	return c;
}

/* --- how curl is to make it -------------------------------------------------- */

#define SET(option, value) (bad |= curl_easy_setopt(e, option, value) != CURLE_OK)

/* Method and body.  The body goes by a callback that cannot rewind: curl sends
 * a request again by itself when a kept connection turns out dead, even a
 * POST, and would otherwise do so after the peer has perhaps acted on it. */
static int
set_request(struct http_call *c)
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
set_policy(struct http_call *c, int64_t left)
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

int
http_call_set(struct http_call *c, int64_t left)
{
	return set_request(c) == -1 || set_policy(c, left) == -1 ? -1 : 0;
}
