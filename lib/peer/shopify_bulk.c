#include "peer/shopify_bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

#define SEEDS 8		/* ids with one hash in common that are told apart */

struct part {
	size_t at, n;	/* within the group's text */
};

/* A root that is held, with its children.  Linked by when it last grew. */
struct group {
	struct group *prev, *next;
	uint32_t root;
	struct buf text;
	struct part *part;	/* the root's line, then its children's */
	size_t n, cap;
};

struct root {
	union {
		struct group *group;
		size_t at;	/* what is kept, within kept */
	} u;
	uint32_t n;
	int held;		/* u.group, else u.at */
};

struct shopify_bulk {
	struct shopify_bulk_config cfg;
	struct json_mem mem;
	struct buf line;	/* the beginning of one that is not whole yet */
	struct buf kept, keep;	/* of all roots that were given out; of the one at hand */
	struct hash_map map;	/* of ids that may be named as a parent, see find() */
	struct root *root;
	size_t roots, roots_cap;
	struct group *oldest, *newest;
	size_t held, peak;
	uint64_t lines;
	struct json_span *child;	/* for the callback */
	size_t child_cap;
	struct shopify_bulk_counts counts;
};

struct shopify_bulk *
shopify_bulk_open(const struct shopify_bulk_config *cfg, struct ss_err *err)
{
	struct shopify_bulk *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		err_nomem(err);
		return NULL;
	}
	b->cfg = *cfg;
	if (b->cfg.window == 0)
		b->cfg.window = (size_t)32 << 20;
	if (b->cfg.known == 0)
		b->cfg.known = (size_t)512 << 20;
	if (b->cfg.max_line == 0)
		b->cfg.max_line = (size_t)16 << 20;
	b->line.max = b->cfg.max_line;
	b->kept.max = b->cfg.known;
	return b;
}

static void
free_group(struct group *g)
{
	buf_free(&g->text);
	free(g->part);
	free(g);
}

void
shopify_bulk_close(struct shopify_bulk *b)
{
	struct group *g, *next;

	if (b == NULL)
		return;
	for (g = b->oldest; g != NULL; g = next) {
		next = g->next;
		free_group(g);
	}
	json_mem_free(&b->mem);
	buf_free(&b->line);
	buf_free(&b->kept);
	buf_free(&b->keep);
	hash_free(&b->map);
	free(b->root);
	free(b->child);
	free(b);
}

struct shopify_bulk_counts
shopify_bulk_counts(const struct shopify_bulk *b)
{
	return b->counts;
}

static size_t
known(const struct shopify_bulk *b)
{
	return b->kept.cap + b->roots_cap * sizeof(*b->root) + b->map.cap * 2 * sizeof(uint64_t);
}

size_t
shopify_bulk_memory(const struct shopify_bulk *b, size_t *peak)
{
	*peak = b->peak;
	return b->held + known(b) + b->mem.cap + b->line.cap + b->child_cap * sizeof(*b->child);
}

static int
bad_line(const struct shopify_bulk *b, struct ss_err *err, const char *why)
{
	return err_set(err, SS_EXIT_DAMAGE, "bulk result, line %llu: %s", (unsigned long long)b->lines, why);
}

/* --- who is known -------------------------------------------------------------------- */

/*
 * The root that an id belongs to, or -1; then *slot is where it goes and *check what
 * goes there with it.  The key is one hash of the id, the value's upper half part of
 * another, its lower half the root: 96 bits tell ids apart, and no text is kept.
 */
static int64_t
find(const struct shopify_bulk *b, struct json_span id, uint64_t *slot, uint64_t *check)
{
	uint64_t seed, *at;

	*check = hash_64(id.p, id.n, SEEDS) >> 32;
	for (seed = 0; seed < SEEDS; seed++) {
		*slot = hash_64(id.p, id.n, seed);
		at = hash_get(&b->map, *slot);
		if (at == NULL)
			return -1;
		if (*at >> 32 == *check)
			return (int64_t)(*at & UINT32_MAX);
	}
	*slot = 0;
	return -1;
}

static void *
grow(void *p, size_t size, size_t n, size_t *cap)
{
	size_t want = *cap == 0 ? 64 : *cap * 2;
	void *q;

	if (n < *cap)
		return p;
	q = realloc(p, want * size);
	if (q != NULL)
		*cap = want;
	return q;
}

static int
learn(struct shopify_bulk *b, struct json_span id, size_t root, struct ss_err *err)
{
	uint64_t slot, check, *at;

	if (find(b, id, &slot, &check) != -1)
		return bad_line(b, err, "an id that has been there before");
	if (slot == 0 || root >= UINT32_MAX)
		return bad_line(b, err, "more objects than can be told apart");
	at = hash_add(&b->map, slot);
	if (at == NULL)
		return err_nomem(err);
	*at = check << 32 | root;
	return known(b) > b->cfg.known ? bad_line(b, err, "more objects than memory is allowed for") : 0;
}

