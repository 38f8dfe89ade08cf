#ifndef SS_FLOW_REPLAY_ROW_H
#define SS_FLOW_REPLAY_ROW_H

#include "base/buf.h"
#include "event/event.h"
#include "event/outcome.h"

struct cli;
struct ss_err;

/* Why a line.rejected stays one. */
struct replay_row_cause {
	enum outcome_class class;
	char code[64], message[600];
};

/*
 * Put a line.rejected through its reader again: a CSV row with its header, or a
 * line that was to be an event.  1: *out gets what it says now, event lines
 * whose causationid is the line's id; 0: it stays rejected, see *cause; -1 it
 * cannot be read here.
 */
int replay_row_again(struct cli *c, const struct event *ev, struct buf *out, struct replay_row_cause *cause,
    struct ss_err *err);

#endif /* !SS_FLOW_REPLAY_ROW_H */
