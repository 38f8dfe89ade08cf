/* Which event an id means, and which pipeline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "event/event.h"
#include "flow/replay_find.h"
#include "store/log.h"

void
replay_found_free(struct replay_found *f)
{
	size_t i;

	for (i = 0; i < f->nev; i++) {
		free(f->ev[i].source);
		free(f->ev[i].line);
		free(f->ev[i].label);
	}
	for (i = 0; i < f->npipe; i++) {
		free(f->pipe[i].name);
		free(f->pipe[i].source);
	}
	json_mem_free(&f->mem);
}

static char *
keep_text(struct replay_found *f, const char *p, size_t n)
{
	char *s = strndup(p == NULL ? "" : p, n);

	f->failed |= s == NULL;
	return s;
}

/* A delivery of it in a pipeline, opened at place (0: only heard of). */
static void
add_pipe(struct replay_found *f, const char *p, size_t n, struct json_span source, uint64_t place, int replay)
{
	size_t i;

	for (i = 0; i < f->npipe; i++)
		if (strlen(f->pipe[i].name) == n && memcmp(f->pipe[i].name, p, n) == 0 &&
		    strlen(f->pipe[i].source) == source.n && memcmp(f->pipe[i].source, source.p, source.n) == 0)
			break;
	if (i == REPLAY_CHOICES)
		return;
	if (i == f->npipe) {
		f->pipe[i].name = keep_text(f, p, n);
		f->pipe[i].source = keep_text(f, source.p, source.n);
		if (f->failed)
			return;
		f->pipe[i].place = f->pipe[i].replays = 0;
		f->npipe++;
	}
	if (place > f->pipe[i].place)
		f->pipe[i].place = place;
	f->pipe[i].replays += replay != 0;
}

static void
add_labels(struct replay_found *f, struct json_span list, struct json_span source, uint64_t place)
{
	const char *p = list.p, *end = list.p + list.n, *c;

	if (list.n == 0)
		add_pipe(f, "-", 1, source, place, 0);
	for (; p != NULL && p < end; p = c + 1) {
		c = memchr(p, ',', (size_t)(end - p));
		if (c == NULL)
			c = end;
		add_pipe(f, p, (size_t)(c - p), source, place, 0);
	}
}

static int
is_id(const struct replay_found *f, struct json_span s)
{
	return s.n == strlen(f->o->id) && memcmp(s.p, f->o->id, s.n) == 0;
}

static int
look(void *ctx, const struct log_line *line)
{
	struct replay_found *f = ctx;
	struct buf b = { 0 };
	struct event ev;
	struct yyjson_val *of;
	struct json_span source;
	enum event_type t;

	(void)buf_add(&b, line->p, line->body);
	f->failed |= buf_addc(&b, '}') == -1;
	if (f->failed || event_parse(&ev, &f->mem, b.p, b.len, NULL) == -1)
		goto done;
	t = event_type(&ev);
	of = json_get(ev.data, "event");
	source = json_str(json_get(of, "source"));
	if (!ev.is_ss && is_id(f, ev.id) && f->nev < REPLAY_CHOICES) {
		size_t i = f->nev++;

		f->ev[i].source = keep_text(f, ev.source.p, ev.source.n);
		f->ev[i].line = keep_text(f, b.p, b.len);
		f->ev[i].n = b.len;
		f->ev[i].seq = line->seq;
		f->ev[i].label = keep_text(f, ev.pipeline.p, ev.pipeline.n);
		add_labels(f, ev.pipeline, ev.source, line->seq);
	} else if (ev.is_ss && source.p != NULL && is_id(f, json_str(json_get(of, "id")))) {
		struct json_span pipe = json_str(json_get(ev.data, "pipeline"));

		if (t == EVENT_ROUTED)
			add_labels(f, json_str(json_get(ev.data, "to")), source, line->seq);
		else if (pipe.n > 0 && (t == EVENT_REPLAYED || t == EVENT_ACCEPTED))
			add_pipe(f, pipe.p, pipe.n, source, line->seq, t == EVENT_REPLAYED);
	}
done:
	buf_free(&b);
	return f->failed;
}

int
replay_find(struct replay_found *f, struct log *log, struct ss_err *err)
{
	struct buf needle = { 0 };
	int rc;

	(void)json_put_cstr(&needle, f->o->id);
	rc = needle.failed ? err_nomem(err) : log_search(log, 1, needle.p, needle.len, look, f, err);
	buf_free(&needle);
	if (rc == 0 && f->failed)
		rc = err_nomem(err);
	return rc == 0 ? 0 : -1;
}

/* Is this line of the event labelled with the pipeline that is asked for? */
static int
in_label(const struct replay_found *f, size_t i)
{
	return f->o->pipeline != NULL && event_in_list((struct json_span){ f->ev[i].label, strlen(f->ev[i].label) },
	    f->o->pipeline, strlen(f->o->pipeline));
}

/* The event meant: 0 with its index, else an exit code with err filled. */
enum ss_exit
replay_choose_event(const struct replay_found *f, size_t *at, struct ss_err *err)
{
	char names[600] = "";
	size_t i, hits = 0, k = 0;

	for (i = 0; i < f->nev; i++) {
		if (f->o->source != NULL && strcmp(f->o->source, f->ev[i].source) != 0)
			continue;
		/* stored more than once, for several pipelines or by a second reading: one
		 * event; the line of the pipeline that is asked for, else the newest */
		if (hits > 0 && strcmp(f->ev[i].source, f->ev[*at].source) == 0) {
			if (f->o->pipeline == NULL || in_label(f, i) || !in_label(f, *at))
				*at = i;
			continue;
		}
		hits++;
		*at = i;
		if (k < sizeof(names))
			k += (size_t)snprintf(names + k, sizeof(names) - k, "%s%s", k > 0 ? ", " : "", f->ev[i].source);
	}
	if (hits == 0) {
		err_set(err, SS_EXIT_NO, "no event with the id '%.100s' is in the log", f->o->id);
		return SS_EXIT_NO;
	}
	if (hits > 1) {
		err_set(err, SS_EXIT_USAGE, "several sources have this id, say which by --source: %s", names);
		return SS_EXIT_USAGE;
	}
	return SS_EXIT_OK;
}

enum ss_exit
replay_choose_pipe(const struct replay_found *f, const char *source, const char **name, uint64_t *place, uint64_t *replays,
    struct ss_err *err)
{
	char names[600] = "";
	size_t i, hits = 0, k = 0;

	*name = f->o->pipeline;
	*place = *replays = 0;
	for (i = 0; i < f->npipe; i++) {
		if (strcmp(f->pipe[i].source, source) != 0)
			continue;
		if (f->o->pipeline != NULL ? strcmp(f->o->pipeline, f->pipe[i].name) != 0 : strcmp(f->pipe[i].name, "-") == 0)
			continue;
		hits++;
		*name = f->pipe[i].name;
		*place = f->pipe[i].place;
		*replays = f->pipe[i].replays;
		if (k < sizeof(names))
			k += (size_t)snprintf(names + k, sizeof(names) - k, "%s%s", k > 0 ? ", " : "", f->pipe[i].name);
	}
	if (f->o->pipeline == NULL && hits != 1) {
		err_set(err, SS_EXIT_USAGE, hits == 0 ? "the event is in no pipeline: say by -p which should have it%s" :
		    "the event is in several pipelines, say which by -p: %s", names);
		return SS_EXIT_USAGE;
	}
	return SS_EXIT_OK;
}
