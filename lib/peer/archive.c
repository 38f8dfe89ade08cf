#include "peer/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "peer/csvgz.h"
#include "peer/csvzip.h"

#define BLOCK ((size_t)128 << 10)
#define TAR_BLOCK 512

enum form { PLAIN, GZIP, BZIP2, XZ, ZSTD, LZMA, ZIP, TAR };

struct archive_in {
	int fd;
	const char *what;
	const struct archive_in_opts *opts;
	int regular;
	char head[TAR_BLOCK];	/* read to find out what it is, not yet handed on */
	size_t head_off, head_n;
	char gz_head[TAR_BLOCK];	/* the same of what gzip holds */
	size_t gz_off, gz_n;
	uint64_t consumed, produced, entries, refused;
	enum form form;
	int packed;		/* limits apply */
	int given;		/* the one stream there is was handed out */
	struct csvgz *gz;
	struct archive *lib;
	char *block;		/* for libarchive's read callback */
	unsigned char *met;
	int end_seen, end_zero;	/* of an uncompressed tar: input ended; on a block of zeros */
	char *name;
	locale_t utf8;
	const char *data;	/* libarchive's block of the entry, and what is left of it */
	size_t data_n;
	la_int64_t data_off;	/* where the next one must be */
	char first[TAR_BLOCK];	/* start of an entry, read to see that it is no archive */
	size_t first_off, first_n;
	struct ss_err cb;	/* what went wrong inside a callback */
};

/* Hand out what was read ahead; its length, 0 when nothing is left of it. */
static size_t
ahead(const char *from, size_t *off, size_t *left, char *p, size_t n)
{
	size_t k = *left < n ? *left : n;

	memcpy(p, from + *off, k);
	*off += k;
	*left -= k;
	return k;
}

static ssize_t
from_fd(void *ctx, char *p, size_t n, struct ss_err *err)
{
	struct archive_in *a = ctx;
	ssize_t k;

	if (!a->regular && a->opts->wait != NULL && a->opts->wait(a->opts->ctx, a->fd, err) == -1)
		return -1;
	k = io_read(a->fd, p, n, a->what, err);
	if (k > 0)
		a->consumed += (uint64_t)k;
	return k;
}

static ssize_t
read_fd(void *ctx, char *p, size_t n, struct ss_err *err)
{
	struct archive_in *a = ctx;

	if (a->head_n > 0)
		return (ssize_t)ahead(a->head, &a->head_off, &a->head_n, p, n);
	return from_fd(a, p, n, err);
}

/* Limits on what comes out of something packed. */
static int
count(struct archive_in *a, uint64_t produced, struct ss_err *err)
{
	uint64_t max = a->opts->max_bytes != 0 ? a->opts->max_bytes : ARCHIVE_IN_BYTES;

	a->produced = produced;
	if (!a->packed)
		return 0;
	if (produced > max)
		return err_set(err, SS_EXIT_AGAIN,
		    "%s: unpacks to more than %llu bytes (see --max-bytes)",
		    a->what, (unsigned long long)max);
	if (produced > ARCHIVE_IN_FREE && produced / ARCHIVE_IN_RATIO > a->consumed)
		return err_set(err, SS_EXIT_AGAIN, "%s: unpacks to more than %d times its size",
		    a->what, ARCHIVE_IN_RATIO);
	return 0;
}

static ssize_t
read_gz(void *ctx, char *p, size_t n, struct ss_err *err)
{
	struct archive_in *a = ctx;
	ssize_t k;

	if (a->gz_n > 0)
		return (ssize_t)ahead(a->gz_head, &a->gz_off, &a->gz_n, p, n);
	k = csvgz_read(a->gz, p, n, err);
	if (k == -1) {
		err_prefix(err, "%s", a->what);
		return -1;
	}
	return count(a, a->produced + (uint64_t)k, err) == -1 ? -1 : k;
}

/* --- what is it ------------------------------------------------------------- */

