#ifndef SS_PEER_CSVEVENT_H
#define SS_PEER_CSVEVENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/json.h"

struct clock;
struct csv_row;
struct out;
struct ss_err;
struct uuid_gen;

/*
 * Events about a file's rows, written member by member straight into the
 * output's buffer: specversion, id, source, type, subject, time, data.
 */
#define CSVEVENT_MAX ((size_t)1 << 20)	/* a line, with its newline */
#define CSVEVENT_FRAME 4096		/* kept free in it for what is not data */

struct csvevent {
	struct out *out;
	struct uuid_gen *uuid;
	const struct clock *clock;
	const char *source;	/* "csv:stock" */
	const char *file;	/* base name */
	const char *entry;	/* in an archive, else NULL */
	const char *time;	/* RFC 3339 */
	int64_t now;		/* for ids; read again now and then */
	uint64_t ids;
	uint64_t lines;		/* written since the begin cursor */
	struct buf before;	/* from behind the id to behind the source */
	struct buf middle;	/* time, up to data's value */
	struct buf at;		/* "at":{…,"row": */
	struct buf header;	/* JSON array of this file's or entry's header; may be empty */
};

/* What is wrong with a row. */
struct csvevent_bad {
	const char *cls;	/* "parse", "value" */
	const char *code;	/* "ragged-row" */
	char message[400];
};

/* Fill in the texts made once; out, uuid, clock, source, file and time are set
 * by the caller and outlive it.  -1 without memory. */
int csvevent_init(struct csvevent *e, struct ss_err *err);
void csvevent_free(struct csvevent *e);

/* From now on rows are those of this entry (NULL: the file itself). */
int csvevent_entry(struct csvevent *e, const char *entry, struct ss_err *err);

/* Begin an event in *b: up to and with the opening quote of the id, the id, the
 * source and "type":"TYPE".  Then csvevent_data puts ,"time":"…","data": .
 * Between the two the caller may put ,"subject":"…" . */
void csvevent_begin(struct csvevent *e, struct buf *b, const char *type, size_t n);
/* The same with an id of the row's own (JSON text), and no type between its quotes. */
void csvevent_begin_id(const struct csvevent *e, struct buf *b, struct json_span id);
void csvevent_data(struct csvevent *e, struct buf *b);
/* Append "at":{"file":…,"entry":…,"row":N} . */
void csvevent_at(const struct csvevent *e, struct buf *b, uint64_t row);
/* The line in the output's buffer is complete but for its newline. */
int csvevent_done(struct csvevent *e, struct ss_err *err);

/* line.rejected for a row; header goes along when it is not long. */
int csvevent_reject(struct csvevent *e, const struct csv_row *row, const struct csvevent_bad *bad,
    struct ss_err *err);

/* ss.cursor.  phase "begin" or "end"; the latter carries the number of lines
 * in between, and complete. */
struct csvevent_cursor {
	const char *phase, *name, *path;
	uint64_t bytes, rows;
	int complete;
};
int csvevent_cursor(struct csvevent *e, const struct csvevent_cursor *c, struct ss_err *err);

#endif /* !SS_PEER_CSVEVENT_H */
