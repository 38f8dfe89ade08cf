#ifndef SS_PEER_SINK_H
#define SS_PEER_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "event/json.h"
#include "event/outcome.h"

struct cli;
struct conf;
struct ss_err;

/*
 * A target that ss-push delivers to, behind one interface.  The caller (flow/
 * push) makes batches, keeps order, writes intents and outcomes; a sink turns a
 * batch into the bytes of a call, makes calls, and says what became of them.
 */

/* What became of a call as a whole. */
enum sink_end {
	SINK_APPLIED,		/* each item's result stands in res */
	SINK_REFUSED,		/* nothing was applied; res says why, item by item where the peer named them */
	SINK_NOT_EXECUTED,	/* it surely did not reach the peer: try again */
	SINK_THROTTLED,		/* refused for its pace: try again after retry_after */
	SINK_UNKNOWN,		/* it may or may not have been applied */
	SINK_AUTH,		/* the peer does not let us in: nobody's item is at fault */
	SINK_PEER		/* the peer is ill (5xx) and says that nothing was done */
};

/* What became of one item of an applied or refused call. */
struct sink_result {
	int ok;
	int named;		/* the reply spoke of this very item */
	enum outcome_class class;
	int retry;
	char code[64];
	char message[400];
};

struct sink_call {
	char id[UUID_TEXT];	/* the intent's: the idempotency key */
	struct buf body;
	uint64_t offset;	/* file: where it is appended */
	size_t n;		/* items */
	struct sink_result *res;	/* n of them */
	const struct json_span *subjects;	/* n of them, for matching a reply's keys */
	/* filled by send */
	enum sink_end end;
	int status;
	int64_t retry_after;	/* ms, -1 none */
	int64_t at;		/* the peer's clock, 0 unknown */
	int64_t ms;
	char why[400];
};

struct sink {
	const struct sink_ops *ops;
	char *name;		/* "http:shop", "file:/tmp/out": the target in every line */
	size_t batch;		/* items a call at most */
	size_t parallel;	/* calls at once */
	int repeatable;		/* the same bytes with the same key may be sent again */
	int can_check;		/* recover() can find out what became of a call */
	int live;		/* peers: live = yes */
};

struct sink_ops {
	/* The bytes of a call that delivers these events (JSON texts).  -1: the
	 * events cannot be expressed (SS_EXIT_USAGE, the user's template is at
	 * fault for them). */
	int (*render)(struct sink *s, const struct json_span *events, size_t n, struct buf *body, struct ss_err *err);
	/* Before the intents are written: fill what they must name (offset). */
	int (*prepare)(struct sink *s, struct sink_call **calls, size_t n, struct ss_err *err);
	/* Make the calls, all at once, and wait for every end. */
	int (*send)(struct sink *s, struct sink_call **calls, size_t n, struct ss_err *err);
	/* A call whose end is not known after a crash: set call->end from a look at
	 * the peer.  NULL: cannot. */
	int (*recover)(struct sink *s, struct sink_call *call, struct ss_err *err);
	/* --dry-run: what would be sent, as one JSON line appended to out. */
	int (*describe)(struct sink *s, const struct sink_call *call, struct buf *out, struct ss_err *err);
	void (*close)(struct sink *s);
};

/* The name of a target as it stands in every line: spec itself, but a file:PATH
 * without a section becomes absolute, since what is known of it must not depend
 * on where it is used from.  A kind that is not known: SS_EXIT_USAGE.  Appended
 * to out, with a NUL behind its length. */
int sink_name(const char *spec, const struct conf *conf, struct buf *out, struct ss_err *err);

/* Open the target named by spec ("http:NAME", "file:PATH", "file:NAME").  A bad
 * configuration: SS_EXIT_USAGE with file and line.  Free with sink_close. */
int sink_open(struct sink **out, const char *spec, struct cli *c, struct conf *conf, struct ss_err *err);
void sink_close(struct sink *s);	/* NULL allowed */

/* The kinds; called by sink_open. */
int sink_file_open(struct sink **out, const char *name, struct cli *c, struct conf *conf, struct ss_err *err);
int sink_http_open(struct sink **out, const char *name, struct cli *c, struct conf *conf, struct ss_err *err);

/* For the kinds: a path of the configuration, which starts from the directory
 * of the file (malloc'd; NULL without memory). */
char *sink_path(const struct cli *c, const char *path);
/* A jq program from KEY, or from the file that KEY-file names; *out stays NULL
 * when neither is there. */
struct jqx;
int sink_program(struct jqx **out, const struct cli *c, const struct conf *conf, const char *kind, const char *name,
    const char *key, struct ss_err *err);

#endif /* !SS_PEER_SINK_H */
