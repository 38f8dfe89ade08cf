#include "peer/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "peer/layoutkinds.h"

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct json_span
trim(struct json_span s)
{
	while (s.n > 0 && is_blank(*s.p))
		s.p++, s.n--;
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

int
layout_header(struct layout_header *h, const struct csv_row *row, struct ss_err *err)
{
	size_t all = 1, i, k;
	char *o;

	*h = (struct layout_header){ .n = row->n };
	for (i = 0; i < row->n; i++)
		all += row->cell[i].n * (size_t)2;
	h->name = calloc(row->n + 1, sizeof(*h->name));
	h->norm = calloc(row->n + 1, sizeof(*h->norm));
	h->text = o = malloc(all);
	if (h->name == NULL || h->norm == NULL || o == NULL) {
		layout_header_free(h);
		return err_nomem(err);
	}
	for (i = 0; i < row->n; i++) {
		struct json_span s = trim((struct json_span){ row->cell[i].p, row->cell[i].n });

		if (s.n > 0)
			memcpy(o, s.p, s.n);
		h->name[i] = (struct json_span){ o, s.n };
		o += s.n;
		h->norm[i] = (struct json_span){ o, s.n };
		for (k = 0; k < s.n; k++)
			*o++ = (char)(s.p[k] >= 'A' && s.p[k] <= 'Z' ? s.p[k] | 32 : s.p[k]);
	}
	return 0;
}

void
layout_header_free(struct layout_header *h)
{
	free(h->name);
	free(h->norm);
	free(h->text);
	*h = (struct layout_header){ 0 };
}

void
layout_header_json(const struct layout_header *h, struct buf *b)
{
	size_t i;

	(void)buf_addc(b, '[');
	for (i = 0; i < h->n; i++) {
		if (i > 0)
			(void)buf_addc(b, ',');
		(void)json_put_str(b, h->name[i].p, h->name[i].n);
	}
	(void)buf_addc(b, ']');
}

/* The header's start, for the message. */
static void
seen(const struct layout_header *h, char *to, size_t cap)
{
	size_t i, n = 0;

	for (i = 0; i < h->n && n + 1 < cap; i++)
		n += (size_t)snprintf(to + n, cap - n, "%s%.*s", i > 0 ? "," : "",
		    (int)(h->name[i].n < 200 ? h->name[i].n : 200), h->name[i].p);
	if (n + 1 >= cap)
		memcpy(to + cap - 4, "...", 4);
}

struct layout *
layout_open(const struct layout_header *h, const struct layout_opts *o, struct csvevent *e,
    struct ss_err *err)
{
	static int (*const kind[])(struct layout **, const struct layout_header *,
	    const struct layout_opts *, struct csvevent *, struct ss_err *) = {
		layoutitem_open, layoutproduct_open };
	struct layout *l = NULL;
	char text[600];
	size_t i;
	int rc;

	if (o->rows || o->map != NULL)
		return layoutrow_open(&l, h, o, e, err) == 1 ? l : NULL;
	for (i = 0; i < sizeof(kind) / sizeof(*kind); i++)
		if ((rc = kind[i](&l, h, o, e, err)) != 0)
			return rc == 1 ? l : NULL;
	seen(h, text, sizeof(text));
	err_set(err, SS_EXIT_USAGE, "the header is of no known layout: %s: name a jq program that "
	    "makes events of its rows with --map, or take them as they are with --rows", text);
	return NULL;
}

/* --- columns and cells -------------------------------------------------------- */

int
layout_col(struct layout_cols *c, size_t col, enum layout_cell kind, struct json_span name,
    const char *key, size_t n, struct ss_err *err)
{
	struct layout_col *v = realloc(c->v, (c->n + 1) * sizeof(*v)), *x;

	if (v == NULL)
		return err_nomem(err);
	c->v = v;
	x = &v[c->n++];
	*x = (struct layout_col){ .col = col, .kind = kind, .name = name };
	(void)buf_addc(&x->key, ',');
	(void)json_put_str(&x->key, key, n);
	(void)buf_addc(&x->key, ':');
	return x->key.failed ? err_nomem(err) : 0;
}

void
layout_cols_free(struct layout_cols *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		buf_free(&c->v[i].key);
	free(c->v);
	*c = (struct layout_cols){ 0 };
}

struct json_span
layout_value(const struct csv_cell *c, enum layout_cell kind)
{
	struct json_span s = { c->p, c->n };

	if (kind != LAYOUT_TEXT)
		s = trim(s);
	if (s.n >= 2 && s.p[0] == '\'' && (s.p[1] == '=' || s.p[1] == '+' || s.p[1] == '-' ||
	    s.p[1] == '@' || (s.p[1] >= '0' && s.p[1] <= '9')))
		s.p++, s.n--;
	return s;
}

int
layout_blank(const struct csv_cell *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (!is_blank(c->p[i]))
			return 0;
	return 1;
}

int
layout_bad(struct csvevent_bad *bad, const char *code, struct json_span name, const char *why,
    struct json_span cell)
{
	/* the cut may split a character: json_put_str mends that */
	bad->cls = "value";
	bad->code = code;
	if (cell.p == NULL)
		(void)snprintf(bad->message, sizeof(bad->message), "%.*s: %s",
		    (int)(name.n < 100 ? name.n : 100), name.p, why);
	else
		(void)snprintf(bad->message, sizeof(bad->message), "%.*s: %s: '%.*s'",
		    (int)(name.n < 100 ? name.n : 100), name.p, why,
		    (int)(cell.n < 100 ? cell.n : 100), cell.p);
	return 0;
}

/* digits[.digits], the form nearly every price has; others ask json_decimal. */
static int
is_decimal(struct json_span s)
{
	size_t i = s.n > 0 && s.p[0] == '-', start = i;
	struct buf b = { 0 };
	int ok;

	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	if (i > start && i < 64) {
		if (i == s.n)
			return 1;
		if (s.p[i] == '.') {
			for (start = ++i; i < s.n && s.p[i] >= '0' && s.p[i] <= '9';)
				i++;
			if (i == s.n && i > start && i < 128)
				return 1;
		}
	}
	ok = json_decimal(s.p, s.n, &b) != -1;
	buf_free(&b);
	return ok;
}

int
layout_put(struct buf *b, const struct layout_cols *cols, const struct csv_row *row,
    struct csvevent_bad *bad)
{
	size_t i;

	for (i = 0; i < cols->n; i++) {
		const struct layout_col *c = &cols->v[i];
		struct json_span s = layout_value(&row->cell[c->col], c->kind);

		if (c->kind == LAYOUT_DECIMAL && s.n > 0 && !is_decimal(s))
			return layout_bad(bad, "not-a-number", c->name, "not a number", s);
		(void)buf_add(b, c->key.p, c->key.len);
		(void)json_put_str(b, s.p, s.n);
	}
	return 1;
}

int
layout_integer(struct buf *b, struct json_span s, struct json_span name, struct csvevent_bad *bad)
{
	size_t i, from = b->len, digits = s.n > 0 && s.p[0] == '-';

	for (i = digits; i < s.n && s.p[i] >= '0' && s.p[i] <= '9';)
		i++;
	digits = i - digits;
	/* as JSON has it already: no leading zero, no -0, surely below 2^53 */
	if (i == s.n && digits >= 1 && digits <= 15 &&
	    (s.p[s.n - digits] != '0' || (digits == 1 && s.n == 1)))
		return buf_add(b, s.p, s.n), 1;
	if (json_decimal(s.p, s.n, b) == -1)
		return layout_bad(bad, "not-an-integer", name, "not an integer", s);
	if (memchr(b->p + from, '.', b->len - from) != NULL ||
	    memchr(b->p + from, 'e', b->len - from) != NULL || b->len - from > 15) {
		b->len = from;
		return layout_bad(bad, "not-an-integer", name, "not an integer", s);
	}
	return 1;
}

static void
put_escaped(struct buf *b, struct json_span s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '%')
			(void)buf_adds(b, "%25");
		else if (s.p[i] == '/')
			(void)buf_adds(b, "%2F");
		else
			(void)buf_addc(b, s.p[i]);
	}
}

void
layout_subject(struct buf *b, struct json_span handle, const struct json_span *value, size_t n)
{
	size_t i;

	while (n > 0 && value[n - 1].n == 0)
		n--;
	put_escaped(b, handle);
	for (i = 0; i < n; i++) {
		(void)buf_addc(b, '/');
		put_escaped(b, value[i]);
	}
}
