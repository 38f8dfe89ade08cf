/* The log's writing side: open, append, sync.  log_internal.h has the layout. */
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/io.h"
#include "store/log_internal.h"

/* log_bulk(): so much of what was just written stays cached for its readers. */
#define BULK_KEEP ((uint64_t)8 << 20)

static int
lock(struct log *l, struct ss_err *err)
{
	while (flock(l->lock, LOCK_EX) == -1)
		if (errno != EINTR)
			return err_sys(err, SS_EXIT_AGAIN, "cannot lock the log in '%s'", l->dir);
	return 0;
}

static void
unlock(struct log *l)
{
	(void)flock(l->lock, LOCK_UN);
}

static int
hint_get(struct log *l, struct log_hint *h)
{
	if (pread(l->lock, h, sizeof(*h), 0) != (ssize_t)sizeof(*h))
		return 0;
	return h->crc == crc32c_update(0, h, offsetof(struct log_hint, crc));
}

/* Only a hint: a failed write costs a scan, never data. */
static void
hint_put(struct log *l, struct log_hint *h)
{
	h->pad = 0;
	h->crc = crc32c_update(0, h, offsetof(struct log_hint, crc));
	while (pwrite(l->lock, h, sizeof(*h), 0) == -1 && errno == EINTR)
		;
}

static void
hint_size(struct log *l)
{
	struct log_hint h;

	if (!hint_get(l, &h) || h.active != l->active.first)
		h = (struct log_hint){ .active = l->active.first };
	h.size = l->size;
	h.last = l->last;
	pthread_mutex_lock(&l->mu);
	if (l->synced_active == h.active && l->synced > h.synced)
		h.synced = l->synced;
	pthread_mutex_unlock(&l->mu);
	hint_put(l, &h);
}

static int
has_failed(struct log *l)
{
	int f;

	pthread_mutex_lock(&l->mu);
	f = l->failed;
	pthread_mutex_unlock(&l->mu);
	return f;
}

/* The last place in the active segment as the hint has it, 0 unknown. */
static uint64_t
known_last(struct log *l)
{
	struct log_hint h;

	return hint_get(l, &h) && h.active == l->active.first ? h.last : 0;
}

uint64_t
log_synced(struct log *l, uint64_t first)
{
	struct log_hint h;

	return hint_get(l, &h) && h.active == first ? h.synced : 0;
}

/* Take up the newest segment as the active one.  sole: nobody else has the log
 * open for appending, so bytes behind the last sync may be a power cut's. */
