/* Two snapshots compared; the first one as a table of hashes and places. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/uuid.h"
#include "event/leaf.h"
#include "event/line.h"
#include "event/out.h"
#include "flow/diff.h"
#include "flow/diff_internal.h"

/* The table's extra word: where the newest line of the key begins in the file,
 * or in chain, and what else is known of it. */
#define SEEN ((uint64_t)1 << 63)	/* b has it too */
#define CHAIN ((uint64_t)1 << 62)	/* the low bits are a place in chain */
#define GONE ((uint64_t)1 << 61)	/* the newest line says that it is gone */
#define MOVED ((uint64_t)1 << 60)	/* a line of b that differs was written */
#define WHERE (MOVED - 1)

struct link {
	uint64_t at, before;	/* offset of the line; the word it took the place of */
};

struct snapshot {
	const struct diff_files *o;
	struct ss_err *err;
	int fd;			/* of a, can be read anywhere */
	struct diff_table table;
	struct link *chain;
	size_t links, caplinks;
	struct diff_keys keys;
	struct json_mem mem;
	struct event ev;
	/* the line of a that was read last */
	uint64_t old_at;
	struct buf old;
	struct json_mem old_mem;
	struct event old_ev;
	struct diff_row *row;	/* being filled */
	struct buf text, subject;
	struct diff_narrow narrow;
	uint64_t events;	/* of state, in b */
	int differ, begun;	/* begun: a cursor of b without its end */
};

static int
open_file(const char *path, struct ss_err *err)
{
	int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);

	return fd == -1 ? err_sys(err, SS_EXIT_USAGE, "cannot open '%s'", path) : fd;
}

/* What cannot be read twice is copied to a file without a name. */
static int
spool(int in, const char *what, struct ss_err *err)
{
	const char *dir = getenv("TMPDIR");
	char path[4096], block[65536];
	ssize_t n = 0;
	int fd;

	if (snprintf(path, sizeof(path), "%s/ss-diff.XXXXXX", dir != NULL && *dir != '\0' ? dir :
	    "/tmp") >=
	    (int)sizeof(path))
		return err_set(err, SS_EXIT_USAGE, "$TMPDIR is too long");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot make '%s'", path);
	(void)unlink(path);
	while ((n = io_read(in, block, sizeof(block), what, err)) > 0)
		if (io_write(fd, block, (size_t)n, "a temporary file", err) == -1)
			break;
	if (n != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
open_old(struct snapshot *s)
{
	struct stat st;
	int fd = open_file(s->o->a, s->err), copy;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_SET) == 0) {
		s->fd = fd;
		return 0;
	}
	copy = spool(fd, s->o->a, s->err);
	(void)close(fd);
	s->fd = copy;
	return copy == -1 ? -1 : 0;
}

/* Calls each for every event of state; name is for messages. */
typedef int state_fn(struct snapshot *s, uint64_t at);

static int
cursor_line(struct snapshot *s)
{
	struct json_span phase = json_str(json_get(s->ev.data, "phase"));

	if (event_type(&s->ev) == EVENT_CURSOR)
		s->begun = phase.n == 5 && memcmp(phase.p, "begin", 5) == 0;
	return 0;
}

static int
one_line(struct snapshot *s, const struct line *l, state_fn *each)
{
	if (event_parse(&s->ev, &s->mem, l->p, l->n, s->err) == -1)
		return -1;
	if (s->ev.is_ss)
		return cursor_line(s);
	if (!event_is_state(&s->ev))
		return 0;
	if (s->ev.type.n > 8 && memcmp(s->ev.type.p + s->ev.type.n - 8, ".changed", 8) == 0)
		return err_set(s->err, SS_EXIT_USAGE, "a narrowed event is no part of a snapshot");
	if (diff_event_check(&s->ev, s->err) == -1)
		return -1;
	diff_event_clear(&s->keys);
	if (diff_event_keys(&s->keys, &s->ev, 1) != 0)
		return err_nomem(s->err);
	return each(s, l->offset);
}

static int
each_state(struct snapshot *s, int fd, const char *name, state_fn *each)
{
	struct line_reader r;
	struct line l;
	int k, rc = 0;

	line_init(&r, fd, 0, name);
	while (rc == 0 && (k = line_next(&r, &l, s->err)) != LINE_END) {
		if (k == -1)
			rc = -1;
		else if (k == LINE_LONG)
			rc = err_set(s->err, SS_EXIT_USAGE, "line longer than max-line (1 MiB)");
		else
			rc = one_line(s, &l, each);
		if (rc == -1 && k != -1)
			err_prefix(s->err, "%s:%llu", name, (unsigned long long)l.number);
	}
	line_free(&r);
	return rc;
}

