#ifndef SS_FLOW_QUERY_INTERNAL_H
#define SS_FLOW_QUERY_INTERNAL_H

/* Shared by query_show.c, which finds an event's lines, and query_story.c,
 * which prints them. */

#include "flow/query.h"

/* A line of the log, kept. */
struct held {
	char *p;
	size_t n;
	uint64_t seq;
	int related;		/* 1: an ss. line about the event, not the event; 2: a range */
};

/* A delivery; its lines are indexes into show.v. */
struct delivery {
	char *pipeline;
	uint64_t place;
	size_t *lines, nlines;
	enum event_type state;	/* EVENT_OTHER: open */
	uint64_t replaced;	/* by the delivery at this place */
};

struct show {
	struct query *q;
	struct json_span id;
	struct held *v;
	size_t n, cap;
	struct delivery *d;
	size_t nd;
	struct json_mem mem;
	struct buf line, text;
	struct ss_err *err;
};

/* The event in a kept line. */
int query_held(struct show *s, const struct held *h, struct event *ev);
/* The event in s->v[at], and one of its deliveries. */
int query_story_event(struct show *s, size_t at);
int query_story_delivery(struct show *s, const struct delivery *d, size_t at);

#endif /* !SS_FLOW_QUERY_INTERNAL_H */