static int
is_tar(const unsigned char *p, size_t n)
{
	unsigned sum = 0, want = 0;
	size_t i;

	if (n < TAR_BLOCK || p[0] == 0)
		return 0;
	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	for (i = 148; i < 156 && p[i] == ' '; i++)
		;
	for (; i < 156 && p[i] >= '0' && p[i] <= '7'; i++)
		want = want * 8 + (unsigned)(p[i] - '0');
	return want == sum;
}

static enum form
form_of(const char *head, size_t n)
{
	static const struct {
		enum form form;
		size_t n, at;
		const char *magic;
	} magics[] = {
		{ GZIP, 3, 0, "\x1f\x8b\x08" },
		{ XZ, 6, 0, "\xfd" "7zXZ\0" },
		{ ZSTD, 4, 0, "\x28\xb5\x2f\xfd" },
		{ BZIP2, 6, 4, "1AY&SY" }, { BZIP2, 6, 4, "\x17" "rE8P\x90" },
		{ ZIP, 4, 0, "PK\3\4" }, { ZIP, 4, 0, "PK\5\6" }, { ZIP, 4, 0, "PK\7\10" },
		{ LZMA, 3, 0, "\x5d\0\0" }
	};
	size_t i;

	for (i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		if (n < magics[i].at + magics[i].n ||
		    memcmp(head + magics[i].at, magics[i].magic, magics[i].n) != 0)
			continue;
		if (magics[i].form == BZIP2 && memcmp(head, "BZh", 3) != 0)
			continue;
		return magics[i].form;
	}
	return is_tar((const unsigned char *)head, n) ? TAR : PLAIN;
}

/* Enough to tell: a tar header fills a block, and no text line comes before a
 * NUL in one.  A live pipe is not waited on beyond its first line. */
static int
peek(csv_read_fn *read, void *ctx, char *head, size_t *n, struct ss_err *err)
{
	while (*n < TAR_BLOCK && memchr(head, '\n', *n) == NULL) {
		ssize_t k = read(ctx, head + *n, TAR_BLOCK - *n, err);

		if (k == -1)
			return -1;
		if (k == 0)
			break;
		*n += (size_t)k;
	}
	return 0;
}

/* --- libarchive ------------------------------------------------------------- */

static ssize_t
on_read(struct archive *lib, void *ctx, const void **p)
{
	struct archive_in *a = ctx;
	ssize_t n = a->gz != NULL ? read_gz(a, a->block, BLOCK, &a->cb) :
	    read_fd(a, a->block, BLOCK, &a->cb);
	ssize_t i;

	*p = a->block;
	if (n == -1) {
		archive_set_error(lib, EIO, "%s", a->cb.text);
		return ARCHIVE_FATAL;
	}
	if (n == 0) {
		a->end_seen = 1;
		return 0;
	}
	/* does the input end in zeros, as a whole tar does? */
	for (i = n; i > 0 && n - i < TAR_BLOCK && a->block[i - 1] == 0; i--)
		;
	a->end_zero = n - i == TAR_BLOCK || (i == 0 && a->end_zero);
	return n;
}

static la_int64_t
on_skip(struct archive *lib, void *ctx, la_int64_t n)
{
	struct archive_in *a = ctx;
	struct stat st;
	off_t at;

	(void)lib;
	/* past the end lseek would go without a word: leave that to reading */
	if (!a->regular || a->gz != NULL || a->head_n > 0 ||
	    (at = lseek(a->fd, 0, SEEK_CUR)) == -1 || fstat(a->fd, &st) == -1 ||
	    n > st.st_size - at)
		return 0;
	if (lseek(a->fd, (off_t)n, SEEK_CUR) == -1)
		return 0;
	a->consumed += (uint64_t)n;
	return n;
}

static la_int64_t
on_seek(struct archive *lib, void *ctx, la_int64_t off, int whence)
{
	struct archive_in *a = ctx;
	off_t at;

	(void)lib;
	a->head_n = 0;	/* a zip on a seekable descriptor begins at offset 0 again */
	at = lseek(a->fd, (off_t)off, whence);
	return at == -1 ? ARCHIVE_FATAL : at;
}

