#ifndef SS_PEER_ARCHIVE_H
#define SS_PEER_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ss_err;

/*
 * What an import file is made of: the file itself, the one stream in a .gz
 * .bz2 .xz .zst .lzma, or entries of a .zip or (compressed) .tar, read as
 * streams and never written to disk.  Found by content, not by name.  No
 * archive in an archive is opened.
 *
 * An entry that would be read but must not be (a link, a device, an absolute
 * name, one with "..", an encrypted or sparse one, an archive) is passed over
 * and told of by note().  A limit passed, a stream cut short and damage end
 * the reading: -1, SS_EXIT_AGAIN.
 */
#define ARCHIVE_IN_BYTES ((uint64_t)2 << 30)	/* produced, by default */
#define ARCHIVE_IN_ENTRIES 100000
#define ARCHIVE_IN_RATIO 100		/* produced to read ... */
#define ARCHIVE_IN_FREE ((uint64_t)1 << 20)	/* ... once more than this was produced */

struct archive_in_opts {
	uint64_t max_bytes;		/* 0: ARCHIVE_IN_BYTES; files as they are have no limit */
	const char *const *entry;	/* read these only, by full name; n 0: *.csv *.tsv *.txt */
	size_t n;
	/* called before a read(2) of what is no regular file; may flush */
	int (*wait)(void *ctx, int fd, struct ss_err *err);
	void (*note)(void *ctx, const char *text);	/* one line about a refused entry */
	void *ctx;
};

struct archive_in;

/* fd and opts are borrowed and outlive the object; what names the file in
 * messages.  NULL with *err.  Free with archive_in_close (NULL allowed). */
struct archive_in *archive_in_open(int fd, const char *what, const struct archive_in_opts *opts,
    struct ss_err *err);
void archive_in_close(struct archive_in *a);

/* 1 and the next thing to read; *entry is its name, NULL for a file or stream
 * that is no archive.  Valid until the next call.  0 at the end, -1. */
int archive_in_next(struct archive_in *a, const char **entry, struct ss_err *err);

/* A csv_read_fn for what archive_in_next found. */
ssize_t archive_in_read(void *archive_in, char *p, size_t n, struct ss_err *err);

/* Leave what is unread of the entry at hand; by reading where it is packed, so that
 * the limits hold for it too. */
int archive_in_pass(struct archive_in *a, struct ss_err *err);

/* 1 for zip and tar. */
int archive_in_entries(const struct archive_in *a);
/* Bytes of the file read so far. */
uint64_t archive_in_bytes(const struct archive_in *a);
/* Entries passed over with a note. */
uint64_t archive_in_refused(const struct archive_in *a);
/* 1 if the i-th of opts->entry was met. */
int archive_in_met(const struct archive_in *a, size_t i);

#endif /* !SS_PEER_ARCHIVE_H */
