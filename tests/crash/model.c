/*
 * crash-model - every interleaving of the delivery protocol, tried
 *
 * An explicit-state model checker: breadth first, so that a trace is a shortest
 * one.  The model is of design 3 and 6 as lib/flow and lib/store carry them out:
 *
 *   log      what is durable is held as what the ledger makes of it (fold());
 *            behind it a tail that is written but not synced.  A catch-up syncs
 *            first, so the ledger never knows more than the disk holds.
 *   ss-run   stores its input and acknowledges it; takes the pipeline's lock;
 *            plans (due rows, then open places in order), feeds, stores what
 *            comes back; when nothing is left lets go and looks once more.  Two
 *            for pipeline A (one brings event 0, the other 1 and 2; either may
 *            find the lock taken and leave), one for B, and ss-replay.
 *   script   A: a filter that routes and compares like ss-diff, then ss-push;
 *            B: one that parks like ss-lookup, then ss-push.  Pipes between.
 *   ss-push  per round: the target's lock, catch-up, settle open intents, choose
 *            and compare, intent, call, outcomes and settled in one write.
 *   peer     applies a key once; may refuse one item, be ill, or lose its reply.
 *   crash    any process killed at any step, or a power cut that takes all of
 *            them and any part of the tail.  A write of several lines may be cut
 *            within, but for the one that settles a call: that is whole.
 *
 * Three events: 0 and 1 of key x (1 is newer by its time), 2 of key y.
 *
 * What is taken together or put in order, and why nothing is lost by it:
 * (a) An append and the sync behind it are one step with these ends: done; the
 *     writer killed with any part of its lines in the tail; the power cut with
 *     any part of the tail on disk.  What others do between the two could as
 *     well be done before or after: they see the lines only by syncing them.
 * (b) Reading a pipe is no step: who waits gets what comes; a kill may take any
 *     part of what the killed one wrote from the pipe behind it, as if it had
 *     not been flushed.  ss-run feeds a turn at once; a kill takes any part that
 *     was not read.
 * (c) A call and its reply are one step: nobody else can see the peer.  The
 *     caller may be killed in it; then the call comes late or never.
 * (d) Unless they share a target, pipelines A and B take notice of each other
 *     only by routing, by accepting and by power cuts.  So B begins when A is at
 *     rest, and a replay that only A notices comes before B begins: every step
 *     of B commutes with what of A would stand behind it.
 *
 * Assumed of the network: a call whose sender died is not carried out after the
 * same call was made again.
 *
 * model/ledger.c	what follows from the log's lines
 * model/crash.c	append and sync, kills, power cuts
 * model/run.c		ss-run and ss-replay
 * model/filter.c	the first filter of a script, pipes
 * model/push.c		ss-push and the peer
 * model/rest.c		who may do what; what holds at rest
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xxhash.h>

#include "model/model.h"

#define FAULT_NAME(id, name, text) { name, text },
static const struct { const char *name, *text; } faults[] = { FAULTS(FAULT_NAME) };
#undef FAULT_NAME

struct options opt = { .crashes = 2, .refusals = 1, .unknown = 1, .replays = 1 };

#define BAD_TEXT(id, text) text,
static const char *const bads[] = { BADS(BAD_TEXT) };
#undef BAD_TEXT

static const char *const who_name[] = { "ss-run A (1)", "ss-run A (2)", "ss-run B", "ss-replay", "A: ss-run", "B: ss-run",
	"A: filter", "B: filter", "A: ss-push", "B: ss-push", "peer", "" };

#define VERB_TEXT(id, text) text,
static const char *const verb_text[] = { VERBS(VERB_TEXT) };
#undef VERB_TEXT

/*
 * Of a state that was seen, 128 bits of hash are kept (that two of 10^8 states
 * share one: 1 in 10^22), and which successor of which state it is, so that a
 * trace can be walked again.  States themselves are kept until they have had
 * their turn.
 */
struct node {
	XXH128_hash_t sum;
	uint32_t parent;
	uint16_t nth;			/* successor of its parent */
	uint16_t edges;			/* how many successors */
};