static int
take_up(struct log *l, int sole, struct ss_err *err)
{
	struct log_hint h;
	struct stat st;
	struct log_seg newest;
	uint64_t start;
	int fd, rc, known;

	if (log_seg_list(l, err) == -1)
		return -1;
	if (l->nsegs == 0 && l->write && hint_get(l, &h) && h.synced > 0)
		return err_set(err, SS_EXIT_DAMAGE, "the log in '%s' has no segments, but it had lines up to place %llu: bring "
		    "them back, or remove log/LOCK and state/ to begin anew", l->dir, (unsigned long long)h.last);
	if (l->nsegs == 0)
		return l->write ? log_seg_create(l, 1, err) : 0;
	newest = l->segs[l->nsegs - 1];
	rc = log_seg_open(l, &newest, (l->write ? O_RDWR : O_RDONLY) | O_APPEND, &fd, &l->seed, &start, err);
	if (rc == -1)
		return -1;
	pthread_mutex_lock(&l->mu);
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = fd;
	l->active = newest;
	l->written = 0;		/* of this file, nothing yet by this handle */
	if (fstat(fd, &st) == -1 || st.st_ino != l->ino)
		l->synced = 0;
	pthread_mutex_unlock(&l->mu);
	if (fstat(fd, &st) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot stat the active segment");
	l->ino = st.st_ino;
	if (rc == 0) {
		/* no good header: nothing in this segment was ever acknowledged,
		 * or its first line is damaged; log_repair_tail tells which */
		l->size = 0;
		l->last = known_last(l);
		return log_repair_tail(l, 0, 0, err);
	}
	known = hint_get(l, &h) && h.active == l->active.first;
	/* nobody is known to have synced it: whoever made it may have died before its
	 * header and its name were durable, and lines must not overtake them */
	if (l->write && !(known && h.synced > 0)) {
		if (fdatasync(fd) == -1)
			return err_sys(err, SS_EXIT_DAMAGE, "cannot sync the log in '%s'", l->dir);
		if (log_seg_sync_names(l, &l->active, err) == -1)
			return -1;
	}
	if (known && h.size == (uint64_t)st.st_size && (!sole || h.synced == h.size)) {
		l->size = h.size;
		l->last = h.last;
		return 0;
	}
	l->size = (uint64_t)st.st_size;
	return log_repair_tail(l, start, known && h.synced >= start && h.synced <= l->size ? h.synced : start, err);
}

/* Under the lock: does this handle still know the end of the log? */
static int
refresh(struct log *l, struct ss_err *err)
{
	struct log_hint h;
	char path[PATH_MAX];
	struct stat st;

	if (l->fd != -1 && hint_get(l, &h) && h.active == l->active.first && fstat(l->fd, &st) == 0 &&
	    h.size == (uint64_t)st.st_size && st.st_ino == l->ino && st.st_nlink > 0) {
		l->size = h.size;
		l->last = h.last;
		return 0;
	}
	if (l->fd != -1 && log_seg_path(l, &l->active, path, sizeof(path), err) == -1)
		return -1;
	return take_up(l, 0, err);
}

static int
refuse_network(const char *dir, struct ss_err *err)
{
	static const unsigned long bad[] = { 0x6969 /* nfs */, 0xff534d42 /* cifs */, 0xfe534d42 /* smb2 */,
		0x517b /* smb */, 0x01021997 /* 9p */ };
	struct statfs fs;
	size_t i;

	if (statfs(dir, &fs) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot look at '%s'", dir);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (((unsigned long)fs.f_type & 0xffffffffu) == bad[i])
			return err_set(err, SS_EXIT_USAGE, "'%s' is on a network file system, whose locks and "
			    "syncs cannot be trusted: put $SS_HOME on a local disk", dir);
	return 0;
}

static int
open_file(const char *dir, const char *name, int flags, struct ss_err *err)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return err_set(err, SS_EXIT_USAGE, "path of the log is too long");
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 && errno != ENOENT)
		return err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", path);
	return fd;
}

static int
open_write(struct log *l, struct ss_err *err)
{
	int sole, rc;

	if (io_mkdirs(l->dir, err) == -1 || refuse_network(l->dir, err) == -1)
		return -1;
	l->lock = open_file(l->dir, "LOCK", O_RDWR | O_CREAT, err);
	l->open_lock = open_file(l->dir, "OPEN", O_RDWR | O_CREAT, err);
	if (l->lock == -1 || l->open_lock == -1 || lock(l, err) == -1)
		return -1;
	sole = flock(l->open_lock, LOCK_EX | LOCK_NB) == 0;
	rc = sole ? log_repair_suspect(l, err) : log_repair_marked(l, err);
	if (rc == 1)
		rc = err_set(err, SS_EXIT_AGAIN, "a sync of the log in '%s' failed and a process still has it open: "
		    "end that one first", l->dir);
	if (rc == 0)
		rc = take_up(l, sole, err);
	if (rc == 0)
		hint_size(l);
	while (flock(l->open_lock, LOCK_SH | LOCK_NB) == -1 && errno == EINTR)
		;
	unlock(l);
	return rc;
}

int
log_open(struct log **out, const char *home, int write, const struct clock *clock, struct rng *rng,
    struct ss_err *err)
{
	struct log *l = calloc(1, sizeof(*l));
	size_t n = strlen(home);
	int rc = -1;

	*out = NULL;
	if (l == NULL)
		return err_nomem(err);
	l->fd = l->lock = l->open_lock = -1;
	l->clock = clock;
	l->rng = rng;
	l->write = write;
	l->segment_max = LOG_SEGMENT_MAX;
	pthread_mutex_init(&l->mu, NULL);
	l->home = strdup(home);
	l->dir = malloc(n + 5);
	if (l->home == NULL || l->dir == NULL) {
		err_nomem(err);
		goto done;
	}
	memcpy(l->dir, home, n);
	memcpy(l->dir + n, "/log", 5);
	if (write) {
		rc = open_write(l, err);
	} else {
		struct ss_err e = { .text = "" };

		l->lock = open_file(l->dir, "LOCK", O_RDONLY, &e);
		rc = log_seg_list(l, err);
	}
done:
	if (rc == -1) {
		log_close(l);
		return -1;
	}
	*out = l;
	return 0;
}