/* --- groups --------------------------------------------------------------------------- */

static size_t
size_of(const struct group *g)
{
	return sizeof(*g) + g->text.cap + g->cap * sizeof(*g->part);
}

static void
out_of_list(struct shopify_bulk *b, struct group *g)
{
	*(g->prev != NULL ? &g->prev->next : &b->oldest) = g->next;
	*(g->next != NULL ? &g->next->prev : &b->newest) = g->prev;
}

static void
into_list(struct shopify_bulk *b, struct group *g)
{
	g->prev = b->newest;
	g->next = NULL;
	*(b->newest != NULL ? &b->newest->next : &b->oldest) = g;
	b->newest = g;
}

static int
add_part(struct shopify_bulk *b, struct group *g, const char *p, size_t n, struct ss_err *err)
{
	size_t before = size_of(g);
	struct part *v = grow(g->part, sizeof(*v), g->n, &g->cap);

	if (v != NULL)
		g->part = v;
	if (v == NULL || buf_add(&g->text, p, n) == -1)
		return err_nomem(err);
	g->part[g->n++] = (struct part){ g->text.len - n, n };
	b->held += size_of(g) - before;
	return 0;
}

/* Give the oldest group out. */
static int
give(struct shopify_bulk *b, struct ss_err *err)
{
	struct group *g = b->oldest;
	struct root *r = &b->root[g->root];
	struct shopify_group out = { .n = g->n - 1 };
	struct json_span *v;
	size_t i;
	int rc;

	while (b->child_cap < g->n) {
		v = grow(b->child, sizeof(*v), b->child_cap, &b->child_cap);
		if (v == NULL)
			return err_nomem(err);
		b->child = v;
	}
	for (i = 0; i < g->n; i++)
		b->child[i] = (struct json_span){ g->text.p + g->part[i].at, g->part[i].n };
	out.root = b->child[0];
	out.child = b->child + 1;
	buf_clear(&b->keep);
	rc = b->cfg.group(b->cfg.ctx, &out, &b->keep, err);
	r->held = 0;
	r->u.at = b->kept.len;
	r->n = (uint32_t)b->keep.len;
	if (rc == 0 && (b->keep.failed || b->keep.len > UINT32_MAX || buf_add(&b->kept, b->keep.p, b->keep.len) == -1))
		rc = bad_line(b, err, "more objects than memory is allowed for");
	out_of_list(b, g);
	b->held -= size_of(g);
	free_group(g);
	return rc == 0 ? 0 : -1;
}

static int
take_root(struct shopify_bulk *b, struct json_span id, struct yyjson_val *v, const char *p, size_t n,
    struct ss_err *err)
{
	struct json_span alias = json_str(json_get(b->cfg.alias == NULL ? NULL : json_get(v, b->cfg.alias), "id"));
	struct root *r = grow(b->root, sizeof(*r), b->roots, &b->roots_cap);
	struct group *g;

	if (r == NULL)
		return err_nomem(err);
	b->root = r;
	if (id.n == 0)
		return bad_line(b, err, "an object without an id");
	if (learn(b, id, b->roots, err) == -1 || (alias.n > 0 && learn(b, alias, b->roots, err) == -1))
		return -1;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return err_nomem(err);
	g->root = (uint32_t)b->roots;
	b->held += size_of(g);
	b->root[b->roots++] = (struct root){ .u.group = g, .held = 1 };
	into_list(b, g);
	b->counts.roots++;
	return add_part(b, g, p, n, err);
}

static int
take_child(struct shopify_bulk *b, struct json_span id, struct json_span parent, const char *p, size_t n,
    struct ss_err *err)
{
	uint64_t slot, check;
	int64_t root = find(b, parent, &slot, &check);
	struct root *r;

	if (root == -1) {
		if (b->counts.orphans++ == 0) {
			size_t k = parent.n < sizeof(b->counts.orphan) ? parent.n : sizeof(b->counts.orphan) - 1;

			memcpy(b->counts.orphan, parent.p, k);
			b->counts.orphan[k] = '\0';
		}
		return 0;
	}
	r = &b->root[root];
	if (b->cfg.deep && id.n > 0 && learn(b, id, (size_t)root, err) == -1)
		return -1;
	if (!r->held) {
		struct json_span kept = { r->n == 0 ? "" : b->kept.p + r->u.at, r->n };

		b->counts.late++;
		return b->cfg.late(b->cfg.ctx, kept, (struct json_span){ p, n }, err) == 0 ? 0 : -1;
	}
	out_of_list(b, r->u.group);
	into_list(b, r->u.group);
	return add_part(b, r->u.group, p, n, err);
}

