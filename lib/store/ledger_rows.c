/* Look-ups in the ledger's tables, all within one view. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "store/ledger_internal.h"

int
ledger_applied(struct ledger_view *v, uint64_t *place, struct ss_err *err)
{
	return ledger_applied_get(v->t, place, err);
}

int
ledger_seen(struct ledger_view *v, struct json_span source, struct json_span id, uint64_t *place, struct ss_err *err)
{
	struct hash_128 h = hash_pair(source.p, source.n, id.p, id.n);
	struct table_val d;
	int rc = table_get(v->t, DB_SEEN, h.b, sizeof(h.b), &d, err);

	if (rc != 1)
		return rc;
	if (d.n != 8)
		return err_set(err, SS_EXIT_DAMAGE, "state/ is damaged: run ss-log rebuild");
	*place = ledger_u64(d.p);
	return 1;
}

int
ledger_seen_in(struct ledger_view *v, struct json_span source, struct json_span id, struct json_span pipeline,
    struct ss_err *err)
{
	struct hash_128 h = hash_pair(source.p, source.n, id.p, id.n);
	struct table_val d;

	h = hash_pair(h.b, sizeof(h.b), pipeline.p, pipeline.n);
	return table_get(v->t, DB_SEEN, h.b, sizeof(h.b), &d, err);
}

/* Rows of one pipeline in a table whose keys are name NUL BE64(place). */
struct walk {
	struct table_cursor *c;
	struct table_txn *t;
	int db;
	struct buf key;
	struct table_val k, v;
	uint64_t place;
};

static int
walk_start(struct walk *w, struct ledger_view *v, int db, const char *pipeline, struct ss_err *err)
{
	*w = (struct walk){ .t = v->t, .db = db };
	return ledger_key(&w->key, pipeline, strlen(pipeline), 0, err);
}

static void
walk_end(struct walk *w)
{
	table_stop(w->c);
	buf_free(&w->key);
}

static int
walk_next(struct walk *w, struct ss_err *err)
{
	int rc;

	if (w->c == NULL)
		w->k = (struct table_val){ w->key.p, w->key.len };
	rc = table_next(&w->c, w->t, w->db, &w->k, &w->v, err);
	if (rc == 1 && (w->k.n != w->key.len || memcmp(w->k.p, w->key.p, w->key.len - 8) != 0))
		rc = 0;
	if (rc == 1)
		w->place = ledger_u64((const char *)w->k.p + w->k.n - 8);
	return rc;
}

/* What kind of outcome a row holds, without parsing it: a quote within a string
 * is escaped, and nothing else in an outcome has a type that begins so. */
static enum event_type
row_type(struct table_val v)
{
	static const char key[] = "\"type\":\"ss.";
	const char *p = v.n > 8 ? memmem((const char *)v.p + 8, v.n - 8, key, sizeof(key) - 1) : NULL;
	size_t left;

	if (p == NULL)
		return EVENT_OTHER;
	p += sizeof(key) - 1;
	left = v.n - (size_t)(p - (const char *)v.p);
	if (left > 7 && memcmp(p, "parked\"", 7) == 0)
		return EVENT_PARKED;
	return left > 7 && memcmp(p, "failed\"", 7) == 0 ? EVENT_FAILED : EVENT_DEAD;
}

static int
count_open(struct ledger_view *v, const char *pipeline, uint64_t *n, struct ss_err *err)
{
	struct walk w;
	int rc = walk_start(&w, v, DB_OPEN, pipeline, err);

	while (rc == 0 && (rc = walk_next(&w, err)) == 1) {
		if (w.v.n == 8)
			*n += ledger_u64(w.v.p) - w.place + 1;
		rc = 0;
	}
	walk_end(&w);
	return rc;
}

static int
count_rows(struct ledger_view *v, int db, const char *pipeline, struct ledger_counts *out, struct ss_err *err)
{
	struct walk w;
	int rc = walk_start(&w, v, db, pipeline, err);

	while (rc == 0 && (rc = walk_next(&w, err)) == 1) {
		if (db == DB_DEAD)
			out->dead++;
		else if (row_type(w.v) == EVENT_PARKED)
			out->parked++;
		else
			out->failed++;
		rc = 0;
	}
	walk_end(&w);
	return rc;
}