static int
lib_error(struct archive_in *a, struct ss_err *err)
{
	const char *text = archive_error_string(a->lib);

	if (a->cb.text[0] != '\0') {
		*err = a->cb;
		return -1;
	}
	return err_set(err, SS_EXIT_AGAIN, "%s: cut short or damaged: %s", a->what,
	    text != NULL ? text : "unknown");
}

static int
lib_open(struct archive_in *a, enum form form, struct ss_err *err)
{
	static int (*const filter[])(struct archive *) = { NULL, NULL,
	    archive_read_support_filter_bzip2,
		archive_read_support_filter_xz, archive_read_support_filter_zstd,
		archive_read_support_filter_lzma, NULL, NULL };

	a->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	a->lib = archive_read_new();
	if (a->lib == NULL || (a->block = malloc(BLOCK)) == NULL)
		return err_nomem(err);
	/* only what was seen: a list of files (mtree) or a disk image is none of ours */
	if (form == ZIP) {
		(void)archive_read_support_format_zip(a->lib);
	} else {
		(void)archive_read_support_format_tar(a->lib);
		(void)archive_read_support_format_empty(a->lib);
		if (form != TAR)
			(void)archive_read_support_format_raw(a->lib);
	}
	if (filter[form] != NULL && filter[form](a->lib) != ARCHIVE_OK)
		return err_set(err, SS_EXIT_USAGE, "%s: this compression is not supported here",
		    a->what);
	(void)archive_read_set_read_callback(a->lib, on_read);
	(void)archive_read_set_skip_callback(a->lib, on_skip);
	if (form == ZIP && a->regular)
		(void)archive_read_set_seek_callback(a->lib, on_seek);
	(void)archive_read_set_callback_data(a->lib, a);
	return archive_read_open1(a->lib) == ARCHIVE_OK ? 0 : lib_error(a, err);
}

static int
nested(const struct archive_in *a, struct ss_err *err)
{
	return err_set(err, SS_EXIT_USAGE, "%s: an archive inside a compressed file is not opened",
	    a->what);
}

static int
open_form(struct archive_in *a, struct ss_err *err)
{
	enum form form;

	if (peek(from_fd, a, a->head, &a->head_n, err) == -1)
		return -1;
	form = form_of(a->head, a->head_n);
	a->form = form;
	if (form == PLAIN)
		return 0;
	a->packed = form != TAR;
	if (form == GZIP) {
		size_t n = 0;

		a->gz = csvgz_open(read_fd, a, err);
		if (a->gz == NULL || peek(read_gz, a, a->gz_head, &n, err) == -1)
			return -1;
		a->gz_n = n;
		form = form_of(a->gz_head, n);
		if (form == PLAIN)
			return 0;
		if (form != TAR)
			return nested(a, err);
	}
	if (form == ZIP && a->regular && csvzip_names(a->fd, a->what, err) == -1)
		return -1;
	return lib_open(a, form, err);
}

struct archive_in *
archive_in_open(int fd, const char *what, const struct archive_in_opts *opts, struct ss_err *err)
{
	struct archive_in *a = calloc(1, sizeof(*a));
	struct stat st;

	if (a == NULL || (a->met = calloc(opts->n + 1, 1)) == NULL) {
		free(a);
		err_nomem(err);
		return NULL;
	}
	a->fd = fd;
	a->what = what;
	a->opts = opts;
	a->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
	if (open_form(a, err) == -1) {
		archive_in_close(a);
		return NULL;
	}
	return a;
}

void
archive_in_close(struct archive_in *a)
{
	if (a == NULL)
		return;
	if (a->lib != NULL)
		(void)archive_read_free(a->lib);
	if (a->utf8 != (locale_t)0)
		freelocale(a->utf8);
	csvgz_close(a->gz);
	free(a->block);
	free(a->met);
	free(a->name);
	free(a);
}

/* --- entries ---------------------------------------------------------------- */

/* How much came out so far; gzip's part counts for itself. */
static int
account(struct archive_in *a, size_t more, struct ss_err *err)
{
	if (a->gz != NULL)
		return 0;
	return count(a, a->form == ZIP ? a->produced + more :
	    (uint64_t)archive_filter_bytes(a->lib, 0), err);
}

