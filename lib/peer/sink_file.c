/*
 * Delivery to a file: a call appends its lines.  Where it begins is in the
 * intent, so that after a crash a look at the file tells what became of it:
 * a whole call stands there, or its beginning is cut back and it is made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/io.h"
#include "event/jqx.h"
#include "peer/sink.h"

struct file {
	struct sink s;
	char *path;
	int fd;
	struct jqx *body;	/* NULL: the event itself */
};

static int
file_render(struct sink *s, const struct json_span *events, size_t n, struct buf *body, struct ss_err *err)
{
	struct file *f = (struct file *)s;
	size_t i;

	for (i = 0; i < n; i++) {
		if (f->body == NULL) {
			(void)buf_add(body, events[i].p, events[i].n);
			(void)buf_addc(body, '\n');
		} else if (jqx_run(f->body, events[i].p, events[i].n, body, 10000, err) == -1) {
			return -1;
		}
	}
	return body->failed ? err_nomem(err) : 0;
}

static int
file_open_fd(struct file *f, struct ss_err *err)
{
	struct stat st;
	char dir[PATH_MAX];
	const char *slash = strrchr(f->path, '/');

	if (f->fd != -1)
		return 0;
	f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->fd == -1)
		return err_sys(err, SS_EXIT_USAGE, "cannot open '%s'", f->path);
	if (fstat(f->fd, &st) == -1 || !S_ISREG(st.st_mode))
		return err_set(err, SS_EXIT_USAGE, "'%s' is no regular file: deliveries to it could not be told after a crash",
		    f->path);
	if (slash == NULL)
		return io_syncdir(".", err);
	if ((size_t)(slash - f->path) >= sizeof(dir))
		return err_set(err, SS_EXIT_USAGE, "path too long");
	memcpy(dir, f->path, (size_t)(slash - f->path));
	dir[slash - f->path] = '\0';
	return io_syncdir(dir[0] == '\0' ? "/" : dir, err);
}

/* Whoever appends here holds this, from this home or from another. */
static int
lock_file(struct file *f, struct ss_err *err)
{
	while (flock(f->fd, LOCK_EX) == -1)
		if (errno != EINTR)
			return err_sys(err, SS_EXIT_AGAIN, "cannot lock '%s'", f->path);
	return 0;
}

static int
file_prepare(struct sink *s, struct sink_call **calls, size_t n, struct ss_err *err)
{
	struct file *f = (struct file *)s;
	struct stat st;
	uint64_t at;
	size_t i;

	if (file_open_fd(f, err) == -1 || lock_file(f, err) == -1)
		return -1;
	if (fstat(f->fd, &st) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot stat '%s'", f->path);
	at = (uint64_t)st.st_size;
	for (i = 0; i < n; i++) {
		calls[i]->offset = at;
		at += calls[i]->body.len;
	}
	return 0;
}

static int
append(struct file *f, struct sink_call *c, struct ss_err *err)
{
	if (io_write(f->fd, c->body.p, c->body.len, f->path, err) == 0)
		return 0;
	/* a disk that filled up: nothing of the call may stay */
	if (ftruncate(f->fd, (off_t)c->offset) == -1)
		return err_sys(err, SS_EXIT_DAMAGE, "cannot cut '%s' back to %" PRIu64 " bytes", f->path, c->offset);
	return -1;
}

/* After a failed fdatasync the bytes may be in memory only, and the next one would
 * call them durable: cut off they are made again, instead of being found. */
static int
sync_or_cut(struct file *f, uint64_t offset, struct ss_err *err)
{
	if (fdatasync(f->fd) == 0)
		return 0;
	(void)err_sys(err, SS_EXIT_DAMAGE, "cannot sync '%s'", f->path);
	if (ftruncate(f->fd, (off_t)offset) == -1)
		err_prefix(err, "what was appended could not be cut off again");
	return -1;
}

static int
file_send(struct sink *s, struct sink_call **calls, size_t n, struct ss_err *err)
{
	struct file *f = (struct file *)s;
	int64_t start = clock_mono();
	size_t i, k;
	int rc = 0;

	for (i = 0; rc == 0 && i < n; i++)
		rc = append(f, calls[i], err);
	if (rc == 0)
		rc = sync_or_cut(f, calls[0]->offset, err);
	(void)flock(f->fd, LOCK_UN);
	if (rc == -1)
		return -1;
	for (i = 0; i < n; i++) {
		calls[i]->end = SINK_APPLIED;
		calls[i]->ms = clock_mono() - start;
		for (k = 0; k < calls[i]->n; k++)
			calls[i]->res[k].ok = 1;
	}
	return 0;
}

/* Are these n bytes a beginning of the call's, or what a power cut left of one,
 * with zeros where a page did not reach the disk? */
static int
is_rest(const char *p, size_t n, const struct buf *body)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != body->p[i] && p[i] != '\0')
			return 0;
	return 1;
}