int
ledger_counts(struct ledger_view *v, const char *pipeline, struct ledger_counts *out, struct ss_err *err)
{
	struct pipe_row row = { 0 };
	struct table_val d;
	int rc;

	memset(out, 0, sizeof(*out));
	if (count_open(v, pipeline, &out->open, err) == -1)
		return -1;
	rc = table_get(v->t, DB_PIPE, pipeline, strlen(pipeline), &d, err);
	if (rc == -1)
		return -1;
	if (rc == 1 && d.n == sizeof(row))
		memcpy(&row, d.p, sizeof(row));
	out->opened = row.opened;
	memcpy(out->ended, row.ended, sizeof(out->ended));
	out->replaced = row.replaced;
	out->doubles = row.doubles;
	if (count_rows(v, DB_EXC, pipeline, out, err) == -1)
		return -1;
	return count_rows(v, DB_DEAD, pipeline, out, err);
}

int
ledger_pipelines(struct ledger_view *v, struct buf *name, struct ss_err *err)
{
	struct table_cursor *c = NULL;
	struct table_val k, d;
	int rc;

	/* names hold no NUL: name NUL is the least key behind name */
	if (name->len > 0 && buf_addc(name, '\0') == -1)
		return err_nomem(err);
	k = (struct table_val){ name->p, name->len };
	rc = table_next(&c, v->t, DB_PIPE, &k, &d, err);
	if (rc == 1) {
		buf_clear(name);
		if (buf_add(name, k.p, k.n) == -1)
			rc = err_nomem(err);
		table_stop(c);
	}
	return rc;
}

static int64_t
time_of(struct yyjson_val *v)
{
	struct json_span s = json_str(v);
	int64_t ms;

	return s.p != NULL && clock_parse(s.p, s.n, &ms) == 0 ? ms : 0;
}

/* An outcome's line, read back. */
static int
exc_read(struct json_mem *mem, uint64_t place, struct table_val d, struct ledger_exc *e, struct ss_err *err)
{
	struct yyjson_val *of, *cause, *wait, *force;
	struct event ev;

	memset(e, 0, sizeof(*e));
	if (d.n <= 8 || event_parse(&ev, mem, (const char *)d.p + 8, d.n - 8, err) == -1)
		return err_set(err, SS_EXIT_DAMAGE, "state/ is damaged: run ss-log rebuild");
	of = json_get(ev.data, "event");
	cause = json_get(ev.data, "cause");
	wait = json_get(ev.data, "wait");
	force = json_get(ev.data, "force");
	e->state = event_type(&ev);
	e->place = place;
	e->since = (int64_t)ledger_u64(d.p);
	(void)json_u64(json_get(of, "seq"), &e->seq);
	(void)json_u64(json_get(ev.data, "attempt"), &e->attempt);
	(void)json_u64(json_get(ev.data, "replay"), &e->replay);
	(void)json_u64(json_get(wait, "behind"), &e->behind);
	e->due = time_of(json_get(ev.data, "due"));
	e->deadline = time_of(json_get(ev.data, "deadline"));
	e->force = force != NULL && json_scalar(force).n == 4;	/* true */
	e->id = json_str(json_get(of, "id"));
	e->source = json_str(json_get(of, "source"));
	e->type = json_str(json_get(of, "type"));
	e->subject = ev.subject;
	e->key = json_str(json_get(of, "key"));
	/* written only where it is another than the subject */
	if (e->key.n == 0)
		e->key = e->subject.n > 0 ? e->subject : e->id;
	e->target = json_str(json_get(ev.data, "target"));
	e->stage = json_str(json_get(ev.data, "stage"));
	e->class = json_str(json_get(cause, "class"));
	e->code = json_str(json_get(cause, "code"));
	e->message = json_str(json_get(cause, "message"));
	e->table = json_str(json_get(wait, "table"));
	e->row = json_str(json_get(wait, "key"));
	return 0;
}