/* By blocks: archive_read_data would keep back what came before an error. */
static ssize_t
read_data(void *ctx, char *p, size_t n, struct ss_err *err)
{
	struct archive_in *a = ctx;
	const void *block;
	la_int64_t off;
	size_t k;
	int rc;

	while (a->data_n == 0) {
		rc = archive_read_data_block(a->lib, &block, &a->data_n, &off);
		if (rc == ARCHIVE_EOF) {
			a->data_n = 0;
			return 0;
		}
		if (rc != ARCHIVE_OK) {
			a->data_n = 0;
			return lib_error(a, err);
		}
		if (off != a->data_off)
			return err_set(err, SS_EXIT_AGAIN, "%s: damaged: an entry has holes",
			    a->what);
		if (account(a, a->data_n, err) == -1)
			return -1;
		a->data = block;
		a->data_off += (la_int64_t)a->data_n;
	}
	k = a->data_n < n ? a->data_n : n;
	memcpy(p, a->data, k);
	a->data += k;
	a->data_n -= k;
	return (ssize_t)k;
}

int
archive_in_pass(struct archive_in *a, struct ss_err *err)
{
	const void *p;
	size_t n;
	la_int64_t off;
	int rc;

	if (!a->packed || (a->form == ZIP && a->regular))
		return 0;
	while ((rc = archive_read_data_block(a->lib, &p, &n, &off)) >= ARCHIVE_WARN &&
	    rc != ARCHIVE_EOF)
		if (account(a, n, err) == -1)
			return -1;
	return rc == ARCHIVE_EOF ? 0 : lib_error(a, err);
}

static int
has_suffix(const char *name)
{
	static const char *const suffix[] = { ".csv", ".tsv", ".txt" };
	size_t n = strlen(name), i;

	for (i = 0; i < 3; i++)
		if (n > 4 && strcasecmp(name + n - 4, suffix[i]) == 0)
			return 1;
	return 0;
}

static int
is_wanted(struct archive_in *a, const char *name)
{
	const char *base = strrchr(name, '/');
	int found = 0;
	size_t i;

	for (i = 0; i < a->opts->n; i++)
		if (strcmp(a->opts->entry[i], name) == 0)
			a->met[i] = 1, found = 1;
	if (a->opts->n > 0)
		return found;
	/* what macOS puts beside each file has its name, but is none of the user's */
	base = base != NULL ? base + 1 : name;
	return has_suffix(name) && strncmp(base, "._", 2) != 0;
}

/* "..", as a part of the name by either separator, or an absolute name. */
static int
leads_out(const char *s)
{
	if (*s == '/' || *s == '\\' || (((*s | 32) >= 'a' && (*s | 32) <= 'z') && s[1] == ':'))
		return 1;
	for (;;) {
		size_t n = strcspn(s, "/\\");

		if (n == 2 && s[0] == '.' && s[1] == '.')
			return 1;
		if (s[n] == '\0')
			return 0;
		s += n + 1;
	}
}

/* Why an entry must not be read, or NULL. */
static const char *
objection(struct archive_entry *e, const char *name)
{
	if (archive_entry_hardlink(e) != NULL || archive_entry_filetype(e) == AE_IFLNK)
		return "is a link";
	if (archive_entry_filetype(e) != AE_IFREG)
		return "is no regular file";
	if (leads_out(name))
		return "has a name that leads out of the archive";
	if (archive_entry_is_data_encrypted(e))
		return "is encrypted";
	if (archive_entry_sparse_count(e) > 0)
		return "has holes";
	return NULL;
}

static void
refuse(struct archive_in *a, const char *name, const char *why)
{
	char t[512];

	a->refused++;
	if (a->opts->note == NULL)
		return;
	(void)snprintf(t, sizeof(t), "%s: entry '%.300s' %s: not read", a->what, name, why);
	a->opts->note(a->opts->ctx, t);
}