static int
is_removed(const struct event *ev)
{
	return ev->type.n > 8 && memcmp(ev->type.p + ev->type.n - 8, ".removed", 8) == 0;
}

static int
link_add(struct snapshot *s, uint64_t at, uint64_t before)
{
	if (s->links == s->caplinks) {
		size_t cap = s->caplinks == 0 ? 256 : s->caplinks * 2;
		struct link *v = realloc(s->chain, cap * sizeof(*v));

		if (v == NULL)
			return err_nomem(s->err);
		s->chain = v;
		s->caplinks = cap;
	}
	s->chain[s->links++] = (struct link){ at, before };
	return 0;
}

/* A line of a: its rows go into the table. */
static int
old_state(struct snapshot *s, uint64_t at)
{
	uint64_t gone = is_removed(&s->ev) ? GONE : 0, *r;
	size_t i, n;
	int twice;

	for (i = 0; i < s->keys.n; i++) {
		const struct diff_key *k = &s->keys.v[i];

		n = gone ? DIFF_LEAVES + 1 : k->n;
		r = diff_table_add(&s->table, k->key, n, &twice);
		if (r == NULL)
			return err_nomem(s->err);
		if (twice) {
			if (link_add(s, at, r[0]) == -1)
				return -1;
			r[0] = CHAIN | gone | (s->links - 1);
			continue;
		}
		r[0] = gone | at;
		if (n <= DIFF_LEAVES)
			memcpy(r + 1, s->keys.leaf + k->first, n * sizeof(*r));
	}
	return 0;
}

/* The line of a that begins at an offset, parsed. */
static int
old_line(struct snapshot *s, uint64_t at)
{
	const char *nl = NULL;

	if (s->old.len > 0 && s->old_at == at)
		return 0;
	buf_clear(&s->old);
	while (nl == NULL) {
		ssize_t n;

		if (buf_room(&s->old, 8192) == -1)
			return err_nomem(s->err);
		n = io_pread(s->fd, s->old.p + s->old.len, 8192, (off_t)(at + s->old.len), s->o->a,
		    s->err);
		if (n == -1)
			return -1;
		nl = memchr(s->old.p + s->old.len, '\n', (size_t)n);
		s->old.len += (size_t)n;
		if (n == 0)
			break;
	}
	if (nl != NULL)
		s->old.len = (size_t)(nl - s->old.p);
	s->old_at = at;
	if (event_parse(&s->old_ev, &s->old_mem, s->old.p, s->old.len, s->err) == -1) {
		buf_clear(&s->old);
		err_prefix(s->err, "'%s' was changed meanwhile", s->o->a);
		return -1;
	}
	return 0;
}

/* The bytes go to s->text, one leaf behind the other; where they are is filled
 * in when all are there. */
static int
keep_leaf(void *ctx, struct json_span path, struct yyjson_val *value)
{
	struct snapshot *s = ctx;
	size_t len;

	if (buf_add(&s->text, path.p, path.n) == -1)
		return -1;
	len = s->text.len;
	if (json_write(&s->text, value) == -1)
		return -1;
	return diff_row_add(s->row, (struct json_span){ NULL, path.n },
	    (struct json_span){ NULL, s->text.len - len });
}

static struct yyjson_val *
old_item(struct snapshot *s, struct json_span subject)
{
	struct yyjson_val *items = json_get(s->old_ev.data, "items"), *item;
	size_t i;

	for (i = 0; (item = json_at(items, i)) != NULL; i++) {
		buf_clear(&s->subject);
		if (leaf_item_subject(item, s->old_ev.subject, &s->subject) == 0 &&
		    s->subject.len == subject.n &&
		    memcmp(s->subject.p, subject.p, subject.n) == 0)
			return item;
	}
	return NULL;
}

/* By path; of one path the one that was put first. */
static int
by_path(const void *a, const void *b)
{
	const struct diff_leaf *x = a, *y = b;
	size_t n = x->path.n < y->path.n ? x->path.n : y->path.n;
	int c = memcmp(x->path.p, y->path.p, n);

	if (c != 0)
		return c;
	if (x->path.n != y->path.n)
		return x->path.n < y->path.n ? -1 : 1;
	return x->path.p < y->path.p ? -1 : x->path.p > y->path.p;
}

