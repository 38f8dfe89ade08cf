/* sim-http - any HTTP peer: a key-value shop that can be told to misbehave */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/hs_shop.h"
#include "http/hs_util.h"

#define BODY_MAX ((size_t)64 << 20)

static const char usage[] =
    "usage: sim-http [--port N] [--port-file FILE] [--journal FILE] [--state FILE]\n"
    "                [--script FILE] [--seed N] [--token-file FILE] [--max-seconds N]\n";

struct options {
	uint16_t port;
	const char *port_file, *journal, *state, *script, *token_file;
	uint64_t seed, max_seconds;
};

struct peer {
	struct shop *shop;
	char *token;		/* NULL: none is asked for */
};

/* One request while it comes in. */
struct incoming {
	char *body;
	size_t len, cap;
	int too_large;
};

static void
body_add(struct incoming *in, const char *p, size_t n)
{
	/* What is too large is still read to its end: a client that is not
	 * done sending does not look for a reply. */
	if (in->too_large || n > BODY_MAX - in->len) {
		in->too_large = 1;
		return;
	}
	if (in->len + n > in->cap) {
		in->cap = in->len + n > in->cap * 2 ? in->len + n : in->cap * 2;
		in->body = hs_realloc(in->body, in->cap);
	}
	memcpy(in->body + in->len, p, n);
	in->len += n;
}

static int
authorized(const struct peer *peer, struct MHD_Connection *c)
{
	const char *v;

	if (!peer->token)
		return 1;
	v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Token");
	if (v && strcmp(v, peer->token) == 0)
		return 1;
	v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
	return v && strncasecmp(v, "Bearer ", 7) == 0 && strcmp(v + 7, peer->token) == 0;
}

static enum MHD_Result
send_response(struct MHD_Connection *c, int status, struct MHD_Response *r, const char *type, const char *retry_after)
{
	enum MHD_Result rc;

	if (!r)
		hs_die("out of memory");
	MHD_add_response_header(r, "Content-Type", type);
	if (retry_after && *retry_after)
		MHD_add_response_header(r, "Retry-After", retry_after);
	rc = MHD_queue_response(c, (unsigned)status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
send_text(struct MHD_Connection *c, int status, char *p, size_t n, const char *type)
{
	return send_response(c, status, MHD_create_response_from_buffer(n, p, MHD_RESPMEM_MUST_FREE), type, NULL);
}

static enum MHD_Result
send_why(struct MHD_Connection *c, int status, const char *why)
{
	return send_text(c, status, hs_memdup(why, strlen(why)), strlen(why), "text/plain");
}

/* A reply of which only half arrives. */
static ssize_t
half_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	const struct answer *a = cls;
	size_t half = a->len / 2, n;

	if (pos >= half)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = half - (size_t)pos < max ? half - (size_t)pos : max;
	memcpy(buf, a->body + pos, n);
	return (ssize_t)n;
}

static void
half_free(void *cls)
{
	struct answer *a = cls;

	free(a->body);
	free(a);
}

static enum MHD_Result
send_answer(struct MHD_Connection *c, struct answer *a)
{
	static const char type[] = "application/json";
	struct answer *kept;

	switch (a->delivery) {
	case SEND_NOTHING:
		free(a->body);
		return MHD_NO;	/* closes the connection */
	case SEND_CUT:
		kept = hs_realloc(NULL, sizeof *kept);
		*kept = *a;
		return send_response(c, a->status,
		    MHD_create_response_from_callback(a->len, 4096, half_read, kept, half_free), type, NULL);
	case SEND_WHOLE:
		break;
	}
	return send_response(c, a->status,
	    MHD_create_response_from_buffer(a->len, a->body, MHD_RESPMEM_MUST_FREE), type, a->retry_after);
}

static enum MHD_Result
control(const struct peer *peer, struct MHD_Connection *c, const struct incoming *in)
{
	char why[200];

	if (hs_shop_script(peer->shop, in->body ? in->body : "", in->len, why, sizeof why) == -1) {
		strncat(why, "\n", sizeof why - strlen(why) - 1);
		return send_why(c, 400, why);
	}
	return send_why(c, 200, "ok\n");
}

/* The test's own door: no token, no rule, no journal.  1: not for it. */
static int
side_door(const struct peer *peer, struct MHD_Connection *c, const char *method, const char *path,
    const struct incoming *in, enum MHD_Result *rc)
{
	size_t n;
	uint64_t size;
	int get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
	char *p;

	if (get && strcmp(path, "/state") == 0) {
		p = hs_shop_state(peer->shop, &n);
		*rc = send_text(c, 200, p, n, "application/x-ndjson");
	} else if (get && strcmp(path, "/stats") == 0) {
		p = hs_shop_stats(peer->shop, &n);
		*rc = send_text(c, 200, p, n, "application/json");
	} else if (get && strcmp(path, "/journal") == 0) {
		int fd = hs_shop_journal(peer->shop, &size);

		*rc = send_response(c, 200, MHD_create_response_from_fd64(size, fd), "application/x-ndjson", NULL);
	} else if (post && strcmp(path, "/control") == 0) {
		*rc = control(peer, c, in);
	} else if (post && strcmp(path, "/reset") == 0) {
		hs_shop_reset(peer->shop);
		*rc = send_why(c, 200, "ok\n");
	} else
		return 1;
	return 0;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
    const char *data, size_t *n, void **state)
{
	const struct peer *peer = cls;
	struct incoming *in = *state;
	struct answer a;
	enum MHD_Result rc;

	(void)version;
	if (!in) {
		*state = in = hs_realloc(NULL, sizeof *in);
		*in = (struct incoming){ 0 };
		return MHD_YES;
	}
	if (*n) {
		body_add(in, data, *n);
		*n = 0;
		return MHD_YES;
	}
	if (side_door(peer, c, method, url, in, &rc) == 0)
		return rc;
	hs_shop_ask(peer->shop, &(struct ask){ .method = method, .path = url,
		.idem = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Idempotency-Key"),
		.body = in->body ? in->body : "", .len = in->len,
		.authorized = authorized(peer, c), .too_large = in->too_large }, &a);
	return send_answer(c, &a);
}

static void
on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct incoming *in = *state;

	(void)cls;
	(void)c;
	(void)why;
	if (in)
		free(in->body);
	free(in);
	*state = NULL;
}

