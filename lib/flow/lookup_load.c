/* Filling a look-up table from NDJSON or CSV. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "event/line.h"
#include "flow/lookup.h"
#include "peer/csv.h"
#include "peer/text.h"
#include "store/rows.h"

#define SNIFF 65536
#define ROW_MAX ((size_t)256 << 10)	/* an event with it must still fit a line */

struct load {
	const struct lookup_load *o;
	const char *key, *name;
	struct rows_load *to;
	struct ss_err *err;
	int fd;
	char *head;		/* the first bytes, read to see what it is */
	size_t at, end;
	uint64_t rows;
	struct buf row;
};

static int
put(struct load *l, struct json_span key, const char *row, size_t n, uint64_t line)
{
	int rc;

	if (key.n == 0)
		rc = err_set(l->err, SS_EXIT_USAGE, "no key: '%s' is absent or blank", l->key);
	else if (n > ROW_MAX)
		rc = err_set(l->err, SS_EXIT_USAGE, "a row of more than %zu KiB", ROW_MAX >> 10);
	else
		rc = rows_load_put(l->to, key.p, key.n, row, n, l->err);
	if (rc == -1)
		err_prefix(l->err, "%s:%llu", l->name, (unsigned long long)line);
	l->rows++;
	return rc;
}

/* --- NDJSON ---------------------------------------------------------------------- */

static int
one_object(struct load *l, struct json_mem *mem, const struct line *in, int kind)
{
	struct yyjson_val *v = NULL;
	const char *p = in->p, *end = p + in->n;
	int rc = 0;

	if (kind == LINE_LONG)
		rc = err_set(l->err, SS_EXIT_USAGE, "line longer than 1 MiB");
	else if ((v = json_read(mem, in->p, in->n, l->err)) == NULL)
		rc = -1;
	while (rc == 0 && p < end && *p != '{' && (*p == ' ' || *p == '\t'))
		p++;
	if (rc == 0 && *p != '{')
		rc = err_set(l->err, SS_EXIT_USAGE, "not a JSON object");
	if (rc == -1) {
		err_prefix(l->err, "%s:%llu", l->name, (unsigned long long)in->number);
		return -1;
	}
	while (end[-1] != '}')
		end--;
	return put(l, json_scalar(json_get(v, l->key)), p, (size_t)(end - p), in->number);
}

static int
load_ndjson(struct load *l)
{
	struct line_reader r;
	struct json_mem mem = { 0 };
	struct line in;
	int k, rc = 0;

	line_init(&r, l->fd, 0, l->name);
	/* what was read to see what it is goes first */
	r.p = l->head;
	r.cap = SNIFF;
	r.start = l->at;
	r.end = l->end;
	l->head = NULL;
	while (rc == 0 && (k = line_next(&r, &in, l->err)) != LINE_END)
		rc = k == -1 ? -1 : one_object(l, &mem, &in, k);
	line_free(&r);
	json_mem_free(&mem);
	return rc;
}

/* --- CSV -------------------------------------------------------------------------- */

static ssize_t
read_on(void *ctx, char *p, size_t n, struct ss_err *err)
{
	struct load *l = ctx;
	size_t have = l->end - l->at;

	if (have == 0)
		return io_read(l->fd, p, n, l->name, err);
	if (n > have)
		n = have;
	memcpy(p, l->head + l->at, n);
	l->at += n;
	return (ssize_t)n;
}

struct header {
	struct buf text;
	size_t *at, n, key;	/* at: n + 1 places in text */
};

static int
take_header(struct load *l, struct header *h, const struct csv_row *row)
{
	size_t i, k;

	h->at = calloc(row->n + 1, sizeof(*h->at));
	if (h->at == NULL)
		return err_nomem(l->err);
	h->n = row->n;
	h->key = h->n;
	for (i = 0; i < row->n; i++) {
		const struct csv_cell *c = &row->cell[i];

		if (buf_add(&h->text, c->p, c->n) == -1)
			return err_nomem(l->err);
		h->at[i + 1] = h->text.len;
		if (c->n == strlen(l->key) && memcmp(c->p, l->key, c->n) == 0)
			h->key = i;
		for (k = 0; k < i; k++)
			if (c->n == h->at[k + 1] - h->at[k] &&
			    memcmp(h->text.p + h->at[k], c->p, c->n) == 0)
				return err_set(l->err, SS_EXIT_USAGE,
				    "%s: two columns are named '%.*s'", l->name,
				    (int)c->n, c->p);
	}
	if (h->key == h->n)
		return err_set(l->err, SS_EXIT_USAGE,
		    "%s: no column '%s' in the header (--key names it)", l->name, l->key);
	return 0;
}

