/*
 * The ledger's tables as text: one row a line, "table<TAB>key<TAB>value", in
 * key order.  Places are printed as numbers, counters by name; all other bytes
 * as they are when they are printable ASCII, else as \xNN.
 */
#include <string.h>

#include "store/ledger_internal.h"

static void
put_text(struct buf *out, const void *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = p;
	size_t i, from = 0;

	for (i = 0; i < n; i++) {
		if (s[i] >= 0x20 && s[i] < 0x7f && s[i] != '\\')
			continue;
		(void)buf_add(out, s + from, i - from);
		(void)buf_adds(out, "\\x");
		(void)buf_addc(out, hex[s[i] >> 4]);
		(void)buf_addc(out, hex[s[i] & 15]);
		from = i + 1;
	}
	(void)buf_add(out, s + from, n - from);
}

/* name NUL BE64 */
static void
put_place_key(struct buf *out, struct table_val k)
{
	if (k.n < 9) {
		put_text(out, k.p, k.n);
		return;
	}
	put_text(out, k.p, k.n - 9);
	(void)buf_addc(out, ' ');
	(void)buf_addu(out, ledger_u64((const char *)k.p + k.n - 8));
}

static void
put_numbers(struct buf *out, const void *p, size_t n)
{
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		if (i > 0)
			(void)buf_addc(out, ' ');
		(void)buf_addu(out, ledger_u64((const char *)p + i));
	}
	if (i < n)
		put_text(out, (const char *)p + i, n - i);
}

static void
put_pipe(struct buf *out, struct table_val v)
{
	struct pipe_row row;
	int t;

	if (v.n != sizeof(row)) {
		put_text(out, v.p, v.n);
		return;
	}
	memcpy(&row, v.p, sizeof(row));
	(void)buf_addf(out, "opened=%llu", (unsigned long long)row.opened);
	for (t = EVENT_DELIVERED; t <= EVENT_DEAD; t++)
		(void)buf_addf(out, " %s=%llu", event_type_name((enum event_type)t) + 3,
		    (unsigned long long)row.ended[t]);
	(void)buf_addf(out, " replaced=%llu doubles=%llu", (unsigned long long)row.replaced,
	    (unsigned long long)row.doubles);
}

static void
put_row(struct buf *out, enum ledger_db db, struct table_val k, struct table_val v)
{
	int places = db == DB_OPEN || db == DB_EXC || db == DB_DEAD;

	if (places)
		put_place_key(out, k);
	else if (db == DB_SEEN)
		(void)buf_addhex(out, k.p, k.n);
	else
		put_text(out, k.p, k.n);
	(void)buf_addc(out, '\t');
	if (db == DB_PIPE) {
		put_pipe(out, v);
	} else if ((db == DB_EXC || db == DB_DEAD) && v.n >= 8) {
		put_numbers(out, v.p, 8);
		(void)buf_addc(out, ' ');
		put_text(out, (const char *)v.p + 8, v.n - 8);
	} else if (db == DB_OPEN || db == DB_SEEN || db == DB_INTENT || db == DB_CRASH ||
	    (db == DB_META && (k.n == 7 || k.n == 4))) {
		put_numbers(out, v.p, v.n);
	} else if (db == DB_HELD) {
		(void)buf_addhex(out, v.p, v.n);
	} else {
		put_text(out, v.p, v.n);
	}
	(void)buf_addc(out, '\n');
}

int
ledger_dump(struct ledger_view *v, struct buf *out, struct ss_err *err)
{
	struct table_cursor *c = NULL;
	struct table_val k, d;
	int db, rc;

	for (db = 0; db < DB_COUNT; db++) {
		k = (struct table_val){ NULL, 0 };
		while ((rc = table_next(&c, v->t, db, &k, &d, err)) == 1) {
			(void)buf_adds(out, ledger_dbs[db]);
			(void)buf_addc(out, '\t');
			put_row(out, (enum ledger_db)db, k, d);
			if (out->failed) {
				table_stop(c);
				return err_nomem(err);
			}
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}