void
log_close(struct log *l)
{
	struct ss_err e;

	if (l == NULL)
		return;
	/* leave word of what is durable, so that the next to open need not look */
	if (l->write && l->fd != -1 && !l->failed && l->synced != 0 && lock(l, &e) == 0) {
		struct log_hint h;

		if (hint_get(l, &h) && h.active == l->synced_active && h.synced < l->synced && l->synced <= h.size) {
			h.synced = l->synced;
			hint_put(l, &h);
		}
		unlock(l);
	}
	if (l->fd != -1)
		(void)close(l->fd);
	if (l->lock != -1)
		(void)close(l->lock);
	if (l->open_lock != -1)
		(void)close(l->open_lock);
	pthread_mutex_destroy(&l->mu);
	free(l->segs);
	free(l->home);
	free(l->dir);
	free(l->repaired_path);
	buf_free(&l->asm_buf);
	free(l);
}

uint64_t
log_repaired(const struct log *l, const char **path)
{
	if (path != NULL)
		*path = l->repaired_path;
	return l->repaired;
}

void
log_segment_max(struct log *l, uint64_t bytes)
{
	l->segment_max = bytes;
}

void
log_bulk(struct log *l)
{
	l->bulk = 1;
}

static int
fail(struct log *l)
{
	pthread_mutex_lock(&l->mu);
	l->failed = 1;
	pthread_mutex_unlock(&l->mu);
	log_repair_mark(l);
	return -1;
}

/* A new segment when this one is full or its day is over.  The old one is made
 * durable first: whoever waits for a later line waits for all before it. */
static int
rotate_if_due(struct log *l, struct ss_err *err)
{
	int y, m, d, date;

	clock_date(clock_now(l->clock), &y, &m, &d);
	date = y * 10000 + m * 100 + d;
	if (l->size < l->segment_max && date <= l->active.date)
		return 0;
	if (fdatasync(l->fd) == -1) {
		err_sys(err, SS_EXIT_DAMAGE, "cannot sync the log");
		return fail(l);
	}
	if (log_seg_create(l, l->last + 1, err) == -1)
		return -1;
	/* others must not take the old segment for the active one if we end here */
	hint_size(l);
	return 0;
}

