#ifndef SS_NET_HTTP_H
#define SS_NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "event/json.h"

struct ss_err;

/*
 * An HTTP client over libcurl: several requests at once, connections kept and
 * shared, HTTP/2 over TLS where the peer offers it.  Certificates are always
 * verified, redirects never followed, nothing but http and https spoken, and
 * no request is ever sent twice: a connection found dead after bytes of a body
 * went out is an error with sent = 1, not a silent second try.  The process
 * must ignore SIGPIPE.  One thread at a time per client.
 */
struct http;

struct http_config {
	const char *ca_file;	/* PEM; trusts these instead of the system's; NULL: the system's */
	const char *proxy;	/* URL; NULL: none (http_proxy and the like are not looked at) */
	unsigned parallel;	/* requests at once, the others wait in turn; 0: 4 */
	size_t max_body;	/* reply bytes after decompression; 0: 8 MiB */
	int64_t connect_ms;	/* name, connection, TLS; 0: 10 s */
	int64_t stall_ms;	/* nothing at all moves for so long; 0: 60 s, whole seconds */
	int plain;		/* allow http:// to any host, not to loopback alone */
};

/* How a request ended.  X(name, text). */
#define HTTP_ENDS(X) \
	X(HTTP_OK, "a whole reply came, whatever its status") \
	X(HTTP_CONNECTION, "no connection, or it broke") \
	X(HTTP_TIMEOUT, "the deadline passed, or nothing moved") \
	X(HTTP_TOO_LARGE, "the reply is larger than allowed") \
	X(HTTP_TLS, "TLS failed, or the certificate is not trusted")
#define HTTP_END_ENUM(a, b) a,
enum http_end { HTTP_ENDS(HTTP_END_ENUM) };
#undef HTTP_END_ENUM

/* All spans and pointers are valid during the callback only. */
struct http_reply {
	enum http_end end;
	int status;		/* 0 when no reply began */
	int sent;		/* 0: the peer surely saw nothing of it; 1: it may have */
	int64_t ms;		/* from http_start to here */
	int64_t retry_after;	/* ms, at most 7 days; -1: none */
	int64_t date;		/* the peer's clock, ms since 1970; -1: none */
	struct json_span content_type, request_id;	/* {NULL,0} when absent */
	struct json_span body;	/* decompressed; what came, also when it broke off */
	struct json_span headers;	/* the final reply's, raw lines */
	const char *text;	/* what went wrong, no secrets in it; "" when HTTP_OK */
};

typedef void http_done_fn(void *ctx, const struct http_reply *reply);

struct http_request {
	const char *method;		/* "GET", "POST", … */
	const char *url;		/* no user:password in it */
	const char *const *headers;	/* "Name: value", ended by NULL; may be NULL */
	const char *body;		/* NULL: none */
	size_t body_n;
	int64_t deadline_ms;		/* in all, from http_start, waiting in turn included */
	/* The address came from a reply, not from the configuration: https only,
	 * and no private, loopback or link-local address behind its name. */
	int foreign;
	http_done_fn *done;
	void *ctx;
};

/* cfg is copied.  NULL on error.  Free with http_close. */
struct http *http_open(const struct http_config *cfg, struct ss_err *err);

/* Requests not ended are dropped without a callback.  Our copies of a request's
 * URL, headers and body are wiped (here and when it ends).  NULL allowed; not from
 * within a callback. */
void http_close(struct http *h);

/* Begin a request; all of it is copied.  0: done() will be called once, from
 * within http_poll, and may call http_start.  -1 (SS_EXIT_USAGE): the URL or a
 * header is not acceptable, done() will not be called. */
int http_start(struct http *h, const struct http_request *req, struct ss_err *err);

/* Requests not ended yet, waiting ones included. */
size_t http_busy(const struct http *h);

/* Move everything on and call what is done; waits at most ms for something to
 * happen, on fd (-1: none) too, and may return early.  1: fd is readable (or at
 * its end), 0: not, -1 error. */
int http_poll(struct http *h, int64_t ms, int fd, struct ss_err *err);

/* The value of a header of the reply (its last one), {NULL,0} when absent. */
struct json_span http_header(const struct http_reply *reply, const char *name);

/* Retry-After: seconds (also with a fraction, as Shopify sends them) or an
 * HTTP-date, judged by date (ms since 1970, the peer's own).  ms, at most 7
 * days; -1 if it is neither. */
int64_t http_retry_after(const char *s, size_t n, int64_t date);

const char *http_end_text(enum http_end end);

#endif /* !SS_NET_HTTP_H */