static int
take_row(struct load *l, const struct header *h, const struct csv_row *row)
{
	const struct csv_cell *k = &row->cell[h->key];
	size_t i;

	if (row->n != h->n) {
		err_set(l->err, SS_EXIT_USAGE, "%zu cells, the header has %zu", row->n, h->n);
		err_prefix(l->err, "%s:%llu", l->name, (unsigned long long)row->line);
		return -1;
	}
	buf_clear(&l->row);
	(void)buf_addc(&l->row, '{');
	for (i = 0; i < h->n; i++) {
		if (i > 0)
			(void)buf_addc(&l->row, ',');
		(void)json_put_str(&l->row, h->text.p + h->at[i], h->at[i + 1] - h->at[i]);
		(void)buf_addc(&l->row, ':');
		(void)json_put_str(&l->row, row->cell[i].p, row->cell[i].n);
	}
	if (buf_addc(&l->row, '}') == -1 || l->row.failed)
		return err_nomem(l->err);
	return put(l, (struct json_span){ k->p, k->n }, l->row.p, l->row.len, row->line);
}

static int
one_row(struct load *l, struct header *h, struct text *text, struct csv_row *row)
{
	const char *bad = row->bad != CSV_FINE ? csv_bad_text(row->bad) : NULL;
	int rc = bad != NULL ? 0 : text_row(text, row, l->err);

	if (rc == -1)
		return -1;
	if (rc == 0)
		return err_set(l->err, SS_EXIT_USAGE, "%s:%llu: %s", l->name,
		    (unsigned long long)row->line,
		    bad != NULL ? bad : "no text in the file's encoding");
	if (row->n == 0 || (row->n == 1 && row->cell[0].n == 0))
		return 0;
	return h->at == NULL ? take_header(l, h, row) : take_row(l, h, row);
}

static int
load_csv(struct load *l)
{
	struct header h = { .at = NULL };
	struct text *text = text_open(NULL, read_on, l, l->err);
	struct csv *csv = text == NULL ? NULL : csv_open(0, text_read, text, l->err);
	struct csv_row row;
	int rc = csv == NULL ? -1 : 1;

	while (rc == 1 && (rc = csv_next(csv, &row, l->err)) == 1)
		if (one_row(l, &h, text, &row) == -1)
			rc = -1;
	csv_close(csv);
	text_close(text);
	buf_free(&h.text);
	free(h.at);
	return rc;
}

/* --- */

static int
open_in(struct load *l)
{
	ssize_t n = 1;
	size_t i;

	l->head = malloc(SNIFF);
	if (l->head == NULL)
		return err_nomem(l->err);
	l->fd = l->o->file == NULL || strcmp(l->o->file, "-") == 0 ? 0 :
	    open(l->o->file, O_RDONLY | O_CLOEXEC);
	if (l->fd == -1)
		return err_sys(l->err, SS_EXIT_USAGE, "cannot open '%s'", l->o->file);
	for (;;) {
		for (i = 0; i < l->end && strchr(" \t\r\n", l->head[i]) != NULL &&
		    l->head[i] != '\0'; i++)
			;
		if (i < l->end || n == 0 || l->end == SNIFF)
			break;
		n = io_read(l->fd, l->head + l->end, SNIFF - l->end, l->name, l->err);
		if (n == -1)
			return -1;
		l->end += (size_t)n;
	}
	return i < l->end && l->head[i] == '{';
}

/* Nothing came: is that what is meant? */
static int
check_empty(struct load *l)
{
	struct rows *old;
	uint64_t n = 0;
	int rc;

	if (l->rows > 0 || l->o->add || l->o->empty)
		return 0;
	if (rows_open(&old, l->o->home, l->o->table, l->err) == -1)
		return -1;
	rc = rows_count(old, &n, l->err);
	rows_close(old);
	if (rc == 0 && n > 0)
		return err_set(l->err, SS_EXIT_AGAIN,
		    "%s holds no rows, '%s' has %llu: left as it was (--allow-empty empties it)",
		    l->name, l->o->table, (unsigned long long)n);
	return rc;
}

int
lookup_load(const struct lookup_load *o, struct ss_err *err)
{
	struct load l = { .o = o, .err = err, .fd = -1, .key = o->key != NULL ? o->key : "key",
		.name = o->file == NULL || strcmp(o->file, "-") == 0 ? "stdin" : o->file };
	int rc = rows_check_name(o->table, err) == -1 ? -1 : open_in(&l);

	if (rc != -1 && rows_load_open(&l.to, o->home, o->table, o->add, err) == -1)
		rc = -1;
	if (rc != -1)
		rc = rc == 1 ? load_ndjson(&l) : load_csv(&l);
	if (rc != -1)
		rc = check_empty(&l);
	if (rc != -1)
		rc = rows_load_publish(l.to, err);
	rows_load_close(l.to);
	if (l.fd > 0)
		(void)close(l.fd);
	free(l.head);
	buf_free(&l.row);
	return rc;
}