/* Decide about one entry.  1 to be read, 0 passed over, -1. */
static int
take(struct archive_in *a, struct archive_entry *e, struct ss_err *err)
{
	const char *name = a->name, *why;

	if (!is_wanted(a, name) || archive_entry_filetype(e) == AE_IFDIR)
		return archive_in_pass(a, err);
	why = objection(e, name);
	if (why == NULL) {
		a->first_off = a->first_n = 0;
		if (peek(read_data, a, a->first, &a->first_n, err) == -1)
			return -1;
		if (form_of(a->first, a->first_n) != PLAIN)
			why = "is an archive itself";
	}
	if (why != NULL) {
		refuse(a, name, why);
		return archive_in_pass(a, err);
	}
	return 1;
}

/* The stream in a .bz2 and its like: no entry, so no name. */
static int
take_stream(struct archive_in *a, const char **entry, struct ss_err *err)
{
	a->given = 1;
	*entry = NULL;
	if (a->lib == NULL)
		return 1;
	if (peek(read_data, a, a->first, &a->first_n, err) == -1)
		return -1;
	return form_of(a->first, a->first_n) == PLAIN ? 1 : nested(a, err);
}

/* libarchive turns names into the locale's encoding, and back: for that time,
 * and this thread, let it be UTF-8. */
static int
next_header(struct archive_in *a, struct archive_entry **e)
{
	locale_t was = a->utf8 != (locale_t)0 ? uselocale(a->utf8) : (locale_t)0;
	int rc = archive_read_next_header(a->lib, e);

	a->data_n = 0;
	a->data_off = 0;
	if (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		const char *path = archive_entry_pathname_utf8(*e);

		if (path == NULL)
			path = archive_entry_pathname(*e);
		free(a->name);
		a->name = strdup(path != NULL ? path : "");
		if (a->name == NULL)
			rc = err_nomem(&a->cb) < 0 ? ARCHIVE_FATAL : rc;
	}
	if (was != (locale_t)0)
		(void)uselocale(was);
	return rc;
}

int
archive_in_next(struct archive_in *a, const char **entry, struct ss_err *err)
{
	struct archive_entry *e;
	int rc;

	if (a->given)
		return 0;
	if (a->lib == NULL)
		return take_stream(a, entry, err);
	for (;;) {
		rc = next_header(a, &e);
		if (rc == ARCHIVE_EOF)
			break;
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return lib_error(a, err);
		if (archive_format(a->lib) == ARCHIVE_FORMAT_RAW)
			return take_stream(a, entry, err);
		if (++a->entries > ARCHIVE_IN_ENTRIES)
			return err_set(err, SS_EXIT_AGAIN, "%s: more than %d entries", a->what,
			    ARCHIVE_IN_ENTRIES);
		if ((rc = take(a, e, err)) != 0) {
			*entry = a->name;
			return rc;
		}
	}
	if (archive_format(a->lib) == ARCHIVE_FORMAT_EMPTY) {
		a->given = 1;
		*entry = NULL;
		return 1;
	}
	/* a tar cut between two entries looks like a shorter one, but for its end mark */
	if ((a->form == TAR || a->gz != NULL) && a->end_seen && !a->end_zero)
		return err_set(err, SS_EXIT_AGAIN, "%s: cut short: the tar has no end mark",
		    a->what);
	return 0;
}

ssize_t
archive_in_read(void *archive_in, char *p, size_t n, struct ss_err *err)
{
	struct archive_in *a = archive_in;

	if (a->first_n > 0)
		return (ssize_t)ahead(a->first, &a->first_off, &a->first_n, p, n);
	if (a->gz != NULL && a->lib == NULL)
		return read_gz(a, p, n, err);
	if (a->lib == NULL)
		return read_fd(a, p, n, err);
	if (archive_format(a->lib) == ARCHIVE_FORMAT_EMPTY)
		return 0;
	return read_data(a, p, n, err);
}

int
archive_in_entries(const struct archive_in *a)
{
	return a->lib != NULL && !a->given;
}

uint64_t
archive_in_bytes(const struct archive_in *a)
{
	return a->consumed;
}

uint64_t
archive_in_refused(const struct archive_in *a)
{
	return a->refused;
}

int
archive_in_met(const struct archive_in *a, size_t i)
{
	return a->met[i];
}