enum { CHUNK = 4096 };

static struct {
	struct node *v;
	size_t n, cap;
	uint32_t *hash;			/* index + 1 */
	size_t hcap;
	uint32_t *edge;			/* to, of node 0, 1, 2 … */
	size_t nedge, cedge;
	struct state **chunk;		/* states [i * CHUNK, …) that wait */
	size_t nchunk;
	unsigned char *done;		/* rest with all ended can be reached */
	size_t cdone;
	uint32_t at;			/* whose successors are being made */
	uint16_t nth;
	uint32_t found;			/* index + 1 of the first bad one */
	enum bad why;
	size_t rest, max;
	int quiet;
	/* walking a trace again: the successor that is wanted */
	int walking;
	struct state want;
	unsigned want_nth;
	enum who who;
	enum verb verb;
	unsigned arg;
} g;

static void *
grow(void *p, size_t n)
{
	p = realloc(p, n);
	if (p == NULL) {
		fputs("crash-model: no memory\n", stderr);
		exit(2);
	}
	return p;
}

static void
rehash(size_t cap)
{
	size_t i, at;

	free(g.hash);
	g.hash = grow(NULL, cap * sizeof(*g.hash));
	memset(g.hash, 0, cap * sizeof(*g.hash));
	g.hcap = cap;
	for (i = 0; i < g.n; i++) {
		for (at = g.v[i].sum.low64 & (cap - 1); g.hash[at] != 0; at = (at + 1) & (cap - 1))
			;
		g.hash[at] = (uint32_t)(i + 1);
	}
}

static void
add_edge(uint32_t to)
{
	if (g.nedge == g.cedge) {
		g.cedge = g.cedge == 0 ? 1 << 20 : g.cedge + g.cedge / 2;
		g.edge = grow(g.edge, g.cedge * sizeof(*g.edge));
	}
	g.edge[g.nedge++] = to;
}

static struct state *
waiting(size_t i)
{
	if (i / CHUNK >= g.nchunk) {
		g.chunk = grow(g.chunk, (g.nchunk + 1) * sizeof(*g.chunk));
		g.chunk[g.nchunk++] = grow(NULL, CHUNK * sizeof(**g.chunk));
	}
	return &g.chunk[i / CHUNK][i % CHUNK];
}

static void
add_node(const struct state *s, XXH128_hash_t sum, size_t at)
{
	if (g.n == g.cap) {
		g.cap = g.cap == 0 ? 1 << 14 : g.cap + g.cap / 2;
		g.v = grow(g.v, g.cap * sizeof(*g.v));
	}
	*waiting(g.n) = *s;
	g.v[g.n] = (struct node){ sum, g.at, g.nth, 0 };
	g.hash[at] = (uint32_t)++g.n;
	if (s->bad != B_FINE && g.found == 0) {
		g.found = (uint32_t)g.n;
		g.why = (enum bad)s->bad;
	}
}

void
found(const struct state *s, enum who who, enum verb verb, unsigned arg)
{
	XXH128_hash_t sum;
	size_t at;

	if (g.walking) {
		if (g.nth++ == g.want_nth) {
			g.want = *s;
			g.who = who;
			g.verb = verb;
			g.arg = arg;
		}
		return;
	}
	if ((g.n + 1) * 2 > g.hcap)
		rehash(g.hcap == 0 ? 1 << 16 : g.hcap * 2);
	sum = XXH3_128bits(s, sizeof(*s));
	for (at = sum.low64 & (g.hcap - 1); g.hash[at] != 0; at = (at + 1) & (g.hcap - 1))
		if (XXH128_isEqual(g.v[g.hash[at] - 1].sum, sum))
			break;
	if (g.hash[at] == 0)
		add_node(s, sum, at);
	add_edge(g.hash[at] - 1);
	g.nth++;
}

