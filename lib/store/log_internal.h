#ifndef SS_STORE_LOG_INTERNAL_H
#define SS_STORE_LOG_INTERNAL_H

/* Shared by log*.c only. */

#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "store/log.h"

#define LOG_FORMAT 1
#define LOG_BLOCK ((size_t)1 << 20)
/* ,"sscrc":"xxxxxxxx"} */
#define LOG_CRC_TAIL 20
/* A stored line: 16 MiB is the largest max-line, plus what the log adds. */
#define LOG_LINE_MAX ((size_t)17 << 20)

struct log_seg {
	uint64_t first;		/* place of its header line */
	int date;		/* yyyymmdd of its directory */
};

/*
 * What HOME/log/LOCK holds: a hint, checked by its CRC.  size and last are set
 * under the append lock after each write; synced only after an fdatasync
 * returned, so whichever version survives a power cut tells the truth about
 * synced.  Losing the file costs one scan of the active segment.
 */
struct log_hint {
	uint64_t active;	/* first of the segment it speaks of */
	uint64_t size;		/* its length in bytes */
	uint64_t last;		/* place of its last line */
	uint64_t synced;	/* bytes known durable */
	uint32_t crc;		/* CRC-32C of the above */
	uint32_t pad;
};

struct log {
	char *home, *dir;	/* HOME, HOME/log */
	const struct clock *clock;
	struct rng *rng;
	int write;
	int lock;		/* LOCK, -1 when there is no log yet */
	int open_lock;		/* OPEN: shared by all that append */
	pthread_mutex_t mu;	/* fd, active, written, synced*, failed: one thread may append and one sync */
	struct log_seg *segs;	/* sorted by first */
	size_t nsegs;
	int fd;			/* active segment, -1 */
	struct log_seg active;
	ino_t ino;
	uint32_t seed;		/* of the active segment */
	uint64_t size, last;	/* of the active segment as this handle knows it */
	uint64_t segment_max;
	int bulk;
	uint64_t written;	/* end of what the next sync makes durable */
	uint64_t synced_active, synced;	/* what the last sync made durable */
	int failed;		/* an fsync failed: nothing more is done */
	uint64_t repaired;
	char *repaired_path;
	struct buf asm_buf;	/* lines being assembled */
};

/* log_seg.c */
int log_seg_list(struct log *l, struct ss_err *err);
int log_seg_path(const struct log *l, const struct log_seg *s, char *out, size_t n, struct ss_err *err);
/* Index of the segment that holds place seq (the last with first <= seq), or -1. */
ssize_t log_seg_find(const struct log *l, uint64_t seq);
/* Open a segment for reading and take its seed from the header line; *start is
 * the offset behind the header.  1 ok, 2 the header is damaged but the lines gave
 * the seed back, 0 no seed: no line of it can be read. */
int log_seg_open(const struct log *l, const struct log_seg *s, int flags, int *fd, uint32_t *seed,
    uint64_t *start, struct ss_err *err);
/* Create the next segment (header line written and synced, name synced). */
int log_seg_create(struct log *l, uint64_t first, struct ss_err *err);
/* fsync of every directory from the segment's up to the one that holds HOME: a
 * process that was killed may have made names and not synced them. */
int log_seg_sync_names(const struct log *l, const struct log_seg *s, struct ss_err *err);
/* Does this good line tell that the places from next on, up to its own, are lost? */
int log_seg_explains(const char *p, size_t body, uint64_t next);
/* Is p[0..n) a good line: its place, the length of its body; 0 if not. */
int log_seg_check(const char *p, size_t n, uint32_t seed, uint64_t *seq, size_t *body);
/* A line that is no good may be two, whose newline was damaged: the length of
 * the good line that it begins with, 0 none.  The rest follows a byte behind. */
size_t log_seg_prefix(const char *p, size_t n, uint32_t seed, uint64_t *seq, size_t *body);

/* log.c: how many bytes of that segment are known to be durable, 0 unknown. */
uint64_t log_synced(struct log *l, uint64_t first);

/* log_repair.c: bring the active segment in order, under the append lock.
 * from: offset up to which it was synced (a line boundary), not before start,
 * which is the offset behind the header line. */
int log_repair_tail(struct log *l, uint64_t start, uint64_t from, struct ss_err *err);
int log_repair_suspect(struct log *l, struct ss_err *err);
/* 1 if the mark of a failed fsync stands, 0, -1. */
int log_repair_marked(const struct log *l, struct ss_err *err);
/* Set it. */
void log_repair_mark(struct log *l);

#endif /* !SS_STORE_LOG_INTERNAL_H */
