/* u-http - the HTTP client against a small server that behaves badly on request */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "net/http.h"

/* --- the server: one process a connection, counters in shared memory ---------- */

struct server {
	pid_t pid;
	int port;
	struct counters {
		int connections, requests, now, most;
		char last[4096];	/* the head of the last request */
	} *c;
};

/* A request's head, and its body when there is a Content-Length.  0 at end. */
static int
get_request(int fd, char *head, size_t size)
{
	size_t n = 0, want = 0;
	char junk[65536], *p;

	for (;;) {
		if (n + 1 >= size || read(fd, head + n, 1) != 1)
			return 0;
		head[++n] = '\0';
		if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	p = strcasestr(head, "\r\ncontent-length:");
	if (p != NULL)
		want = (size_t)strtoul(p + 17, NULL, 10);
	while (want > 0) {
		ssize_t r = read(fd, junk, want < sizeof(junk) ? want : sizeof(junk));

		if (r <= 0)
			return 0;
		want -= (size_t)r;
	}
	return 1;
}

static void
say(int fd, const char *s)
{
	(void)io_write(fd, s, strlen(s), "client", NULL);
}

static void
flood(int fd, const char *head)
{
	static char block[65536];
	int i;

	say(fd, head);
	memset(block, 'x', sizeof(block));
	for (i = 0; i < 400; i++)
		if (io_write(fd, block, sizeof(block), "client", NULL) == -1)
			return;
}

/* n zeros behind gzip. */
static void
send_gzip(int fd, size_t n)
{
	static unsigned char in[65536], out[65536];
	z_stream z = { 0 };
	int rc;

	if (deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
	do {
		z.next_in = in;
		z.avail_in = (uInt)(n < sizeof(in) ? n : sizeof(in));
		n -= z.avail_in;
		do {
			z.next_out = out;
			z.avail_out = sizeof(out);
			rc = deflate(&z, n == 0 ? Z_FINISH : Z_NO_FLUSH);
			if (io_write(fd, out, sizeof(out) - z.avail_out, "client", NULL) == -1)
				n = 0;
		} while (z.avail_out == 0);
	} while (rc != Z_STREAM_END && rc >= 0);
	(void)deflateEnd(&z);
}

#define DATE "Date: Sat, 21 Nov 2026 09:00:00 GMT\r\n"

/* Replies that are only text; keep: the connection stays. */
static const struct { const char *path, *text; int keep; } plain[] = {
	{ "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" DATE "Content-Type: application/json\r\n"
	    "X-Request-Id:  abc-1 \r\nX-Two: a\r\nx-two: b\r\n\r\nhello", 1 },
	{ "/short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", 0 },
	{ "/chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 0 },
	{ "/redirect", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", 0 },
	{ "/429", "HTTP/1.1 429 Too Many\r\nRetry-After: 2.0\r\nContent-Length: 4\r\n\r\nslow", 0 },
	{ "/503", "HTTP/1.1 503 No\r\n" DATE "Retry-After: Sat, 21 Nov 2026 09:01:30 GMT\r\n"
	    "Content-Length: 0\r\n\r\n", 0 },
	{ "/junk", "SSH-2.0-OpenSSH_9\r\n\r\n", 0 },
	{ "/early", "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0 },
	{ "/close", "", 0 },
};

/* The replies that take their time or never end well. */
static void
misbehave(int fd, const char *path)
{
	int i;

	if (strcmp(path, "/drip") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
		for (i = 0; i < 60; i++) {
			say(fd, "x");
			clock_sleep(50);
		}
	} else if (strcmp(path, "/never") == 0) {
		clock_sleep(3000);
	} else if (strcmp(path, "/huge-told") == 0) {
		flood(fd, "HTTP/1.1 200 OK\r\nContent-Length: 26214400\r\n\r\n");
	} else if (strcmp(path, "/huge") == 0) {
		flood(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	} else if (strcmp(path, "/heads") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\n");
		for (i = 0; i < 9000; i++)
			say(fd, "X-Filler: 0123456789012345678901234567890123456789\r\n");
		say(fd, "\r\n");
	} else if (strncmp(path, "/gzip/", 6) == 0) {
		send_gzip(fd, (size_t)strtoul(path + 6, NULL, 10));
	}
}

/* nth: of this connection.  1: it may go on. */
static int
answer(int fd, const char *path, int nth)
{
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(path, plain[i].path) == 0) {
			say(fd, plain[i].text);
			return plain[i].keep;
		}
	if (strcmp(path, "/sleep") == 0) {
		clock_sleep(100);
		say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
		return 1;
	}
	if (strcmp(path, "/second") == 0) {	/* the second one is read, then it is gone */
		if (nth == 1)
			say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		return nth == 1;
	}
	misbehave(fd, path);
	return 0;
}

static void
serve(int fd, struct counters *c)
{
	char head[16384], path[256];
	int nth = 0, go;

	__atomic_add_fetch(&c->connections, 1, __ATOMIC_SEQ_CST);
	while (get_request(fd, head, sizeof(head))) {
		int now = __atomic_add_fetch(&c->now, 1, __ATOMIC_SEQ_CST);

		if (now > c->most)
			c->most = now;
		__atomic_add_fetch(&c->requests, 1, __ATOMIC_SEQ_CST);
		(void)snprintf(c->last, sizeof(c->last), "%.4000s", head);
		path[0] = '\0';
		(void)sscanf(head, "%*15s %200s", path);
		go = answer(fd, path, ++nth);
		__atomic_sub_fetch(&c->now, 1, __ATOMIC_SEQ_CST);
		if (!go)
			break;
	}
	(void)shutdown(fd, SHUT_WR);
	/* what is unread would make the close a reset that eats the reply */
	while (read(fd, head, sizeof(head)) > 0)
		;
}

static int
start_server(void **state)
{
	static struct server s;
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.c = mmap(NULL, sizeof(*s.c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fd == -1 || s.c == MAP_FAILED || bind(fd, (struct sockaddr *)&a, n) == -1 ||
	    listen(fd, 64) == -1 || getsockname(fd, (struct sockaddr *)&a, &n) == -1)
		return -1;
	s.port = ntohs(a.sin_port);
	s.pid = fork();
	if (s.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGCHLD, SIG_IGN);
		while ((one = accept(fd, NULL, NULL)) != -1) {
			if (fork() == 0) {
				(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
				serve(one, s.c);
				_exit(0);
			}
			(void)close(one);
		}
		_exit(1);
	}
	(void)close(fd);
	*state = &s;
	return s.pid == -1 ? -1 : 0;
}

static int
stop_server(void **state)
{
	struct server *s = *state;

	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	return munmap(s->c, sizeof(*s->c));
}

/* --- asking it -------------------------------------------------------------- */

struct got {
	int calls, status, sent;
	enum http_end end;
	int64_t retry_after, date, ms;
	char body[64], type[64], id[64], two[64], text[256];
	size_t body_n;
	struct http *chain;		/* start another from within */
	const struct http_request *next;
};

static void
put(char *out, size_t size, struct json_span s)
{
	(void)snprintf(out, size, "%.*s", (int)s.n, s.p == NULL ? "" : s.p);
}

static void
done(void *ctx, const struct http_reply *r)
{
	struct got *g = ctx;

	g->calls++;
	g->status = r->status;
	g->sent = r->sent;
	g->end = r->end;
	g->retry_after = r->retry_after;
	g->date = r->date;
	g->ms = r->ms;
	g->body_n = r->body.n;
	put(g->body, sizeof(g->body), r->body);
	put(g->type, sizeof(g->type), r->content_type);
	put(g->id, sizeof(g->id), r->request_id);
	put(g->two, sizeof(g->two), http_header(r, "X-TWO"));
	(void)snprintf(g->text, sizeof(g->text), "%s", r->text);
	if (g->chain != NULL) {
		struct http *h = g->chain;

		g->chain = NULL;
		assert_int_equal(http_start(h, g->next, NULL), 0);
	}
}

static void
run_all(struct http *h)
{
	int64_t until = clock_mono() + 20000;

	while (http_busy(h) > 0 && clock_mono() < until)
		assert_int_equal(http_poll(h, 1000, -1, NULL), 0);
	assert_int_equal(http_busy(h), 0);
}

/* One request by its own client, or by h. */
static struct got
ask(struct http *h, const struct server *s, const char *method, const char *path,
    const char *body, int64_t deadline)
{
	static const char *const headers[] = { "Authorization: Bearer canary-secret", NULL };
	struct http_config cfg = { 0 };
	struct ss_err err = { 0 };
	struct http *own = h == NULL ? http_open(&cfg, &err) : NULL;
	struct got g = { 0 };
	char url[256];
	struct http_request r = { .method = method, .url = url, .headers = headers, .body = body,
		.body_n = body == NULL ? 0 : strlen(body), .deadline_ms = deadline,
		.done = done, .ctx = &g };

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", s->port, path);
	if (http_start(h == NULL ? own : h, &r, &err) == -1)
		fail_msg("%s: %s", path, err.text);
	run_all(h == NULL ? own : h);
	http_close(own);
	assert_int_equal(g.calls, 1);
	assert_null(strstr(g.text, "canary"));
	return g;
}

static void
replies(void **state)
{
	static const struct {
		const char *method, *path, *body;
		enum http_end end;
		int status, sent;
		int64_t retry_after;
		const char *reply;
	} t[] = {
		{ "GET", "/ok", NULL, HTTP_OK, 200, 1, -1, "hello" },
		{ "POST", "/ok", "{}", HTTP_OK, 200, 1, -1, "hello" },
		{ "PUT", "/ok", "{}", HTTP_OK, 200, 1, -1, "hello" },
		{ "DELETE", "/ok", NULL, HTTP_OK, 200, 1, -1, "hello" },
		{ "GET", "/redirect", NULL, HTTP_OK, 302, 1, -1, "" },
		{ "POST", "/429", "{}", HTTP_OK, 429, 1, 2000, "slow" },
		{ "GET", "/503", NULL, HTTP_OK, 503, 1, 90000, "" },
		{ "GET", "/early", NULL, HTTP_OK, 200, 1, -1, "ok" },
		{ "GET", "/close", NULL, HTTP_CONNECTION, 0, 1, -1, "" },
		{ "POST", "/close", "{}", HTTP_CONNECTION, 0, 1, -1, "" },
		{ "GET", "/short", NULL, HTTP_CONNECTION, 200, 1, -1, "only this" },
		{ "GET", "/chunks", NULL, HTTP_CONNECTION, 200, 1, -1, "hello" },
		{ "GET", "/junk", NULL, HTTP_CONNECTION, 0, 1, -1, "" },
		{ "GET", "/huge-told", NULL, HTTP_TOO_LARGE, 200, 1, -1, NULL },
		{ "GET", "/huge", NULL, HTTP_TOO_LARGE, 200, 1, -1, NULL },
		{ "GET", "/heads", NULL, HTTP_TOO_LARGE, 200, 1, -1, NULL },
		{ "GET", "/drip", NULL, HTTP_TIMEOUT, 200, 1, -1, NULL },
		{ "GET", "/never", NULL, HTTP_TIMEOUT, 0, 1, -1, "" },
	};
	struct server *s = *state;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct got g = ask(NULL, s, t[i].method, t[i].path, t[i].body, 700);

		if (g.end != t[i].end || g.status != t[i].status || g.sent != t[i].sent ||
		    g.retry_after != t[i].retry_after || g.ms > 2000 ||
		    (t[i].reply != NULL && strcmp(g.body, t[i].reply) != 0) ||
		    (g.text[0] == '\0') != (g.end == HTTP_OK))
			fail_msg("%s %s: end %d status %d sent %d retry %d ms %d body '%s' text '%s'",
			    t[i].method, t[i].path, (int)g.end, g.status, g.sent,
			    (int)g.retry_after, (int)g.ms, g.body, g.text);
		assert_true(g.body_n <= (size_t)8 << 20);
	}
}

static void
headers(void **state)
{
	struct server *s = *state;
	struct got g = ask(NULL, s, "POST", "/ok", "{}", 5000);

	assert_int_equal(g.date, INT64_C(1795251600000));
	assert_string_equal(g.type, "application/json");
	assert_string_equal(g.id, "abc-1");
	assert_string_equal(g.two, "b");
	assert_non_null(strstr(s->c->last, "\r\nUser-Agent: storesync/"));
	assert_non_null(strstr(s->c->last, "\r\nAuthorization: Bearer canary-secret\r\n"));
	assert_non_null(strstr(s->c->last, "\r\nContent-Length: 2\r\n"));
	assert_null(strcasestr(s->c->last, "\r\nExpect:"));
	assert_null(strcasestr(s->c->last, "\r\nContent-Type:"));
}

/* A kept connection that dies under a request: never a second try of a POST. */
static void
sent_once(void **state)
{
	static const char *const methods[] = { "POST", "DELETE" };
	struct server *s = *state;
	size_t i;

	for (i = 0; i < 2; i++) {
		struct http_config cfg = { 0 };
		struct http *h = http_open(&cfg, NULL);
		const char *body = i == 0 ? "{\"n\":1}" : NULL;
		int before;
		struct got g = ask(h, s, "GET", "/second", NULL, 5000);

		assert_int_equal(g.end, HTTP_OK);
		before = s->c->requests;
		g = ask(h, s, methods[i], "/second", body, 5000);
		if (i == 0) {
			assert_int_equal(g.end, HTTP_CONNECTION);
			assert_int_equal(g.sent, 1);
		}
		assert_int_equal(s->c->requests - before, 1);
		http_close(h);
	}
}

static void
not_sent(void **state)
{
	static const struct { const char *url; enum http_end end; } t[] = {
		{ "http://127.0.0.1:1/", HTTP_CONNECTION },
		{ "https://name.invalid/", HTTP_CONNECTION },
		{ "https://127.0.0.1:%d/ok", HTTP_TLS },
	};
	struct server *s = *state;
	struct http_config cfg = { 0 };
	struct http *h = http_open(&cfg, NULL);
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct got g = { 0 };
		char url[128];
		struct http_request r = { .method = "POST", .url = url, .body = "{}", .body_n = 2,
			.deadline_ms = 900, .done = done, .ctx = &g };

		if (i == 2)
			(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", s->port);
		else
			(void)snprintf(url, sizeof(url), "%s", t[i].url);
		assert_int_equal(http_start(h, &r, NULL), 0);
		run_all(h);
		/* a resolver that hangs ends as a timeout; the server waits for a line */
		if (g.end != t[i].end && g.end != HTTP_TIMEOUT)
			fail_msg("%s: end %d, %s", url, (int)g.end, g.text);
		assert_int_equal(g.sent, 0);
		assert_int_equal(g.status, 0);
	}
	http_close(h);
}

static void
parallel(void **state)
{
	struct server *s = *state;
	struct http_config cfg = { .parallel = 3 };
	struct http *h = http_open(&cfg, NULL);
	struct got g = { 0 }, late = { 0 };
	char url[128];
	struct http_request r = { .method = "GET", .url = url, .deadline_ms = 10000, .done = done,
		.ctx = &g };
	int before, i;

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/sleep", s->port);
	/* what earlier tests left hanging */
	for (i = 0; i < 100 && __atomic_load_n(&s->c->now, __ATOMIC_SEQ_CST) > 0; i++)
		clock_sleep(50);
	before = s->c->connections;
	s->c->most = 0;
	for (i = 0; i < 12; i++)
		assert_int_equal(http_start(h, &r, NULL), 0);
	r.ctx = &late;
	r.deadline_ms = 120;	/* passes while it waits in turn */
	assert_int_equal(http_start(h, &r, NULL), 0);
	assert_int_equal(http_busy(h), 13);
	run_all(h);
	assert_int_equal(g.calls, 12);
	assert_int_equal(g.status, 204);
	assert_int_equal(late.calls, 1);
	assert_int_equal(late.end, HTTP_TIMEOUT);
	assert_int_equal(late.sent, 0);
	assert_true(late.ms < 400);
	assert_int_equal(s->c->most, 3);
	assert_int_equal(s->c->connections - before, 3);
	/* one from within a callback */
	r.ctx = &g;
	r.deadline_ms = 5000;
	g.chain = h;
	g.next = &r;
	assert_int_equal(http_start(h, &r, NULL), 0);
	run_all(h);
	assert_int_equal(g.calls, 14);
	/* dropped without a call */
	assert_int_equal(http_start(h, &r, NULL), 0);
	assert_int_equal(http_start(h, &r, NULL), 0);
	assert_int_equal(http_poll(h, 0, -1, NULL), 0);
	http_close(h);
	assert_int_equal(g.calls, 14);
}

static void
watching(void **state)
{
	struct http_config cfg = { 0 };
	struct http *h = http_open(&cfg, NULL);
	int64_t from = clock_mono();
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(http_poll(h, 50, fd[0], NULL), 0);
	assert_true(clock_mono() - from >= 40);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(http_poll(h, 5000, fd[0], NULL), 1);
	assert_int_equal(read(fd[0], fd, 1), 1);
	http_close(h);
	http_close(NULL);
}

static void
hang_up(void **state)
{
	struct http_config cfg = { 0 };
	struct http *h = http_open(&cfg, NULL);
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	(void)close(fd[1]);
	assert_int_equal(http_poll(h, 5000, fd[0], NULL), 1);
	(void)close(fd[0]);
	http_close(h);
}

/* What counts is what it unpacks to: 64 MiB of zeros come in 64 KiB. */
static void
compressed(void **state)
{
	struct server *s = *state;
	struct got g = ask(NULL, s, "GET", "/gzip/1000000", NULL, 5000);

	assert_int_equal(g.end, HTTP_OK);
	assert_int_equal(g.body_n, 1000000);
	g = ask(NULL, s, "GET", "/gzip/67108864", NULL, 5000);
	assert_int_equal(g.end, HTTP_TOO_LARGE);
	assert_true(g.body_n <= (size_t)8 << 20);
}

static void
refused(void **state)
{
	static const struct { const char *method, *url, *header; int foreign; const char *text; } t[] = {
		{ "GET", "http://example.com/", NULL, 0, "not https" },
		{ "GET", "http://127.evil.example/", NULL, 0, "not https" },
		{ "GET", "http://localhost.evil.example/", NULL, 0, "not https" },
		{ "GET", "http://127.0.0.1/", NULL, 1, "not https" },
		{ "GET", "ftp://127.0.0.1/", NULL, 0, "neither https nor http" },
		{ "GET", "file:///etc/passwd", NULL, 0, "" },
		{ "GET", "https://u:p@example.com/", NULL, 0, "user or password" },
		{ "GET", "https://u@example.com/", NULL, 0, "user or password" },
		{ "GET", "https://example.com/a b", NULL, 0, "space" },
		{ "GET", "https://example.com/a\r\nX: y", NULL, 0, "space" },
		{ "GET", "", NULL, 0, "" },
		{ "GET", "example.com", NULL, 0, "" },
		{ "G ET", "https://example.com/", NULL, 0, "method" },
		{ "", "https://example.com/", NULL, 0, "method" },
		{ "GET", "https://example.com/", "X-A: b\r\nX-B: c", 0, "control character" },
		{ "GET", "https://example.com/", "no colon", 0, "Name: value" },
		{ "GET", "https://example.com/", ": x", 0, "Name: value" },
		{ "GET", "https://example.com/", "X-Empty:  ", 0, "no value" },
		{ "GET", "https://example.com/", "X-Empty;", 0, "Name: value" },
		{ "GET", "https://example.com/", "content-length: 3", 0, "may not be set" },
		{ "GET", "https://example.com/", "Transfer-Encoding: chunked", 0, "may not be set" },
	};
	struct http_config cfg = { 0 }, bad = { .ca_file = "/nowhere/ca.pem" };
	struct http *h = http_open(&cfg, NULL);
	struct ss_err err = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *const lines[] = { t[i].header, NULL };
		struct got g = { 0 };
		struct http_request r = { .method = t[i].method, .url = t[i].url, .headers = lines,
			.deadline_ms = 1, .foreign = t[i].foreign, .done = done, .ctx = &g };

		if (http_start(h, &r, &err) != -1 || strstr(err.text, t[i].text) == NULL)
			fail_msg("%s %s: '%s'", t[i].url, t[i].header, err.text);
		assert_int_equal(err.exit, SS_EXIT_USAGE);
		assert_null(strstr(err.text, "/a"));
	}
	assert_int_equal(http_busy(h), 0);
	http_close(h);
	assert_null(http_open(&bad, &err));
}

/* An address from a reply must not lead into the own network. */
static void
foreign(void **state)
{
	static const char *const urls[] = { "https://127.0.0.1:%d/ok", "https://[::1]:%d/ok",
		"https://[::ffff:127.0.0.1]:%d/ok", "https://localhost:%d/ok", "https://0.0.0.0:%d/ok",
		"https://2130706433:%d/ok" };
	struct server *s = *state;
	struct http_config cfg = { .plain = 1 };
	struct http *h = http_open(&cfg, NULL);
	int before = s->c->connections;
	size_t i;

	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct got g = { 0 };
		char url[128];
		struct http_request r = { .method = "GET", .url = url, .deadline_ms = 2000,
			.foreign = 1, .done = done, .ctx = &g };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(url, sizeof(url), urls[i], s->port);
#pragma GCC diagnostic pop
		assert_int_equal(http_start(h, &r, NULL), 0);
		run_all(h);
		assert_int_equal(g.end, HTTP_CONNECTION);
		assert_int_equal(g.sent, 0);
	}
	assert_int_equal(s->c->connections, before);
	http_close(h);
}

static void
environment(void **state)
{
	struct server *s = *state;
	struct got g;

	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
	assert_int_equal(setenv("all_proxy", "http://127.0.0.1:1/", 1), 0);
	g = ask(NULL, s, "GET", "/ok", NULL, 5000);
	assert_int_equal(g.status, 200);
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("all_proxy"), 0);
}

static void
retry_after(void **state)
{
	static const struct { const char *s; int64_t ms; } t[] = {
		{ "0", 0 }, { "2", 2000 }, { "2.0", 2000 }, { "0.25", 250 }, { "1.2345", 1234 },
		{ "120", 120000 }, { "999999999999999999999999", INT64_C(604800000) },
		{ "", -1 }, { "-5", -1 }, { "2s", -1 }, { "soon", -1 }, { ".5", -1 }, { "1e3", -1 },
		{ "Sat, 21 Nov 2026 09:01:30 GMT", 90000 },
		{ "Sat, 21 Nov 2026 08:00:00 GMT", 0 },
		{ "Sat, 21 Nov 2099 09:00:00 GMT", INT64_C(604800000) },
		{ "Sat, 99 Nov 2026 09:00:00 GMT", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (http_retry_after(t[i].s, strlen(t[i].s), INT64_C(1795251600000)) != t[i].ms)
			fail_msg("%s", t[i].s);
	assert_int_equal(http_retry_after("Sat, 21 Nov 2026 09:01:30 GMT", 29, -1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies), cmocka_unit_test(headers), cmocka_unit_test(sent_once),
		cmocka_unit_test(not_sent), cmocka_unit_test(parallel), cmocka_unit_test(watching),
		cmocka_unit_test(hang_up), cmocka_unit_test(compressed), cmocka_unit_test(refused),
		cmocka_unit_test(foreign), cmocka_unit_test(environment), cmocka_unit_test(retry_after),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