static void
sort_row(struct snapshot *s, struct diff_row *row)
{
	const char *p = s->text.p;
	size_t i, n = 0;

	for (i = 0; i < row->n; i++) {
		row->v[i].path.p = p;
		p += row->v[i].path.n;
		row->v[i].value.p = p;
		p += row->v[i].value.n;
	}
	if (row->n > 0)
		qsort(row->v, row->n, sizeof(*row->v), by_path);
	for (i = 0; i < row->n; i++)
		if (n == 0 || row->v[n - 1].path.n != row->v[i].path.n ||
		    memcmp(row->v[n - 1].path.p, row->v[i].path.p, row->v[i].path.n) != 0)
			row->v[n++] = row->v[i];
	row->n = n;
}

/* A diff_known_fn: the row as the lines of a make it, newest first. */
static int
old_known(void *ctx, char kind, struct json_span subject, struct diff_row *row, struct ss_err *err)
{
	struct snapshot *s = ctx;
	unsigned n;
	uint64_t *r = diff_table_get(&s->table, diff_event_key(kind, subject), &n), w;
	int some = 0;

	if (r == NULL)
		return 0;
	buf_clear(&s->text);
	s->row = row;
	for (w = *r; (w & GONE) == 0;) {
		const struct link *l = (w & CHAIN) != 0 ? &s->chain[w & WHERE] : NULL;
		struct yyjson_val *state;

		if (old_line(s, l != NULL ? l->at : w & WHERE) == -1)
			return -1;
		state = kind == 'i' && diff_event_kind(&s->old_ev) == 2 ? old_item(s, subject) :
		    s->old_ev.data;
		if (state != NULL && leaf_each(state, keep_leaf, s) != 0)
			return err_nomem(err);
		some |= state != NULL;
		if (l == NULL)
			break;
		w = l->before;
	}
	sort_row(s, row);
	return some;
}

/* A line of b. */
static int
new_state(struct snapshot *s, uint64_t at)
{
	struct json_span type = diff_narrow_type(&s->ev);
	struct event_edit edits[2] = { { "type", type.p, type.n } };
	uint64_t *r;
	size_t i;
	unsigned n;
	int same = 1, here = 0, moved = 0, rc;

	(void)at;
	s->events++;
	for (i = 0; i < s->keys.n; i++) {
		const struct diff_key *k = &s->keys.v[i];

		r = diff_table_get(&s->table, k->key, &n);
		here |= r != NULL && (*r & GONE) == 0;
		moved |= r != NULL && (*r & MOVED) != 0;
		if (r != NULL)
			*r |= SEEN;
		same = same && diff_table_holds(&s->table, k->key, s->keys.leaf + k->first, k->n);
	}
	if (is_removed(&s->ev)) {
		s->differ |= here;
		return here ? out_line(s->o->out, s->ev.line.p, s->ev.line.n, s->err) : 0;
	}
	if ((same && !moved) || s->keys.nleaf == 0)
		return 0;
	/* behind a line that differs even what a holds too must be said again */
	rc = diff_narrow(&s->narrow, &s->ev, &s->mem, moved, 0, s->err);
	if (rc != 1)
		return rc;
	s->differ = 1;
	for (i = 0; i < s->keys.n; i++)
		if ((r = diff_table_get(&s->table, s->keys.v[i].key, &n)) != NULL)
			*r |= MOVED;
	edits[1] = (struct event_edit){ "data", s->narrow.data.p, s->narrow.data.len };
	if (event_edit(out_buf(s->o->out), &s->ev, edits, 2) == -1)
		return err_nomem(s->err);
	(void)buf_addc(out_buf(s->o->out), '\n');
	return out_done(s->o->out, 1, s->err);
}

/* subject of s->ev, or of one of its items, is gone.  Made anew from the same
 * line it has the same id. */