/* --- lines ------------------------------------------------------------------------------ */

static int
take(struct shopify_bulk *b, const char *p, size_t n, struct ss_err *err)
{
	struct ss_err e = { .text = "" };
	struct yyjson_val *v, *parent;
	struct json_span id;
	size_t now;
	int rc;

	b->lines++;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return 0;
	v = json_read(&b->mem, p, n, &e);
	if (json_type(v) != JSON_OBJECT)
		return bad_line(b, err, v == NULL ? e.text : "no object");
	b->counts.objects++;
	id = json_str(json_get(v, "id"));
	parent = json_get(v, "__parentId");
	if (parent == NULL)
		rc = take_root(b, id, v, p, n, err);
	else if (json_type(parent) != JSON_STRING)
		rc = bad_line(b, err, "a parent that is no id");
	else
		rc = take_child(b, id, json_str(parent), p, n, err);
	now = b->held + known(b);
	b->peak = now > b->peak ? now : b->peak;
	while (rc == 0 && b->held > b->cfg.window)
		rc = give(b, err);
	return rc;
}

int
shopify_bulk_feed(struct shopify_bulk *b, const char *p, size_t n, struct ss_err *err)
{
	const char *end = p + n, *nl;
	int rc;

	while (p < end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL || b->line.len > 0) {
			size_t k = (size_t)((nl == NULL ? end : nl) - p);

			if (buf_add(&b->line, p, k) == -1)
				return bad_line(b, err, "longer than a line may be");
			if (nl == NULL)
				return 0;
			rc = take(b, b->line.p, b->line.len, err);
			buf_clear(&b->line);
		} else {
			rc = (size_t)(nl - p) > b->cfg.max_line ? bad_line(b, err, "longer than a line may be") :
			    take(b, p, (size_t)(nl - p), err);
		}
		if (rc != 0)
			return -1;
		p = nl + 1;
	}
	return 0;
}

int
shopify_bulk_end(struct shopify_bulk *b, uint64_t objects, uint64_t roots, struct ss_err *err)
{
	const struct shopify_bulk_counts *c = &b->counts;
	struct ss_err e = { .text = "" };
	int cut = 0;

	/* the last line may do without its newline, if it is whole */
	if (b->line.len > 0) {
		cut = json_read(&b->mem, b->line.p, b->line.len, &e) == NULL;
		if (!cut && take(b, b->line.p, b->line.len, err) == -1)
			return -1;
		buf_clear(&b->line);
	}
	while (b->oldest != NULL)
		if (give(b, err) == -1)
			return -1;
	if (cut || (objects != UINT64_MAX && c->objects != objects) || (roots != UINT64_MAX && c->roots != roots))
		return err_set(err, SS_EXIT_AGAIN, "bulk result: cut short after %llu objects, %llu of them roots, %s; fetch "
		    "it again",
		    (unsigned long long)c->objects, (unsigned long long)c->roots,
		    cut ? "within a line" : "which is not what the job wrote");
	if (c->orphans > 0)
		return err_set(err, SS_EXIT_DAMAGE, "bulk result: %llu objects belong to parents that are not there, the "
		    "first to %s",
		    (unsigned long long)c->orphans, c->orphan);
	return 0;
}

/* --- the job ----------------------------------------------------------------------------- */

static uint64_t
number(struct yyjson_val *v)
{
	uint64_t x;

	return json_u64(v, &x) == -1 ? UINT64_MAX : x;
}

int
shopify_bulk_job(struct shopify_job *j, struct yyjson_val *v)
{
	static const struct { const char *word; enum shopify_job_status status; } words[] = {
		{ "CREATED", SHOPIFY_JOB_RUNNING }, { "RUNNING", SHOPIFY_JOB_RUNNING }, { "CANCELING", SHOPIFY_JOB_RUNNING },
		{ "COMPLETED", SHOPIFY_JOB_COMPLETED }, { "FAILED", SHOPIFY_JOB_ENDED }, { "CANCELED", SHOPIFY_JOB_ENDED },
		{ "EXPIRED", SHOPIFY_JOB_ENDED },
	};
	size_t i;

	*j = (struct shopify_job){ .word = json_str(json_get(v, "status")), .id = json_str(json_get(v, "id")),
		.error = json_str(json_get(v, "errorCode")), .url = json_str(json_get(v, "url")),
		.partial_url = json_str(json_get(v, "partialDataUrl")), .objects = number(json_get(v, "objectCount")),
		.roots = number(json_get(v, "rootObjectCount")), .size = number(json_get(v, "fileSize")) };
	if (j->id.n == 0 || j->word.n == 0)
		return -1;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == j->word.n && memcmp(words[i].word, j->word.p, j->word.n) == 0)
			j->status = words[i].status;
	return 0;
}
