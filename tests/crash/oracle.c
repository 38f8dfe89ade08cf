/*
 * crash-oracle - writes to a log and judges what a crash left of one
 *
 *	crash-oracle write [-n LINES] [-b BATCH] [-w WRITES] [-s SEGMENT] [-z SIZE]
 *	    [-t TAG] HOME
 *		appends LINES events (0: until it is ended), BATCH to a write,
 *		WRITES writes to a sync, and prints each line as it was stored
 *		once it is durable.  This is the promise: what it printed stays.
 *	crash-oracle check HOME PROMISED [KEPT]
 *		opens what is there as the next program would and compares it
 *		with what was promised.  The bytes of the file KEPT must be found
 *		in the log or in quarantine/ then.  0 good, 1 bad (the reason is
 *		printed).
 *	crash-oracle serve
 *		the same for each "HOME TAB PROMISED TAB KEPT" line of standard
 *		input, each in a process of its own; answers "ok N" (N: bytes that
 *		were moved to quarantine/) or "bad REASON".
 *	crash-oracle cut DIR
 *		cuts the power of the ext4 that DIR is on: what is not on its
 *		disk by now never gets there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/uuid.h"
#include "event/event.h"
#include "store/ledger.h"
#include "store/log.h"

#define PIPELINE "crash"
/* _IOR('X', 125, u32): ext4 and xfs; 2: without writing anything more */
#define FS_SHUTDOWN _IOR('X', 125, uint32_t)
#define NO_LOG_FLUSH 2u

/* Why this state is bad: one line on standard output. */
static char why[1400];

#define BAD(...) (snprintf(why, sizeof(why), __VA_ARGS__), 1)

/* ---- writing ---- */

struct writer {
	uint64_t lines, batch, writes, segment, size;
	const char *tag;
	struct clock clock;
	struct rng rng;
	struct uuid_gen uuid;
	uint64_t made;
	struct buf text, out;
	uint32_t *lens;
};

static int
make_line(struct writer *w, size_t i)
{
	size_t start = w->text.len, pad;
	char id[UUID_TEXT];

	uuid_v7(&w->uuid, clock_now(&w->clock), id);
	(void)buf_addf(&w->text, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"crash/%s\",\"type\":\"item.observed\","
	    "\"subject\":\"%s-%" PRIu64 "\",\"data\":{\"pad\":\"", id, w->tag, w->tag, w->made++);
	/* lines of many lengths, the same ones each time */
	for (pad = w->size > 0 ? (w->made * 37) % w->size : 0; pad > 0; pad--)
		(void)buf_addc(&w->text, (char)('a' + pad % 26));
	(void)buf_adds(&w->text, "\"},\"sspipeline\":\"" PIPELINE "\"}");
	w->lens[i] = (uint32_t)(w->text.len - start);
	return w->text.failed ? -1 : 0;
}

static int
write_batch(struct writer *w, struct log *log, struct ss_err *err)
{
	uint64_t n = w->batch, first;
	size_t i;

	if (w->lines != 0 && n > w->lines - w->made)
		n = w->lines - w->made;
	buf_clear(&w->text);
	for (i = 0; i < n; i++)
		if (make_line(w, i) == -1)
			return err_nomem(err);
	return n == 0 ? 0 : log_append(log, w->text.p, w->lens, n, &first, &w->out, err);
}

static int
write_log(struct writer *w, const char *home)
{
	struct ss_err err = { .text = "" };
	struct log *log = NULL;
	uint64_t i;
	int rc;

	rng_init(&w->rng, 0, 0);
	w->uuid.rng = &w->rng;
	w->lens = calloc(w->batch, sizeof(*w->lens));
	rc = w->lens == NULL ? err_nomem(&err) : log_open(&log, home, 1, &w->clock, &w->rng, &err);
	if (rc == 0 && w->segment != 0)
		log_segment_max(log, w->segment);
	while (rc == 0 && (w->lines == 0 || w->made < w->lines)) {
		buf_clear(&w->out);
		for (i = 0; rc == 0 && i < w->writes; i++)
			rc = write_batch(w, log, &err);
		if (rc == 0)
			rc = log_sync(log, &err);
		if (rc == 0)
			rc = io_write(1, w->out.p, w->out.len, "standard output", &err);
	}
	log_close(log);
	free(w->lens);
	buf_free(&w->text);
	buf_free(&w->out);
	if (rc == 0)
		return 0;
	fprintf(stderr, "crash-oracle: %s\n", err.text);
	return err.exit == SS_EXIT_OK ? SS_EXIT_AGAIN : (int)err.exit;
}