static void
print_pipe(const char *name, const line *q, unsigned n)
{
	unsigned i;

	if (n == 0)
		return;
	printf(" %s[", name);
	for (i = 0; i < n; i++)
		printf("%s%s%u", i > 0 ? " " : "", q[i] == P_END ? "end" : KIND(q[i]) == EVENT_OTHER ? "" :
		    event_type_name(KIND(q[i])) + 3, q[i] == P_END ? 0 : FIRST(q[i]));
	putchar(']');
}

static void
print_state(const struct state *s)
{
	unsigned p, i;

	printf("       ");
	for (p = 0; p < PIPES; p++) {
		printf(" %c:", 'A' + (int)p);
		for (i = 0; i < s->n[p]; i++)
			printf(" %u=%s", event_at(s, p, i), status(s, p, i) == ST_OPEN ? "open" : status(s, p, i) == ST_REPLACED ?
			    "replaced" : status(s, p, i) == ST_ELSEWHERE ? "settled" : event_type_name((enum event_type)status(s, p, i)) + 3);
		print_pipe("to-push", s->w[p].q2, s->w[p].n2);
		print_pipe("to-run", s->w[p].q3, s->w[p].n3);
	}
	printf("  known x=%u y=%u, peer x=%u y=%u%s\n", s->known[0][0], s->known[0][1], s->value[0][0], s->value[0][1],
	    s->intents != 0 ? ", intent open" : "");
}

static void
print_step(const struct state *s, enum who who, enum verb verb, unsigned arg)
{
	const char *text = verb_text[verb], *number = strchr(text, '%');

	if (number == NULL)
		printf("  %-12s %s\n", who_name[who], text);
	else
		printf("  %-12s %.*s%u%s\n", who_name[who], (int)(number - text), text, arg, number + 2);
	if (!g.quiet)
		print_state(s);
}

static void
print_trace(const struct state *first, uint32_t at)
{
	uint32_t path[400] = { 0 };
	struct state s = *first;
	size_t n = 0;

	printf("%s\n", bads[g.why]);
	for (; at != 0 && n < 400; at = g.v[at].parent)
		path[n++] = at;
	printf("%zu steps:\n", n);
	g.walking = 1;
	while (n-- > 0) {
		g.want_nth = g.v[path[n]].nth;
		g.nth = 0;
		successors(&s);
		s = g.want;
		print_step(&s, g.who, g.verb, g.arg);
	}
	g.walking = 0;
}

/* From which states can rest with all ended be reached?  Edges mostly lead on,
 * so sweeps from the last state to the first soon find all. */
static uint32_t
find_stuck(void)
{
	size_t i, e;
	uint32_t stuck = 0;
	int more;

	do {
		more = 0;
		stuck = 0;
		for (i = g.n, e = g.nedge; i-- > 0; ) {
			uint16_t k;

			e -= g.v[i].edges;
			for (k = 0; k < g.v[i].edges && !g.done[i]; k++)
				if (g.done[g.edge[e + k]])
					g.done[i] = 1, more = 1;
			if (!g.done[i])
				stuck = (uint32_t)i + 1;
		}
	} while (more && stuck != 0);
	return stuck;
}

static void
mark_done(size_t i, int ended)
{
	if (i >= g.cdone) {
		g.cdone = g.cdone == 0 ? 1 << 16 : g.cdone * 2;
		g.done = grow(g.done, g.cdone);
	}
	g.done[i] = ended != 0;
}

static enum bad
search(const struct state *first)
{
	struct state s;
	size_t i, before;

	found(first, W_WORLD, V_START, 0);
	g.nedge = 0;
	for (i = 0; i < g.n && g.found == 0; i++) {
		s = *waiting(i);
		g.at = (uint32_t)i;
		g.nth = 0;
		mark_done(i, 0);
		if (at_rest(&s)) {
			g.rest++;
			check_rest(&s);
			if (s.bad != B_FINE) {
				g.found = (uint32_t)(i + 1);
				g.why = (enum bad)s.bad;
				break;
			}
			mark_done(i, all_ended(&s));
		}
		before = g.nedge;
		successors(&s);
		g.v[i].edges = (uint16_t)(g.nedge - before);
		if (i % CHUNK == CHUNK - 1) {
			free(g.chunk[i / CHUNK]);
			g.chunk[i / CHUNK] = NULL;
		}
		if (g.n > g.max)
			return g.why = B_TOO_MANY;
	}
	if (g.found == 0 && (g.found = find_stuck()) != 0)
		g.why = B_STUCK;
	return g.why;
}