static int
put_removed(struct snapshot *s, int product, struct json_span subject, struct yyjson_val *state)
{
	const char *type = product ? "product.removed" : "item.removed";
	const char *parts[] = { "", "diff", type, subject.p, s->ev.id.p, NULL };
	const size_t lens[] = { 0, 4, strlen(type), subject.n, s->ev.id.n };
	char id[UUID_TEXT], time[CLOCK_TEXT];
	struct buf *b = out_buf(s->o->out);
	struct json_span sku = json_scalar(json_get(state, "sku")), of =
	    json_scalar(json_get(state, "product"));

	if (of.n == 0 && !product && diff_event_kind(&s->ev) == 2)
		of = s->ev.subject;
	if (uuid_v5(parts, lens, id) == -1)
		return err_nomem(s->err);
	clock_format(clock_now(s->o->clock), time);
	(void)buf_adds(b, "{\"specversion\":\"1.0\"");
	(void)json_put_member(b, "id", id, UUID_TEXT - 1);
	(void)json_put_member(b, "source", s->ev.source.p, s->ev.source.n);
	(void)json_put_member(b, "type", type, strlen(type));
	(void)json_put_member(b, "subject", subject.p, subject.n);
	(void)json_put_member(b, "time", time, CLOCK_TEXT - 1);
	(void)json_put_member(b, "causationid", s->ev.id.p, s->ev.id.n);
	(void)buf_adds(b, ",\"data\":{");
	if (!product && sku.n > 0)
		(void)json_put_member(b, "sku", sku.p, sku.n);
	if (!product && of.n > 0)
		(void)json_put_member(b, "product", of.p, of.n);
	(void)buf_adds(b, "}}\n");
	s->differ = 1;
	return out_done(s->o->out, 1, s->err);
}

/* A line of a, the second time: what b has not is told of once. */
static int
gone_state(struct snapshot *s, uint64_t at)
{
	struct yyjson_val *items = json_get(s->ev.data, "items"), *item;
	size_t i;
	unsigned n;
	int all = 0;

	(void)at;
	for (i = 0; i < s->keys.n; i++) {
		uint64_t *r = diff_table_get(&s->table, s->keys.v[i].key, &n);
		int missing = r != NULL && (*r & (SEEN | GONE)) == 0, rc = 0;

		if (!missing)
			continue;
		*r |= SEEN;
		if (i == 0) {
			/* with the product its items are gone, which need no lines */
			all = diff_event_kind(&s->ev) == 2;
			rc = put_removed(s, all, s->ev.subject, s->ev.data);
		} else if (!all && (item = json_at(items, i - 1)) != NULL) {
			buf_clear(&s->subject);
			if (leaf_item_subject(item, s->ev.subject, &s->subject) == -1)
				return err_nomem(s->err);
			rc = put_removed(s, 0, (struct json_span){ s->subject.p, s->subject.len },
			    item);
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
tell_gone(struct snapshot *s)
{
	if (s->begun)
		return err_set(s->err, SS_EXIT_AGAIN,
		    "'%s' was cut short: its cursor has no end, nothing is taken "
		    "for removed", s->o->b);
	if (s->events == 0 && s->table.n > 0)
		return err_set(s->err, SS_EXIT_AGAIN,
		    "'%s' holds no item and no product: nothing is taken for removed",
		    s->o->b);
	if (lseek(s->fd, 0, SEEK_SET) == -1)
		return err_sys(s->err, SS_EXIT_AGAIN, "cannot go back in '%s'", s->o->a);
	return each_state(s, s->fd, s->o->a, gone_state);
}

static void
release(struct snapshot *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	diff_table_free(&s->table);
	free(s->chain);
	diff_event_free(&s->keys);
	json_mem_free(&s->mem);
	json_mem_free(&s->old_mem);
	buf_free(&s->old);
	buf_free(&s->text);
	buf_free(&s->subject);
	diff_narrow_free(&s->narrow);
}

int
diff_files(const struct diff_files *o, struct ss_err *err)
{
	struct snapshot s = { .o = o, .err = err, .fd = -1, .table = { .extra = 1 } };
	int fd = -1, rc = -1;

	s.narrow.known = old_known;
	s.narrow.ctx = &s;
	if (strcmp(o->a, "-") == 0 && strcmp(o->b, "-") == 0) {
		err_set(err, SS_EXIT_USAGE, "only one of the files can be standard input");
		goto done;
	}
	if ((fd = open_file(o->b, err)) == -1 || open_old(&s) == -1 ||
	    lseek(s.fd, 0, SEEK_SET) == -1 ||
	    each_state(&s, s.fd, o->a, old_state) == -1)
		goto done;
	s.begun = 0;
	rc = each_state(&s, fd, o->b, new_state);
	if (rc == 0 && o->complete)
		rc = tell_gone(&s);
done:
	if (fd != -1)
		(void)close(fd);
	release(&s);
	return rc == -1 ? -1 : s.differ;
}