/* ---- judging ---- */

struct promise {
	uint64_t seq;
	const char *p;
	size_t n;
	int found;
};

struct judge {
	const char *home;
	struct buf text;
	struct promise *v;
	size_t n;
	struct clock clock;
	struct rng rng;
	uint64_t lines, events, last;
	uint64_t moved;
};

static int
by_seq(const void *a, const void *b)
{
	const struct promise *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The place stands at the end of a line as it is handed on. */
static uint64_t
place_of(const char *p, size_t n)
{
	static const char key[] = ",\"ssseq\":";
	const char *at = NULL, *s = p;
	uint64_t v = 0;

	while ((s = memmem(s, n - (size_t)(s - p), key, sizeof(key) - 1)) != NULL)
		at = s += sizeof(key) - 1;
	if (at != NULL)
		(void)num_scan(at, n - (size_t)(at - p), &v);
	return v;
}

static int
read_promises(struct judge *j, const char *path)
{
	struct ss_err err = { .text = "" };
	char *s, *nl, *end;
	size_t i;

	j->text.max = (size_t)1 << 31;
	if (io_slurp(path, (size_t)1 << 31, &j->text, &err) == -1)
		return BAD("oracle: %s", err.text);
	if (j->text.len == 0)
		return 0;
	end = j->text.p + j->text.len;
	j->v = calloc(j->text.len / 40 + 1, sizeof(*j->v));
	if (j->v == NULL)
		return BAD("oracle: no memory");
	/* what is cut off at the end was not told in full: no promise */
	for (s = j->text.p; s < end && (nl = memchr(s, '\n', (size_t)(end - s))) != NULL; s = nl + 1) {
		uint64_t seq = place_of(s, (size_t)(nl - s));

		if (seq != 0)
			j->v[j->n++] = (struct promise){ seq, s, (size_t)(nl - s), 0 };
	}
	qsort(j->v, j->n, sizeof(*j->v), by_seq);
	for (i = 1; i < j->n; i++)
		if (j->v[i].seq == j->v[i - 1].seq)
			return BAD("place %" PRIu64 " was promised twice", j->v[i].seq);
	return 0;
}

/* A line of the log: is it what was promised for its place? */
static int
compare(struct judge *j, const struct log_line *l)
{
	static const char label[] = "\"sspipeline\":\"" PIPELINE "\"";
	struct promise key = { .seq = l->seq }, *p = NULL;

	if (j->n > 0)
		p = bsearch(&key, j->v, j->n, sizeof(*j->v), by_seq);
	if (l->seq <= j->last)
		return BAD("place %" PRIu64 " follows %" PRIu64, l->seq, j->last);
	j->last = l->seq;
	j->lines++;
	j->events += memmem(l->p, l->n, label, sizeof(label) - 1) != NULL;
	if (p == NULL)
		return 0;
	if (p->n != l->body + 1 || memcmp(p->p, l->p, l->body) != 0)
		return BAD("place %" PRIu64 " holds other bytes than were promised", l->seq);
	p->found = 1;
	return 0;
}

static int
read_all(struct judge *j, struct log *log)
{
	struct ss_err err = { .text = "" };
	struct log_cursor *c;
	struct log_line line;
	size_t i;
	int rc, bad = 0;

	j->lines = j->events = j->last = 0;
	for (i = 0; i < j->n; i++)
		j->v[i].found = 0;
	if (log_cursor_open(&c, log, 1, &err) == -1)
		return BAD("cannot read: %s", err.text);
	while (!bad && (rc = log_cursor_next(c, &line, &err)) == 1)
		bad = compare(j, &line);
	if (!bad && rc == -1)
		bad = BAD("cannot read: %s", err.text);
	if (!bad && log_cursor_damaged(c) > 0)
		bad = BAD("%" PRIu64 " damaged lines after recovery", log_cursor_damaged(c));
	log_cursor_close(c);
	for (i = 0; !bad && i < j->n; i++)
		if (!j->v[i].found)
			bad = BAD("place %" PRIu64 " was promised and is lost", j->v[i].seq);
	return bad;
}

struct finding {
	char text[400];
};

static void
note_finding(void *ctx, const char *path, uint64_t offset, uint64_t seq, const char *what)
{
	struct finding *f = ctx;

	if (f->text[0] == '\0')
		(void)snprintf(f->text, sizeof(f->text), "%s at byte %" PRIu64 ", place %" PRIu64 ": %s",
		    strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path, offset, seq, what);
}

static int
verify(struct log *log)
{
	struct ss_err err = { .text = "" };
	struct log_report rep;
	struct finding f = { .text = "" };
	int n = log_verify(log, &rep, note_finding, &f, &err);

	if (n == -1)
		return BAD("cannot verify: %s", err.text);
	return n == 0 ? 0 : BAD("verify after recovery, %d findings: %s", n, f.text);
}

/* The tables anew from what is left: each event stands in them once. */
static int
count(struct judge *j, struct log *log)
{
	struct ss_err err = { .text = "" };
	struct ledger_counts n;
	struct ledger_view *v;
	struct ledger *l;
	uint64_t applied;
	int bad = 0;

	if (ledger_open(&l, j->home, log, &err) == -1)
		return BAD("cannot open the ledger: %s", err.text);
	if (ledger_catchup(l, &applied, &err) == -1 || ledger_view(&v, l, &err) == -1) {
		bad = BAD("cannot make the ledger: %s", err.text);
	} else {
		if (ledger_counts(v, PIPELINE, &n, &err) == -1)
			bad = BAD("cannot count: %s", err.text);
		else if (n.opened != j->events || n.open != j->events)
			bad = BAD("the log holds %" PRIu64 " events, the ledger has %" PRIu64 " opened and %" PRIu64 " open",
			    j->events, n.opened, n.open);
		ledger_view_end(v);
	}
	ledger_close(l);
	return bad;
}

/* One line more, durable and read back. */
static int
append_one(struct judge *j, struct log *log)
{
	struct ss_err err = { .text = "" };
	struct uuid_gen g = { .rng = &j->rng };
	struct buf b = { 0 }, back = { 0 };
	char id[UUID_TEXT];
	uint64_t first;
	uint32_t len;
	int bad = 0;

	uuid_v7(&g, clock_now(&j->clock), id);
	(void)buf_addf(&b, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"crash\",\"type\":\"after.crash\"}", id);
	len = (uint32_t)b.len;
	if (log_append(log, b.p, &len, 1, &first, NULL, &err) == -1 || log_sync(log, &err) == -1)
		bad = BAD("cannot append after recovery: %s", err.text);
	else if (first <= j->last)
		bad = BAD("place %" PRIu64 " given anew, %" PRIu64 " is in the log", first, j->last);
	else if (j->n > 0 && first <= j->v[j->n - 1].seq)
		bad = BAD("place %" PRIu64 " given anew, it was promised", first);
	else if (log_get(log, first, &back, &err) != 1)
		bad = BAD("what was appended after recovery cannot be read");
	else if (back.len < b.len || memcmp(back.p, b.p, b.len - 1) != 0)
		bad = BAD("what was appended after recovery reads otherwise");
	buf_free(&b);
	buf_free(&back);
	return bad;
}

/* Are the bytes of want in some file below dir?  1, 0, -1. */
static int
find_bytes(const char *dir, const struct buf *want)
{
	char path[PATH_MAX];
	struct dirent *e;
	struct buf b = { 0 };
	DIR *d = opendir(dir);
	int rc = 0;

	if (d == NULL)
		return errno == ENOENT ? 0 : -1;
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (e->d_type == DT_DIR) {
			rc = find_bytes(path, want);
			continue;
		}
		buf_clear(&b);
		if (io_slurp(path, (size_t)1 << 30, &b, NULL) == 0 && b.len >= want->len)
			rc = memmem(b.p, b.len, want->p, want->len) != NULL;
	}
	(void)closedir(d);
	buf_free(&b);
	return rc;
}

