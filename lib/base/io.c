#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#define PIPE_BYTES (1 << 20)

int
io_write(int fd, const void *p, size_t n, const char *what, struct ss_err *err)
{
	const char *s = p;

	while (n > 0) {
		ssize_t w = write(fd, s, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1 && errno == EAGAIN) {
			struct pollfd pf = { .fd = fd, .events = POLLOUT };

			(void)poll(&pf, 1, -1);
			continue;
		}
		if (w == -1)
			return err_sys(err, SS_EXIT_AGAIN, "cannot write to %s", what);
		s += w;
		n -= (size_t)w;
	}
	return 0;
}

ssize_t
io_read(int fd, void *p, size_t n, const char *what, struct ss_err *err)
{
	for (;;) {
		ssize_t r = read(fd, p, n);

		if (r >= 0)
			return r;
		if (errno == EAGAIN) {
			struct pollfd pf = { .fd = fd, .events = POLLIN };

			(void)poll(&pf, 1, -1);
			continue;
		}
		if (errno != EINTR)
			return err_sys(err, errno == EISDIR ? SS_EXIT_USAGE : SS_EXIT_AGAIN, "cannot read %s", what);
	}
}

ssize_t
io_pread(int fd, void *p, size_t n, off_t off, const char *what, struct ss_err *err)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, (char *)p + got, n - got, off + (off_t)got);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return err_sys(err, SS_EXIT_AGAIN, "cannot read %s", what);
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

int
io_ready(int fd, int64_t ms)
{
	struct pollfd pf = { .fd = fd, .events = POLLIN };
	int64_t until = ms < 0 ? 0 : clock_mono() + ms;
	int r;

	for (;;) {
		r = poll(&pf, 1, ms < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
		if (r != -1 || errno != EINTR)
			return r != 0;
		if (ms >= 0 && (ms = until - clock_mono()) < 0)
			ms = 0;
	}
}

void
io_bigpipe(int fd)
{
#ifdef F_SETPIPE_SZ
	(void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
#else
	(void)fd;
#endif
}

int
io_syncdir(const char *dir, struct ss_err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot open directory '%s'", dir);
	if (fsync(fd) == -1)
		rc = err_sys(err, SS_EXIT_DAMAGE, "cannot sync directory '%s'", dir);
	if (close(fd) == -1 && rc == 0)
		rc = err_sys(err, SS_EXIT_DAMAGE, "cannot close directory '%s'", dir);
	return rc;
}

/* The directory part of path, "." if there is none. */
static int
parent_of(const char *path, char out[PATH_MAX], struct ss_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);

	if (n >= PATH_MAX)
		return err_set(err, SS_EXIT_USAGE, "path too long");
	if (slash == NULL)
		memcpy(out, ".", 2);
	else if (n == 0)
		memcpy(out, "/", 2);
	else {
		memcpy(out, path, n);
		out[n] = '\0';
	}
	return 0;
}

int
io_mkdirs(const char *dir, struct ss_err *err)
{
	char path[PATH_MAX], parent[PATH_MAX];
	size_t n = strlen(dir), i;
	struct stat st;

	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (n == 0 || n >= sizeof(path))
		return err_set(err, SS_EXIT_USAGE, "path '%.60s…' is empty or too long", dir);
	memcpy(path, dir, n + 1);
	for (i = 1; i <= n; i++) {
		char c = path[i];

		if (c != '/' && c != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0700) == 0) {
			if (parent_of(path, parent, err) == -1 || io_syncdir(parent, err) == -1)
				return -1;
		} else if (errno != EEXIST) {
			return err_sys(err, SS_EXIT_USAGE, "cannot make directory '%s'", path);
		}
		path[i] = c;
	}
	/* EEXIST is also what a file of that name answers */
	if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return err_sys(err, SS_EXIT_USAGE, "cannot make directory '%s'", dir);
	}
	return 0;
}

int
io_replace(const char *path, const void *p, size_t n, struct ss_err *err)
{
	char tmp[PATH_MAX], parent[PATH_MAX];
	int fd, rc = -1;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
		return err_set(err, SS_EXIT_USAGE, "path '%.60s…' is too long", path);
	if (parent_of(path, parent, err) == -1)
		return -1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot create '%s'", tmp);
	if (io_write(fd, p, n, tmp, err) == -1)
		goto done;
	if (fsync(fd) == -1) {
		err_sys(err, SS_EXIT_DAMAGE, "cannot sync '%s'", tmp);
		goto done;
	}
	rc = 0;
done:
	if (close(fd) == -1 && rc == 0)
		rc = err_sys(err, SS_EXIT_DAMAGE, "cannot close '%s'", tmp);
	if (rc == 0 && rename(tmp, path) == -1)
		rc = err_sys(err, SS_EXIT_AGAIN, "cannot rename '%s' to '%s'", tmp, path);
	if (rc == -1) {
		(void)unlink(tmp);
		return -1;
	}
	return io_syncdir(parent, err);
}

int
io_slurp(const char *path, size_t max, struct buf *out, struct ss_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t start = out->len;
	ssize_t r;

	if (fd == -1)
		return err_sys(err, SS_EXIT_USAGE, "cannot open '%s'", path);
	for (;;) {
		if (buf_room(out, 65536) == -1) {
			err_nomem(err);
			break;
		}
		r = io_read(fd, out->p + out->len, 65536, path, err);
		if (r <= 0) {
			(void)close(fd);
			return (int)r;
		}
		out->len += (size_t)r;
		if (out->len - start > max) {
			err_set(err, SS_EXIT_USAGE, "'%s' is larger than %zu bytes", path, max);
			break;
		}
	}
	(void)close(fd);
	return -1;
}

const char *
io_slurp_text(const char *path, size_t max, struct buf *out, struct ss_err *err)
{
	size_t start = out->len;

	if (io_slurp(path, max, out, err) == -1)
		return NULL;
	if (memchr(out->p + start, '\0', out->len - start) != NULL) {
		err_set(err, SS_EXIT_USAGE, "'%s' holds a NUL byte: it is no text", path);
		return NULL;
	}
	if (buf_cstr(out) == NULL) {
		err_nomem(err);
		return NULL;
	}
	return out->p + start;
}