int
ledger_exceptions(struct ledger_view *v, const char *pipeline, int dead,
    int (*each)(void *ctx, const struct ledger_exc *e), void *ctx, struct ss_err *err)
{
	struct ledger_exc e;
	struct walk w;
	int rc = walk_start(&w, v, dead ? DB_DEAD : DB_EXC, pipeline, err);

	while (rc == 0 && (rc = walk_next(&w, err)) == 1) {
		rc = exc_read(&v->mem, w.place, w.v, &e, err);
		if (rc == 0)
			rc = each(ctx, &e);
	}
	walk_end(&w);
	return rc;
}

int
ledger_exception(struct ledger_view *v, const char *pipeline, uint64_t place, int dead,
    struct json_mem *mem, struct ledger_exc *e, struct ss_err *err)
{
	struct buf *key = &v->l->key;
	struct table_val d;
	int rc;

	if (ledger_key(key, pipeline, strlen(pipeline), place, err) == -1)
		return -1;
	rc = table_get(v->t, dead ? DB_DEAD : DB_EXC, key->p, key->len, &d, err);
	if (rc != 1)
		return rc;
	return exc_read(mem, place, d, e, err) == -1 ? -1 : 1;
}

int
ledger_intents(struct ledger_view *v, struct json_span target,
    int (*each)(void *ctx, struct json_span id, uint64_t place), void *ctx, struct ss_err *err)
{
	struct table_cursor *c = NULL;
	struct buf key = { 0 };
	struct table_val k, d;
	const char *id;
	int rc = 0;

	(void)buf_add(&key, target.p, target.n);
	if (buf_addc(&key, '\0') == -1)
		return err_nomem(err);
	k = (struct table_val){ key.p, key.len };
	while (rc == 0 && (rc = table_next(&c, v->t, DB_INTENT, &k, &d, err)) == 1) {
		if (target.p != NULL && (k.n < key.len || memcmp(k.p, key.p, key.len) != 0)) {
			rc = 0;
			break;
		}
		rc = 0;
		id = memchr(k.p, '\0', k.n);
		if (id++ == NULL || d.n != 8)
			continue;
		rc = each(ctx, (struct json_span){ id, k.n - (size_t)(id - (const char *)k.p) }, ledger_u64(d.p));
	}
	table_stop(c);
	buf_free(&key);
	return rc;
}

int
ledger_crashes(struct ledger_view *v, const char *pipeline, uint64_t *n, uint64_t *first, uint64_t *last,
    struct ss_err *err)
{
	uint64_t of, ol;
	struct table_val d;
	int rc;

	*n = *first = *last = 0;
	rc = table_get(v->t, DB_CRASH, pipeline, strlen(pipeline), &d, err);
	if (rc != 1 || d.n != 24)
		return rc == -1 ? -1 : 0;
	*first = ledger_u64((const char *)d.p + 8);
	*last = ledger_u64((const char *)d.p + 16);
	/* once nothing of that work is open the deaths are history */
	rc = ledger_open_run(v, pipeline, *first, &of, &ol, err);
	if (rc == 1 && of <= *last)
		*n = ledger_u64(d.p);
	return rc == -1 ? -1 : 0;
}

int
ledger_cursor(struct ledger_view *v, const char *source, const char *what, const char *name,
    struct buf *out, struct ss_err *err)
{
	struct buf *key = &v->l->key;
	struct table_val d;
	int rc;

	buf_clear(key);
	(void)buf_adds(key, source);
	(void)buf_addc(key, '\0');
	(void)buf_adds(key, what);
	(void)buf_addc(key, '\0');
	if (buf_adds(key, name) == -1)
		return err_nomem(err);
	if (key->len > TABLE_KEY)
		return 0;
	rc = table_get(v->t, DB_CURSOR, key->p, key->len, &d, err);
	if (rc == 1 && buf_add(out, d.p, d.n) == -1)
		rc = err_nomem(err);
	return rc;
}