static size_t
put_u64(char *to, uint64_t v)
{
	char t[20];
	size_t i = sizeof(t), n;

	do {
		t[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	n = sizeof(t) - i;
	memcpy(to, t + i, n);
	return n;
}

/* Lines as they are stored, into asm_buf; the same without CRC into out. */
static int
assemble(struct log *l, const char *lines, const uint32_t *lens, size_t n, struct buf *out, struct ss_err *err)
{
	static const char hex[] = "0123456789abcdef";
	size_t i, k, total = 0;
	uint64_t seq = l->last;
	char *o, *q = NULL;

	for (i = 0; i < n; i++) {
		/* readers would step over it as damage */
		if (lens[i] + 64 > LOG_LINE_MAX)
			return err_set(err, SS_EXIT_USAGE, "a line of %u bytes is too long for the log", lens[i]);
		total += lens[i];
	}
	buf_clear(&l->asm_buf);
	if (buf_room(&l->asm_buf, total + n * 52) == -1 || (out != NULL && buf_room(out, total + n * 32) == -1))
		return err_nomem(err);
	o = l->asm_buf.p;
	if (out != NULL)
		q = out->p + out->len;
	for (i = 0; i < n; i++) {
		char *start = o;
		uint32_t crc;

		memcpy(o, lines, lens[i] - 1);	/* all but the closing brace */
		o += lens[i] - 1;
		lines += lens[i];
		memcpy(o, ",\"ssseq\":", 9);
		o += 9 + put_u64(o + 9, ++seq);
		crc = crc32c_update(l->seed, start, (size_t)(o - start));
		if (q != NULL) {
			memcpy(q, start, (size_t)(o - start));
			q += o - start;
			*q++ = '}';
			*q++ = '\n';
		}
		memcpy(o, ",\"sscrc\":\"", 10);
		o += 10;
		for (k = 0; k < 8; k++)
			*o++ = hex[crc >> (28 - 4 * k) & 15];
		memcpy(o, "\"}\n", 3);
		o += 3;
	}
	l->asm_buf.len = (size_t)(o - l->asm_buf.p);
	if (out != NULL)
		out->len = (size_t)(q - out->p);
	return 0;
}

/* One write of whole lines; what went in short is cut back, because another
 * appender would write behind the fragment. */
static int
write_batch(struct log *l, struct ss_err *err)
{
	struct buf *b = &l->asm_buf;
	size_t done = 0;

	while (done < b->len) {
		ssize_t w = write(l->fd, b->p + done, b->len - done);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1) {
			err_sys(err, SS_EXIT_AGAIN, "cannot append to the log in '%s'", l->dir);
			if (done > 0 && ftruncate(l->fd, (off_t)l->size) == -1)
				return fail(l);
			return -1;
		}
		done += (size_t)w;
	}
	return 0;
}

int
log_append(struct log *l, const char *lines, const uint32_t *lens, size_t n, uint64_t *first,
    struct buf *out, struct ss_err *err)
{
	size_t outlen = out != NULL ? out->len : 0;
	int rc = -1;

	if (has_failed(l) || !l->write)
		return err_set(err, SS_EXIT_DAMAGE, l->write ? "the log failed to sync earlier: nothing is appended" :
		    "the log is open for reading only");
	if (lock(l, err) == -1)
		return -1;
	if (refresh(l, err) == 0 && rotate_if_due(l, err) == 0 && assemble(l, lines, lens, n, out, err) == 0 &&
	    write_batch(l, err) == 0) {
		*first = l->last + 1;
		pthread_mutex_lock(&l->mu);
		l->size += l->asm_buf.len;
		l->written = l->size;
		pthread_mutex_unlock(&l->mu);
		l->last += n;
		hint_size(l);
		rc = 0;
	} else if (out != NULL) {
		out->len = outlen;
	}
	unlock(l);
	return rc;
}

/* fdatasync of the active segment as this handle last saw it; the descriptor is
 * a second one to the same open file, so that a rotation in the other thread
 * cannot close it under the call. */
static int
sync_active(struct log *l, struct ss_err *err)
{
	uint64_t active, end;
	int fd, rc;

	pthread_mutex_lock(&l->mu);
	if (l->fd == -1) {
		pthread_mutex_unlock(&l->mu);
		return 0;
	}
	fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
	active = l->active.first;
	end = l->written;
	pthread_mutex_unlock(&l->mu);
	if (fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot sync the log");
	rc = fdatasync(fd);
	if (rc == -1)
		err_sys(err, SS_EXIT_DAMAGE, "cannot sync the log in '%s': nothing of it is acknowledged", l->dir);
	else if (l->bulk && end > BULK_KEEP)
		(void)posix_fadvise(fd, 0, (off_t)(end - BULK_KEEP), POSIX_FADV_DONTNEED);
	(void)close(fd);
	if (rc == -1)
		return fail(l);
	pthread_mutex_lock(&l->mu);
	l->synced_active = active;
	l->synced = end;
	pthread_mutex_unlock(&l->mu);
	return 0;
}

int
log_sync(struct log *l, struct ss_err *err)
{
	if (has_failed(l))
		return err_set(err, SS_EXIT_DAMAGE, "the log failed to sync earlier: nothing is acknowledged");
	return sync_active(l, err);
}

/* A reader that came before the first writer: look again for the lock file. */
static int
late_lock(struct log *l)
{
	struct ss_err e = { .text = "" };

	if (l->lock == -1)
		l->lock = open_file(l->dir, "LOCK", O_RDONLY, &e);
	return l->lock != -1;
}

int
log_end(struct log *l, uint64_t *end, struct ss_err *err)
{
	int rc;

	*end = 1;
	/* without a lock file nobody has the log open for appending */
	if (late_lock(l) && lock(l, err) == -1)
		return -1;
	rc = refresh(l, err);
	if (rc == 0 && l->fd != -1) {
		*end = l->last + 1;
		pthread_mutex_lock(&l->mu);
		l->written = l->size;
		pthread_mutex_unlock(&l->mu);
	}
	unlock(l);
	return rc;
}

int
log_sync_end(struct log *l, uint64_t *end, struct ss_err *err)
{
	struct log_hint h;

	if (has_failed(l))
		return err_set(err, SS_EXIT_DAMAGE, "the log failed to sync earlier: nothing of it is trusted");
	if (log_end(l, end, err) == -1)
		return -1;
	if (l->fd == -1 || (hint_get(l, &h) && h.active == l->active.first && h.synced >= l->size))
		return 0;
	return sync_active(l, err);
}

int
log_begin(struct log *l, uint64_t *begin, struct ss_err *err)
{
	if (log_seg_list(l, err) == -1)
		return -1;
	*begin = l->nsegs == 0 ? 1 : l->segs[0].first;
	return 0;
}