/* What was moved away is in quarantine/, not gone; so is what was to be kept. */
static int
kept(struct judge *j, struct log *log, const char *file)
{
	char dir[PATH_MAX];
	struct buf want = { 0 };
	const char *path;
	struct stat st;
	int rc;

	j->moved = log_repaired(log, &path);
	if (j->moved > 0 && (path == NULL || stat(path, &st) == -1 || st.st_size == 0))
		return BAD("%" PRIu64 " bytes were cut off and are not in quarantine/", j->moved);
	if (file == NULL || io_slurp(file, (size_t)1 << 30, &want, NULL) == -1 || want.len == 0)
		return file == NULL || want.len == 0 ? 0 : BAD("oracle: cannot read '%s'", file);
	(void)snprintf(dir, sizeof(dir), "%s/log", j->home);
	rc = find_bytes(dir, &want);
	(void)snprintf(dir, sizeof(dir), "%s/quarantine", j->home);
	if (rc == 0)
		rc = find_bytes(dir, &want);
	buf_free(&want);
	return rc == 1 ? 0 : BAD("bytes that were in the log are neither there nor in quarantine/");
}

static int
judge(struct judge *j, const char *promised, const char *keep)
{
	struct ss_err err = { .text = "" };
	struct log *log;
	int bad;

	rng_init(&j->rng, 1, 7);
	if (read_promises(j, promised))
		return 1;
	if (log_open(&log, j->home, 1, &j->clock, &j->rng, &err) == -1)
		return BAD("it does not open: %s", err.text);
	bad = kept(j, log, keep) || read_all(j, log) || verify(log) || count(j, log) || append_one(j, log);
	log_close(log);
	if (bad)
		return 1;
	if (log_open(&log, j->home, 1, &j->clock, &j->rng, &err) == -1)
		return BAD("it does not open a second time: %s", err.text);
	if (log_repaired(log, NULL) > 0)
		bad = BAD("a second opening repairs %" PRIu64 " bytes more", log_repaired(log, NULL));
	else
		bad = read_all(j, log) || verify(log);
	log_close(log);
	return bad;
}

