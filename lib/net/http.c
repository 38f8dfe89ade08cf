/* The client: requests in turn and under way, moved on by http_poll(). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "net/http_internal.h"

#define BODY_MAX ((size_t)8 << 20)
#define CONNECT_MS 10000
#define STALL_MS 60000
#define PARALLEL 4

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
	struct http_call *c, *next;

	if (h == NULL)
		return;
	for (c = h->running; c != NULL; c = next) {
		next = c->next;
		(void)curl_multi_remove_handle(h->multi, c->easy);
		http_call_free(c);
	}
	for (c = h->waiting; c != NULL; c = next) {
		next = c->next;
		http_call_free(c);
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

int
http_start(struct http *h, const struct http_request *req, struct ss_err *err)
{
	struct http_call *c = http_call_new(h, req, err);

	if (c == NULL)
		return -1;
	*h->waiting_end = c;
	h->waiting_end = &c->next;
	h->nwaiting++;
	return 0;
}

/* --- moving on ------------------------------------------------------------ */

static struct http_call *
take_waiting(struct http *h)
{
	struct http_call *c = h->waiting;

	h->waiting = c->next;
	if (h->waiting == NULL)
		h->waiting_end = &h->waiting;
	h->nwaiting--;
	c->next = NULL;
	return c;
}

static void
drop_running(struct http *h, struct http_call *c)
{
	struct http_call **p = &h->running;

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
		struct http_call *c;

		if (left <= 0) {
			http_reply_finish(take_waiting(h), CURLE_OPERATION_TIMEDOUT, 0);
			continue;
		}
		if (h->nrunning >= h->cfg.parallel)
			return;
		c = take_waiting(h);
		c->easy = curl_easy_init();
		if (c->easy == NULL || http_call_set(c, left) == -1 ||
		    curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
			http_reply_finish(c, CURLE_OUT_OF_MEMORY, 0);
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
		struct http_call *c = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		drop_running(h, c);	/* m is gone with this */
		http_reply_finish(c, code, 1);
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
	const struct http_call *c;

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
