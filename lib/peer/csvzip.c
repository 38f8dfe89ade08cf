#include "peer/csvzip.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"

#define END_SIZE 22		/* of the record that ends the directory */
#define COMMENT_MAX 65535
#define ENTRY_SIZE 46
#define DIRECTORY_MAX ((size_t)64 << 20)

static uint32_t
le(const char *p, int n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | (unsigned char)p[n];
	return v;
}

/* Read [off, off + n) to the end of b. */
static int
piece(struct buf *b, int fd, uint64_t off, size_t n, const char *what, struct ss_err *err)
{
	ssize_t k;

	buf_clear(b);
	if (buf_room(b, n) == -1)
		return err_nomem(err);
	k = io_pread(fd, b->p, n, (off_t)off, what, err);
	if (k == -1)
		return -1;
	b->len = (size_t)k;
	return 0;
}

/* Where the directory is: 1 found, 0 not (a zip64 with large offsets too). */
static int
find_directory(const struct buf *tail, uint64_t size, uint64_t *off, size_t *n)
{
	size_t i;

	for (i = tail->len < END_SIZE ? 0 : tail->len - END_SIZE + 1; i-- > 0;) {
		const char *p = tail->p + i;

		if (memcmp(p, "PK\5\6", 4) != 0)
			continue;
		*n = le(p + 12, 4);
		*off = le(p + 16, 4);
		return *n <= DIRECTORY_MAX && *off + *n <= size;
	}
	return 0;
}

static int
has_nul(const struct buf *dir)
{
	const char *p = dir->p, *end = p + dir->len;

	while ((size_t)(end - p) >= ENTRY_SIZE && memcmp(p, "PK\1\2", 4) == 0) {
		size_t name = le(p + 28, 2), rest = le(p + 30, 2) + le(p + 32, 2);

		p += ENTRY_SIZE;
		if ((size_t)(end - p) < name + rest)
			return 0;
		if (memchr(p, '\0', name) != NULL)
			return 1;
		p += name + rest;
	}
	return 0;
}

int
csvzip_names(int fd, const char *what, struct ss_err *err)
{
	struct buf b = { 0 };
	struct stat st;
	uint64_t size, off;
	size_t n;
	int rc = 0;

	if (fstat(fd, &st) == -1)
		return 0;
	size = (uint64_t)st.st_size;
	n = size < END_SIZE + COMMENT_MAX ? (size_t)size : END_SIZE + COMMENT_MAX;
	rc = piece(&b, fd, size - n, n, what, err);
	if (rc == 0 && find_directory(&b, size, &off, &n)) {
		rc = piece(&b, fd, off, n, what, err);
		if (rc == 0 && has_nul(&b))
			rc = err_set(err, SS_EXIT_AGAIN,
			    "%s: damaged: the name of an entry holds a NUL byte", what);
	}
	buf_free(&b);
	return rc;
}