/* ---- the command line ---- */

static int
check(const char *home, const char *promised, const char *keep)
{
	struct judge j = { .home = home };
	int bad = judge(&j, promised, keep);

	free(j.v);
	buf_free(&j.text);
	if (bad)
		printf("bad %s\n", why);
	else
		printf("ok %" PRIu64 "\n", j.moved);
	return fflush(stdout) == 0 ? bad : 2;
}

static int
serve(void)
{
	char line[3 * PATH_MAX + 3], *tab, *tab2;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		int status;
		pid_t pid;

		line[strcspn(line, "\n")] = '\0';
		tab = strchr(line, '\t');
		tab2 = tab == NULL ? NULL : strchr(tab + 1, '\t');
		if (tab2 == NULL)
			return 2;
		*tab = *tab2 = '\0';
		pid = fork();
		if (pid == -1)
			return 2;
		if (pid == 0)
			_exit(check(line, tab + 1, tab2[1] == '\0' ? NULL : tab2 + 1));	/* flushes what it says */
		if (waitpid(pid, &status, 0) == -1)
			return 2;
		if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
			printf("bad the oracle ended with status %d\n", status);
		(void)fflush(stdout);
	}
	return 0;
}

static int
cut(const char *dir)
{
	uint32_t how = NO_LOG_FLUSH;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || ioctl(fd, FS_SHUTDOWN, &how) == -1) {
		fprintf(stderr, "crash-oracle: cannot cut the power of '%s': %s\n", dir, strerror(errno));
		return 1;
	}
	(void)close(fd);
	return 0;
}

static int
usage(void)
{
	fputs("usage: crash-oracle write [-n LINES] [-b BATCH] [-w WRITES] [-s SEGMENT] [-z SIZE] [-t TAG] HOME\n"
	    "       crash-oracle check HOME PROMISED [KEPT]\n"
	    "       crash-oracle serve\n"
	    "       crash-oracle cut DIR\n", stderr);
	return 2;
}

static int
number(const char *s, uint64_t min, uint64_t *out)
{
	return num_scan(s, strlen(s), out) == strlen(s) && *s != '\0' && *out >= min && *out <= 1000000000 ? 0 : -1;
}

static int
main_write(int argc, char **argv)
{
	struct writer w = { .lines = 10, .batch = 1, .writes = 1, .size = 200, .tag = "w" };
	int c, bad = 0;

	while ((c = getopt(argc, argv, "n:b:w:s:z:t:")) != -1)
		switch (c) {
		case 'n': bad |= number(optarg, 0, &w.lines); break;
		case 'b': bad |= number(optarg, 1, &w.batch); break;
		case 'w': bad |= number(optarg, 1, &w.writes); break;
		case 's': bad |= number(optarg, 1, &w.segment); break;
		case 'z': bad |= number(optarg, 0, &w.size); break;
		case 't': w.tag = optarg; break;
		default: bad = 1;
		}
	return bad || argc - optind != 1 ? usage() : write_log(&w, argv[optind]);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "write") == 0)
		return main_write(argc - 1, argv + 1);
	if (strcmp(verb, "check") == 0 && (argc == 4 || argc == 5))
		return check(argv[2], argv[3], argc == 5 ? argv[4] : NULL);
	if (strcmp(verb, "serve") == 0 && argc == 2)
		return serve();
	if (strcmp(verb, "cut") == 0 && argc == 3)
		return cut(argv[2]);
	return usage();
}
