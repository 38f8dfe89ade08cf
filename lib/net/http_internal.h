#ifndef SS_NET_HTTP_INTERNAL_H
#define SS_NET_HTTP_INTERNAL_H

/*
 * What the files of the HTTP client share.  http.c moves requests on,
 * http_call.c makes one and says to curl how it is to be made, http_reply.c
 * reads what came of it.
 */
#include <curl/curl.h>

#include "base/buf.h"
#include "net/http.h"

struct http_call {
	struct http_call *next;		/* in one of the client's two lists */
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
	struct http_call *waiting, **waiting_end;	/* in turn */
	struct http_call *running;
	size_t nwaiting, nrunning;
	unsigned long ended;		/* calls given back so far */
};

/* A request checked and copied; NULL with *err (SS_EXIT_USAGE: it is not acceptable).
 * Free with http_call_free (NULL allowed), which wipes it. */
struct http_call *http_call_new(struct http *h, const struct http_request *req, struct ss_err *err);
void http_call_free(struct http_call *c);
/* Set c->easy up for the request and the client's rules; left: ms to its
 * deadline.  -1 without memory. */
int http_call_set(struct http_call *c, int64_t left);

/* Tell the caller how the call ended, and free it; it is in no list any more.
 * started: curl had it. */
void http_reply_finish(struct http_call *c, CURLcode code, int started);

#endif /* !SS_NET_HTTP_INTERNAL_H */
