#ifndef SS_FLOW_REPLAY_FIND_H
#define SS_FLOW_REPLAY_FIND_H

/* Shared by replay*.c only: which event an id means, and which pipeline. */

#include "event/json.h"
#include "flow/replay.h"

struct log;

#define REPLAY_CHOICES 32

/* What the log says about an id. */
struct replay_found {
	const struct replay_opts *o;
	struct json_mem mem;
	/* events with this id; more than one when sources share it */
	struct { char *source; char *line; size_t n; uint64_t seq; char *label; } ev[REPLAY_CHOICES];
	size_t nev;
	/* pipelines it was ever in, with the place of its newest delivery there */
	struct { char *name, *source; uint64_t place, replays; } pipe[REPLAY_CHOICES];
	size_t npipe;
	int failed;
};

/* Fill f, all zeros but for o, from the log: what has o->id, and where it was. */
int replay_find(struct replay_found *f, struct log *log, struct ss_err *err);
void replay_found_free(struct replay_found *f);
/* The event that is meant, as its place in f->ev; not SS_EXIT_OK with the choices
 * named where there is none or more than one. */
enum ss_exit replay_choose_event(const struct replay_found *f, size_t *at, struct ss_err *err);
/* The pipeline that is meant, with its delivery's place and how often it was replayed;
 * *name points into f or o.  Else as above. */
enum ss_exit replay_choose_pipe(const struct replay_found *f, const char *source, const char **name, uint64_t *place,
    uint64_t *replays, struct ss_err *err);

#endif /* !SS_FLOW_REPLAY_FIND_H */