static int
usage(void)
{
	size_t i;

	fputs("usage: crash-model [--fault NAME] [--other] [--shared] [--accept] [--held] [--crashes N]\n"
	    "           [--refusals N] [--unknown N] [--replays N] [--max-states N] [--short] [--list]\n\nfaults:\n", stderr);
	for (i = 1; i < FAULT_COUNT; i++)
		fprintf(stderr, "  %-22s %s\n", faults[i].name, faults[i].text);
	return 2;
}

static int
set_fault(const char *name)
{
	size_t i;

	for (i = 0; i < FAULT_COUNT; i++)
		if (strcmp(faults[i].name, name) == 0) {
			opt.fault = (enum fault)i;
			return 0;
		}
	return -1;
}

int
number(const char *s, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(s, &end, 10);
	return errno != 0 || end == s || *end != '\0' || *out < 0 || *out > max ? -1 : 0;
}

static int
options(int argc, char **argv)
{
	long v;
	int i;

	for (i = 1; i < argc; i++) {
		const char *o = argv[i], *arg = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(o, "--other") == 0)
			opt.other = 1;
		else if (strcmp(o, "--shared") == 0)
			opt.shared = 1;
		else if (strcmp(o, "--accept") == 0)
			opt.accept = 1;
		else if (strcmp(o, "--held") == 0)
			opt.held = 1;
		else if (strcmp(o, "--short") == 0)
			g.quiet = 1;
		else if (strcmp(o, "--fault") == 0 && set_fault(arg) == 0)
			i++;
		else if (strcmp(o, "--crashes") == 0 && number(arg, 4, &v) == 0)
			opt.crashes = (int)v, i++;
		else if (strcmp(o, "--refusals") == 0 && number(arg, 4, &v) == 0)
			opt.refusals = (int)v, i++;
		else if (strcmp(o, "--unknown") == 0 && number(arg, 4, &v) == 0)
			opt.unknown = (int)v, i++;
		else if (strcmp(o, "--replays") == 0 && number(arg, 2, &v) == 0)
			opt.replays = (int)v, i++;
		else if (strcmp(o, "--max-states") == 0 && number(arg, 400000000, &v) == 0)
			g.max = (size_t)v, i++;
		else
			return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct state first;
	struct timespec t0, t1;
	enum bad why;
	size_t i;

	memset(&first, 0, sizeof(first));
	g.max = 40000000;
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (i = 1; i < FAULT_COUNT; i++)
			puts(faults[i].name);
		return 0;
	}
	if (options(argc, argv) == -1)
		return usage();
	(void)clock_gettime(CLOCK_MONOTONIC, &t0);
	first.crashes = (uint8_t)opt.crashes;
	first.refusals = (uint8_t)opt.refusals;
	first.unknown = (uint8_t)opt.unknown;
	first.replays = (uint8_t)opt.replays;
	if (opt.held) {
		first.known[A][0] = first.value[A][0] = 1;
		first.known[A][1] = first.value[A][1] = 3;
	}
	why = search(&first);
	(void)clock_gettime(CLOCK_MONOTONIC, &t1);
	if (g.found != 0)
		print_trace(&first, g.found - 1);
	printf("%zu states, %zu transitions, %zu at rest, %.1f s: %s\n", g.n, g.nedge, g.rest,
	    (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9,
	    why == B_FINE ? "holds" : why == B_FULL || why == B_TOO_MANY ? bads[why] : "broken");
	if (why == B_FULL || why == B_TOO_MANY)
		return 2;
	return why == B_FINE ? 0 : 1;
}