/* What stands behind the offset: the whole call, a beginning of it, or what others
 * have appended since, which is theirs. */
static int
look(struct file *f, struct sink_call *c, struct ss_err *err)
{
	uint64_t size;
	struct stat st;
	char *p;
	size_t have, k;
	int cut = 0;

	if (fstat(f->fd, &st) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot stat '%s'", f->path);
	size = (uint64_t)st.st_size;
	c->end = SINK_NOT_EXECUTED;
	if (size < c->offset)
		return 0;	/* the file was made shorter by somebody since */
	have = size - c->offset > c->body.len ? c->body.len : (size_t)(size - c->offset);
	p = malloc(have + 1);
	if (p == NULL)
		return err_nomem(err);
	k = 0;
	while (k < have) {
		ssize_t got = io_pread(f->fd, p + k, have - k, (off_t)(c->offset + k), f->path, err);

		if (got <= 0) {
			free(p);
			return got == -1 ? -1 : err_set(err, SS_EXIT_AGAIN, "'%s' was cut while it was read", f->path);
		}
		k += (size_t)got;
	}
	if (have == c->body.len && (have == 0 || memcmp(p, c->body.p, have) == 0)) {
		c->end = SINK_APPLIED;
		for (k = 0; k < c->n; k++)
			c->res[k].ok = 1;
	} else if (size == c->offset + have) {
		cut = have > 0 && is_rest(p, have, &c->body);
	}
	free(p);
	if (cut && ftruncate(f->fd, (off_t)c->offset) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot cut '%s'", f->path);
	if (c->end != SINK_APPLIED)
		return 0;
	/* what others appended behind it since is theirs */
	return sync_or_cut(f, size == c->offset + have ? c->offset : size, err);
}

static int
file_recover(struct sink *s, struct sink_call *c, struct ss_err *err)
{
	struct file *f = (struct file *)s;
	int rc;

	/* what is cut must not be what another home's ss-push is appending */
	if (file_open_fd(f, err) == -1 || lock_file(f, err) == -1)
		return -1;
	rc = look(f, c, err);
	(void)flock(f->fd, LOCK_UN);
	return rc;
}

static int
file_describe(struct sink *s, const struct sink_call *c, struct buf *out, struct ss_err *err)
{
	struct file *f = (struct file *)s;

	(void)buf_adds(out, "{\"target\":");
	(void)json_put_cstr(out, f->s.name);
	(void)buf_adds(out, ",\"append_to\":");
	(void)json_put_cstr(out, f->path);
	(void)buf_addf(out, ",\"items\":%zu,\"body\":", c->n);
	(void)json_put_str(out, c->body.p == NULL ? "" : c->body.p, c->body.len);
	return buf_addc(out, '}') == -1 || out->failed ? err_nomem(err) : 0;
}

static void
file_close(struct sink *s)
{
	struct file *f = (struct file *)s;

	if (f->fd != -1)
		(void)close(f->fd);
	jqx_free(f->body);
	free(f->path);
	free(f);
}

static const struct sink_ops ops = { file_render, file_prepare, file_send, file_recover, file_describe, file_close };

int
sink_file_open(struct sink **out, const char *name, struct cli *c, struct conf *conf, struct ss_err *err)
{
	static const char *const keys[] = { "path", "body", "body-file", "batch", "live", NULL };
	struct file *f = calloc(1, sizeof(*f));
	uint64_t batch = 1000;
	const char *path;
	int rc = 0;

	if (f == NULL)
		return err_nomem(err);
	f->s.ops = &ops;
	f->fd = -1;
	f->s.parallel = 1;
	f->s.can_check = 1;
	path = conf_get(conf, "file", name, "path");
	f->path = path != NULL ? sink_path(c, path) : strdup(name);
	if (f->path == NULL)
		rc = err_nomem(err);
	if (rc == 0 && conf_has(conf, "file", name) && (conf_only(conf, "file", name, keys, err) == -1 ||
	    conf_count(conf, "file", name, "batch", 1, 100000, &batch, err) == -1 ||
	    conf_bool(conf, "file", name, "live", &f->s.live, err) == -1))
		rc = -1;
	f->s.batch = (size_t)batch;
	if (rc == 0 && conf_has(conf, "file", name) && path == NULL)
		rc = err_set(err, SS_EXIT_USAGE, "[file \"%s\"] has no path", name);
	if (rc == 0)
		rc = sink_program(&f->body, c, conf, "file", name, "body", err);
	if (rc == -1) {
		file_close(&f->s);
		return -1;
	}
	*out = &f->s;
	return 0;
}