static struct MHD_Daemon *
serve(struct peer *peer, uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	/* A thread a connection, because a delayed request sleeps in its
	 * handler; poll, because 0.9.75 stalls with epoll at multiples of 128
	 * ready connections. */
	struct MHD_Daemon *d = MHD_start_daemon(
	    MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL,
	    port, NULL, NULL, on_request, peer,
	    MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&addr,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, 1000u,
	    MHD_OPTION_THREAD_STACK_SIZE, (size_t)1 << 20,
	    MHD_OPTION_END);

	if (!d)
		hs_die("listen on 127.0.0.1:%d: %s", port, strerror(errno));
	return d;
}

static void
announce(const struct options *o, struct MHD_Daemon *d)
{
	unsigned port = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port;
	char tmp[4096];
	FILE *f;

	if (o->port_file) {
		if (snprintf(tmp, sizeof tmp, "%s.new", o->port_file) >= (int)sizeof tmp)
			hs_die("path too long: '%s'", o->port_file);
		f = fopen(tmp, "we");
		if (!f || fprintf(f, "%u\n", port) < 0 || fclose(f) == EOF || rename(tmp, o->port_file) == -1)
			hs_die("write '%s': %s", o->port_file, strerror(errno));
	}
	printf("listening on 127.0.0.1:%u\n", port);
	fflush(stdout);
}

/* Until a signal says so, or the time is over: a test that broke leaves no peer behind. */
static void
wait_for_end(const sigset_t *ends, uint64_t max_seconds)
{
	int64_t until = hs_now() + (int64_t)max_seconds * 1000, left;

	while ((left = until - hs_now()) > 0) {
		struct timespec ts = { left / 1000, left % 1000 * 1000000 };

		if (sigtimedwait(ends, NULL, &ts) > 0)
			return;
	}
	fprintf(stderr, "sim-http: ends after %llu s\n", (unsigned long long)max_seconds);
}

static uint64_t
number(const char *s, const char *name, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || errno || v < min || v > max) {
		fprintf(stderr, "sim-http: --%s takes %llu to %llu\n", name, (unsigned long long)min,
		    (unsigned long long)max);
		exit(2);
	}
	return v;
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "port-file", required_argument, NULL, 'f' },
		{ "journal", required_argument, NULL, 'j' },
		{ "state", required_argument, NULL, 's' },
		{ "script", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 'r' },
		{ "token-file", required_argument, NULL, 't' },
		{ "max-seconds", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	*o = (struct options){ .max_seconds = 600 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'p': o->port = (uint16_t)number(optarg, "port", 0, 65535); break;
		case 'f': o->port_file = optarg; break;
		case 'j': o->journal = optarg; break;
		case 's': o->state = optarg; break;
		case 'c': o->script = optarg; break;
		case 'r': o->seed = number(optarg, "seed", 0, UINT64_MAX); break;
		case 't': o->token_file = optarg; break;
		case 'm': o->max_seconds = number(optarg, "max-seconds", 1, 86400); break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs(usage, stderr); exit(2);
		}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

static char *
read_or_exit(const char *path, size_t *n)
{
	char *p = hs_read_file(path, n);

	if (!p) {
		fprintf(stderr, "sim-http: read '%s': %s\n", path, strerror(errno));
		exit(2);
	}
	return p;
}

static void
load_script(const struct peer *peer, const char *path)
{
	char why[200], *text;
	size_t n;

	text = read_or_exit(path, &n);
	if (hs_shop_script(peer->shop, text, n, why, sizeof why) == -1) {
		fprintf(stderr, "sim-http: script '%s': %s\n", path, why);
		exit(2);
	}
	free(text);
}

int
main(int argc, char **argv)
{
	struct options o;
	struct peer peer = { 0 };
	struct MHD_Daemon *d;
	sigset_t ends;
	size_t n;

	parse_options(argc, argv, &o);
	/* Blocked before any thread is made, so that only wait_for_end() sees them. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (o.port_file)
		unlink(o.port_file);	/* of a former life: who waits for it must not find it */
	peer.shop = hs_shop_open(o.state, o.journal, o.seed);
	if (o.script)
		load_script(&peer, o.script);
	if (o.token_file) {
		peer.token = read_or_exit(o.token_file, &n);
		peer.token[strcspn(peer.token, "\r\n")] = '\0';
	}
	d = serve(&peer, o.port);
	announce(&o, d);
	wait_for_end(&ends, o.max_seconds);
	hs_shop_stop(peer.shop);
	MHD_stop_daemon(d);
	hs_shop_free(peer.shop);
	free(peer.token);
	return 0;
}
