/* What must not stand in the configuration's file: from files of their own, from
 * systemd, from the environment. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/io.h"

#define SECRET_BYTES 65536
#define SECRET_ENV "SS_SECRET_"

/* Read a secret's file.  checked: it must be ours alone (a file that the user
 * named; systemd's credentials are guarded by their directory).  1, 0 absent
 * (only when not checked), -1. */
static int
secret_file(const char *path, int checked, struct buf *out, struct ss_err *err)
{
	char text[4096];
	struct stat st;
	ssize_t r;
	int rc = -1;
	/* not to hang on a fifo */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1 && !checked && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1)
		return err_sys(err, SS_EXIT_USAGE, "cannot open the secret's file '%s'", path);
	if (fstat(fd, &st) == -1) {
		err_sys(err, SS_EXIT_USAGE, "cannot look at '%s'", path);
		goto done;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, SS_EXIT_USAGE, "'%s' is not a regular file", path);
		goto done;
	}
	if (checked && ((st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))) {
		err_set(err, SS_EXIT_USAGE, "'%s' holds a secret but is not its owner's alone: chmod 600", path);
		goto done;
	}
	while ((r = io_read(fd, text, sizeof(text), path, err)) > 0) {
		if (out->len + (size_t)r > SECRET_BYTES) {
			err_set(err, SS_EXIT_USAGE, "'%s' is larger than %d bytes", path, SECRET_BYTES);
			goto done;
		}
		if (buf_add(out, text, (size_t)r) == -1) {
			err_nomem(err);
			goto done;
		}
	}
	rc = r == 0 ? 1 : -1;
done:
	explicit_bzero(text, sizeof(text));
	(void)close(fd);
	return rc;
}

/* KEY-file: as given, or beside the configuration file. */
static int
secret_named(const struct conf *c, const char *file, struct buf *out, struct ss_err *err)
{
	const char *conf = conf_path(c), *slash = conf == NULL ? NULL : strrchr(conf, '/');
	struct buf path = { .max = 8192 };
	int rc = -1;

	if (file[0] != '/' && slash != NULL)
		buf_add(&path, conf, (size_t)(slash - conf) + 1);
	buf_adds(&path, file);
	if (path.failed || buf_cstr(&path) == NULL)
		err_nomem(err);
	else
		rc = secret_file(path.p, 1, out, err);
	buf_free(&path);
	return rc;
}

/* $CREDENTIALS_DIRECTORY/KIND-NAME-KEY */
static int
secret_credential(const char *kind, const char *name, const char *key, struct buf *out,
    struct ss_err *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	struct buf path = { .max = 8192 };
	int rc = -1;

	/* a / in a name must not lead out of the directory */
	if (dir == NULL || *dir == '\0' || (name != NULL && strchr(name, '/') != NULL))
		return 0;
	if (buf_addf(&path, "%s/%s-%s%s%s", dir, kind, name == NULL ? "" : name,
	    name == NULL ? "" : "-", key) == -1 || buf_cstr(&path) == NULL)
		err_nomem(err);
	else
		rc = secret_file(path.p, 0, out, err);
	buf_free(&path);
	return rc;
}

static void
add_upper(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++)
		buf_addc(b, isalnum((unsigned char)*s) ? (char)toupper((unsigned char)*s) : '_');
}

/* SS_SECRET_KIND_NAME_KEY, wiped where it stands: the kernel shows that memory
 * as /proc/PID/environ. */
static int
secret_variable(const char *kind, const char *name, const char *key, struct buf *out,
    struct ss_err *err)
{
	struct buf var = { .max = 1024 };
	char *v;
	int rc = 0;

	buf_adds(&var, SECRET_ENV);
	add_upper(&var, kind);
	if (name != NULL) {
		buf_addc(&var, '_');
		add_upper(&var, name);
	}
	buf_addc(&var, '_');
	add_upper(&var, key);
	if (var.failed || buf_cstr(&var) == NULL) {
		rc = err_nomem(err);
	} else if ((v = getenv(var.p)) != NULL) {
		rc = buf_adds(out, v) == -1 ? err_nomem(err) : 1;
		explicit_bzero(v, strlen(v));
		(void)unsetenv(var.p);
	}
	buf_free(&var);
	return rc;
}

/* Drop the newline at the end; -1 with the reason if what is left is no secret. */
static int
trim_secret(struct buf *out, size_t start, const char **why)
{
	const char *p = out->p + start;

	if (out->len > start && out->p[out->len - 1] == '\n')
		out->len--;
	if (out->len > start && out->p[out->len - 1] == '\r')
		out->len--;
	*why = out->len == start ? "the secret is empty" :
	    memchr(p, '\0', out->len - start) != NULL ? "the secret holds a NUL byte" :
	    memchr(p, '\n', out->len - start) != NULL || memchr(p, '\r', out->len - start) != NULL ?
	    "the secret has more than one line: it is to stand alone there" : NULL;
	return *why == NULL ? 0 : -1;
}

int
conf_secret(const struct conf *c, const char *kind, const char *name, const char *key,
    struct buf *out, struct ss_err *err)
{
	char file_key[64];
	const char *file;
	const char *why;
	size_t start = out->len;
	int rc;

	/* room at once: growing would leave copies behind that nobody wipes */
	if (buf_room(out, SECRET_BYTES + 1) == -1)
		return err_nomem(err);
	(void)snprintf(file_key, sizeof(file_key), "%.50s-file", key);
	file = conf_get(c, kind, name, file_key);
	if (file != NULL)
		rc = secret_named(c, file, out, err);
	else if ((rc = secret_credential(kind, name, key, out, err)) == 0)
		rc = secret_variable(kind, name, key, out, err);
	if (rc == 1)
		rc = trim_secret(out, start, &why) == 0 ? 1 :
		    conf_err(c, kind, name, file != NULL ? file_key : key, err, "%s", why);
	if (rc == -1) {
		explicit_bzero(out->p + start, out->len - start);
		out->len = start;
	}
	return rc;
}

void
conf_drop_secrets(void)
{
	const size_t n = strlen(SECRET_ENV);
	char **e = environ, **keep = environ;

	if (e == NULL)
		return;
	/* unsetenv would need a copy of each name */
	for (; *e != NULL; e++) {
		if (strncmp(*e, SECRET_ENV, n) == 0)
			explicit_bzero(*e, strlen(*e));
		else
			*keep++ = *e;
	}
	*keep = NULL;
}
