/* u-base - tables for err, buf, num, clock, uuid, crc32c, hash, io */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/uuid.h"

static void
err(void **state)
{
	static const struct { int sys; enum ss_exit in, out; } t[] = {
		{ ENOSPC, SS_EXIT_USAGE, SS_EXIT_AGAIN }, { EDQUOT, SS_EXIT_USAGE, SS_EXIT_AGAIN },
		{ EMFILE, SS_EXIT_USAGE, SS_EXIT_AGAIN }, { ENFILE, SS_EXIT_OPEN, SS_EXIT_AGAIN },
		{ ENOMEM, SS_EXIT_USAGE, SS_EXIT_AGAIN }, { EAGAIN, SS_EXIT_USAGE, SS_EXIT_AGAIN },
		{ ENOSPC, SS_EXIT_DAMAGE, SS_EXIT_DAMAGE }, { ENOENT, SS_EXIT_USAGE, SS_EXIT_USAGE },
		{ EIO, SS_EXIT_AGAIN, SS_EXIT_AGAIN },
	};
	struct ss_err e = { 0 };
	char big[3000];
	size_t i;

	(void)state;
	assert_int_equal(err_set(&e, SS_EXIT_USAGE, "bad '%s' %d", "a\nb\x1b[1m\x7f", 7), -1);
	assert_string_equal(e.text, "bad 'a?b?[1m?' 7");
	assert_int_equal(e.exit, SS_EXIT_USAGE);
	assert_int_equal(e.sys, 0);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		errno = t[i].sys;
		assert_int_equal(err_sys(&e, t[i].in, "x"), -1);
		assert_int_equal(e.exit, t[i].out);
		assert_int_equal(e.sys, t[i].sys);
	}
	errno = ENOENT;
	err_sys(&e, SS_EXIT_USAGE, "cannot open '%s'", "q");
	assert_string_equal(e.text, "cannot open 'q': No such file or directory");
	err_prefix(&e, "peer %d", 3);
	assert_string_equal(e.text, "peer 3: cannot open 'q': No such file or directory");
	assert_int_equal(e.sys, ENOENT);
	/* anything that is too long is cut, never overrun */
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_set(&e, SS_EXIT_NO, "%s", big);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	err_prefix(&e, "p");
	assert_memory_equal(e.text, "p: xxx", 6);
	assert_true(strlen(e.text) < sizeof(e.text));
	err_prefix(&e, "%s", big);
	assert_true(strlen(e.text) < sizeof(e.text));
	errno = ENOENT;
	err_sys(&e, SS_EXIT_NO, "%s", big);
	assert_true(strlen(e.text) < sizeof(e.text));
	assert_int_equal(err_set(NULL, SS_EXIT_NO, "x"), -1);
	assert_int_equal(err_nomem(NULL), -1);
	err_prefix(NULL, "x");
	assert_int_equal(err_worse(SS_EXIT_AGAIN, SS_EXIT_OPEN), SS_EXIT_AGAIN);
	assert_int_equal(err_worse(SS_EXIT_OK, SS_EXIT_DAMAGE), SS_EXIT_DAMAGE);
}

/* reliability 5: what a terminal obeys, also as UTF-8; text stays text. */
static void
err_terminal(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "caf\xc3\xa9 \xe4\xb8\x96", "caf\xc3\xa9 \xe4\xb8\x96" },
		{ "a\xc2\x9b" "31m", "a??31m" },		/* C1: CSI */
		{ "a\xe2\x80\xae" "b", "a???b" },	/* U+202E */
		{ "a\xe2\x81\xa6" "b", "a???b" },	/* U+2066 */
		{ "tab\there", "tab?here" },
	};
	struct ss_err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		err_set(&e, SS_EXIT_NO, "%s", t[i].in);
		assert_string_equal(e.text, t[i].out);
	}
}

static void
buf(void **state)
{
	struct buf b = { .max = 64 };
	size_t i;

	(void)state;
	buf_addu(&b, 0);
	buf_addc(&b, ' ');
	buf_addu(&b, UINT64_MAX);
	buf_addc(&b, ' ');
	buf_addi(&b, INT64_MIN);
	assert_string_equal(buf_cstr(&b), "0 18446744073709551615 -9223372036854775808");
	buf_clear(&b);
	buf_addi(&b, -7);
	buf_addhex(&b, "\x00\xff\x1a", 3);
	buf_addf(&b, "%s-%d", "x", 5);
	assert_string_equal(buf_cstr(&b), "-700ff1ax-5");
	buf_shift(&b, 2);
	assert_string_equal(buf_cstr(&b), "00ff1ax-5");
	buf_shift(&b, 100);
	assert_int_equal(b.len, 0);
	/* the limit is exact, and a refusal changes nothing but failed */
	for (i = 0; i < 64; i++)
		assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_int_equal(buf_addc(&b, 'y'), -1);
	assert_int_equal(b.len, 64);
	assert_true(b.failed);
	assert_int_equal(strlen(buf_cstr(&b)), 64);
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_true(b.failed);
	assert_int_equal(buf_room(&b, SIZE_MAX), -1);
	buf_clear(&b);
	assert_false(b.failed);
	/* text that just fits is not refused for its terminator */
	buf_clear(&b);
	assert_int_equal(buf_addf(&b, "%064d", 1), 0);
	assert_int_equal(b.len, 64);
	buf_free(&b);
	assert_null(b.p);
	/* nothing in it, nor any memory: an empty string all the same */
	assert_string_equal(buf_cstr(&b), "");
	buf_free(&b);
	assert_int_equal(b.max, 64);
	buf_free(&b);
	buf_free(NULL);
}

static void
num(void **state)
{
	static const struct { const char *s; uint64_t min, max; int rc; uint64_t v; } u[] = {
		{ "0", 0, 9, 0, 0 }, { "9", 0, 9, 0, 9 }, { "10", 0, 9, -1, 0 }, { "007", 0, 9, 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", 0, UINT64_MAX, -1, 0 },
		{ "99999999999999999999999", 0, UINT64_MAX, -1, 0 },
		{ "", 0, 9, -1, 0 }, { "-1", 0, 9, -1, 0 }, { "+1", 0, 9, -1, 0 }, { " 1", 0, 9, -1, 0 },
		{ "1 ", 0, 9, -1, 0 }, { "1x", 0, 9, -1, 0 }, { "0x1", 0, 9, -1, 0 }, { "2", 3, 9, -1, 0 },
	};
	static const struct { const char *s; int64_t ms; } d[] = {
		{ "0", 0 }, { "250ms", 250 }, { "2s", 2000 }, { "5m", 300000 }, { "4h", 14400000 },
		{ "7d", 604800000 }, { "1h30m", 5400000 }, { "30", 30000 }, { "0s", 0 }, { "0h5s", 5000 },
		{ "1m0s", 60000 }, { "36525d", INT64_C(3155760000000) },
		{ "36526d", -1 }, { "36525d1ms", -1 }, { "", -1 }, { "s", -1 }, { "-1s", -1 }, { "1.5s", -1 },
		{ "1 s", -1 }, { "1h30", -1 }, { "0h30", -1 }, { "1w", -1 }, { "5mm", -1 }, { "1sm", -1 },
		{ "18446744073709551616ms", -1 }, { "99999999999999999d", -1 }, { "5M", -1 },
	};
	static const struct { const char *s; uint64_t v; int rc; } z[] = {
		{ "0", 0, 0 }, { "4096", 4096, 0 }, { "64k", 65536, 0 }, { "16M", 16777216, 0 },
		{ "2G", UINT64_C(2147483648), 0 }, { "1KiB", 1024, 0 }, { "1mib", 1048576, 0 },
		{ "8589934591G", UINT64_C(9223372035781033984), 0 }, { "8589934592G", 0, -1 },
		{ "", 0, -1 }, { "k", 0, -1 }, { "1kb", 0, -1 }, { "1.5k", 0, -1 }, { "-1", 0, -1 },
		{ "1 k", 0, -1 }, { "99999999999999999999", 0, -1 },
	};
	struct ss_err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(u) / sizeof(u[0]); i++) {
		uint64_t v = 42;
		int rc = num_u64(u[i].s, strlen(u[i].s), u[i].min, u[i].max, &v, "--n", &e);

		if (rc != u[i].rc || v != (rc == 0 ? u[i].v : 42))
			fail_msg("'%s'", u[i].s);
		if (rc == -1)
			assert_int_equal(e.exit, SS_EXIT_USAGE);
	}
	(void)num_u64("12", 2, 3, 9, &(uint64_t){ 0 }, "--n", &e);
	assert_string_equal(e.text, "--n: '12' is not a whole number from 3 to 9");
	for (i = 0; i < sizeof(d) / sizeof(d[0]); i++) {
		int64_t ms = -1;

		(void)num_duration(d[i].s, &ms, "--t", &e);
		if (ms != d[i].ms)
			fail_msg("'%s': %lld", d[i].s, (long long)ms);
	}
	for (i = 0; i < sizeof(z) / sizeof(z[0]); i++) {
		uint64_t v = 42;

		if (num_size(z[i].s, &v, "--z", &e) != z[i].rc || v != (z[i].rc == 0 ? z[i].v : 42))
			fail_msg("'%s': %llu", z[i].s, (unsigned long long)v);
	}
}

static void
clock_text(void **state)
{
	static const struct { const char *in; int64_t ms; const char *out; } t[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z" },
		{ "2026-11-21T09:00:00.123Z", INT64_C(1795251600123), "2026-11-21T09:00:00.123Z" },
		{ "2026-11-21t09:00:00.1z", INT64_C(1795251600100), "2026-11-21T09:00:00.100Z" },
		{ "2026-11-21 09:00:00Z", INT64_C(1795251600000), "2026-11-21T09:00:00.000Z" },
		{ "2026-11-21T09:00:00.123999999999Z", INT64_C(1795251600123), NULL },
		{ "2026-11-21T10:30:00+01:30", INT64_C(1795251600000), NULL },
		{ "2026-11-20T21:00:00-12:00", INT64_C(1795251600000), NULL },
		{ "2026-11-21T09:00:00-00:00", INT64_C(1795251600000), NULL },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
		{ "2024-02-29T23:59:59.999Z", INT64_C(1709251199999), "2024-02-29T23:59:59.999Z" },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228799999), "2016-12-31T23:59:59.999Z" },
		{ "1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z" },
		{ "1900-03-01T00:00:00Z", INT64_C(-2203891200000), "1900-03-01T00:00:00.000Z" },
		{ "0000-01-01T00:00:00Z", INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z" },
		{ "0000-02-29T00:00:00Z", INT64_C(-62162121600000), "0000-02-29T00:00:00.000Z" },
		{ "9999-12-31T23:59:59.999Z", INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
	};
	static const char *const bad[] = { "", "2026-11-21", "2026-11-21T09:00:00", "2026-11-21T09:00Z",
		"2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60",
		"2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01", "2026-01-01T00:00:00ZZ",
		"2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z", "2026-1-1T00:00:00Z0000",
		"+026-01-01T00:00:00Z", "2026-01-01_00:00:00Z", "10000-01-01T00:00:00Z" };
	char out[CLOCK_TEXT];
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ms = 42;
		if (clock_parse(t[i].in, strlen(t[i].in), &ms) == -1 || ms != t[i].ms)
			fail_msg("%s: %lld", t[i].in, (long long)ms);
		clock_format(ms, out);
		if (t[i].out != NULL)
			assert_string_equal(out, t[i].out);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* no byte behind the text is looked at: the heap tells */
		size_t n = strlen(bad[i]);
		char *copy = malloc(n + (n == 0));

		assert_non_null(copy);
		memcpy(copy, bad[i], n);
		if (clock_parse(copy, n, &ms) != -1)
			fail_msg("'%s'", bad[i]);
		free(copy);
	}
	/* whatever falls outside is held within four digits */
	clock_format(INT64_MAX, out);
	assert_memory_equal(out, "9999-12-31T", 11);
	clock_format(INT64_MIN, out);
	assert_memory_equal(out, "0000-01-01T", 11);
}

static void
clock_days(void **state)
{
	struct clock c = { 0 };
	char out[CLOCK_TEXT];
	int64_t ms, day;
	int y, m, d;

	(void)state;
	/* each day of 800 years there and back */
	for (day = -146097; day < 146097; day++) {
		clock_format(day * 86400000 + 1, out);
		assert_int_equal(clock_parse(out, CLOCK_TEXT - 1, &ms), 0);
		assert_int_equal(ms, day * 86400000 + 1);
	}
	clock_date(-1, &y, &m, &d);
	assert_true(y == 1969 && m == 12 && d == 31);
	clock_date(INT64_C(951782400000), &y, &m, &d);
	assert_true(y == 2000 && m == 2 && d == 29);
	/* --now */
	assert_int_equal(clock_fix(&c, "@1795251600.5", NULL), 0);
	assert_int_equal(clock_now(&c), INT64_C(1795251600500));
	assert_int_equal(clock_fix(&c, "2026-11-21T09:00:00Z", NULL), 0);
	assert_int_equal(clock_now(&c), INT64_C(1795251600000));
	assert_int_equal(clock_fix(&c, "@0", NULL), 0);
	assert_int_equal(clock_now(&c), 0);
	assert_int_equal(clock_fix(&c, "@", NULL), -1);
	assert_int_equal(clock_fix(&c, "@-1", NULL), -1);
	assert_int_equal(clock_fix(&c, "@1x", NULL), -1);
	assert_int_equal(clock_fix(&c, "@1.", NULL), -1);
	assert_int_equal(clock_fix(&c, "@253402300800", NULL), -1);
	assert_int_equal(clock_fix(&c, "yesterday", NULL), -1);
	assert_int_equal(clock_fix(&c, "", NULL), -1);
	c.fixed = 0;
	assert_true(clock_now(&c) > INT64_C(1700000000000));
	assert_true(clock_now(NULL) > INT64_C(1700000000000));
	ms = clock_mono();
	clock_sleep(20);
	assert_true(clock_mono() - ms >= 19);
	clock_sleep(-1);
}

static void
uuid(void **state)
{
	static const struct { const char *s; int v; } t[] = {
		{ "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 7 },	/* RFC 9562 appendix A.6 */
		{ "2ed6657d-e927-568b-95e1-2665a8aea6a2", 5 },	/* A.4 */
		{ "919108f7-52d1-4320-9bac-f847db4148a8", 4 },	/* A.3 */
		{ "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", 7 },
		{ "00000000-0000-0000-0000-000000000000", 0 },
		{ "ffffffff-ffff-ffff-ffff-ffffffffffff", 0 },
		{ "017f22e2-79b0-9cc3-98c4-dc0c0c07398f", 0 },
		{ "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f", 0 },
		{ "017f22e279b0-7cc3-98c4-dc0c0c07398f-", 0 },
		{ "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", 0 },
		{ "017f22e2-79b0-7cc3-98c4-dc0c0c07398", 0 },
		{ "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", 0 },
		{ "", 0 },
	};
	const char *ab_c[] = { "ab", "c", NULL }, *a_bc[] = { "a", "bc", NULL };
	const size_t two_one[] = { 2, 1 }, one_two[] = { 1, 2 };
	struct rng r;
	struct uuid_gen g = { .rng = &r };
	char last[UUID_TEXT] = "", id[UUID_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (uuid_version(t[i].s, strlen(t[i].s)) != t[i].v)
			fail_msg("%s", t[i].s);
	assert_int_equal(uuid_version("017f22e2-79b0-7c\0003-98c4-dc0c0c07398f", 36), 0);
	assert_int_equal(uuid_version("017f22e2-79b0-7cc3-\0008c4-dc0c0c07398f", 36), 0);
	assert_int_equal(uuid_ms(t[0].s), INT64_C(1645557742000));
	assert_int_equal(uuid_ms(t[3].s), INT64_C(1645557742000));
	/* a clock that stands, goes back, goes on */
	rng_init(&r, 1, 1);
	for (i = 0; i < 30000; i++) {
		int64_t now = INT64_C(1795251600000) + (i < 20000 ? 0 : i < 21000 ? -5000 : (int64_t)i - 21000);

		uuid_v7(&g, now, id);
		assert_int_equal(uuid_version(id, 36), 7);
		if (strcmp(id, last) <= 0)
			fail_msg("%zu: %s after %s", i, id, last);
		memcpy(last, id, sizeof(id));
	}
	/* the same seed gives the same */
	rng_init(&r, 1, 1);
	g = (struct uuid_gen){ .rng = &r };
	uuid_v7(&g, INT64_C(1795251600000), id);
	assert_int_equal(uuid_ms(id), INT64_C(1795251600000));
	rng_init(&r, 1, 1);
	g = (struct uuid_gen){ .rng = &r };
	uuid_v7(&g, INT64_C(1795251600000), last);
	assert_string_equal(id, last);
	assert_int_equal(uuid_v5(ab_c, two_one, id), 0);
	assert_int_equal(uuid_version(id, 36), 5);
	assert_int_equal(uuid_v5(a_bc, one_two, last), 0);
	assert_string_not_equal(id, last);
	assert_int_equal(uuid_v5(ab_c, two_one, last), 0);
	assert_string_equal(id, last);
	/* on disk for ever: this one must never change */
	assert_string_equal(id, "efb08c5e-4d1c-5f11-9c44-0737bad0c00d");
}

static void
crc32c(void **state)
{
	unsigned char b[600];
	struct rng r;
	size_t i, n;

	(void)state;
	/* RFC 3720 appendix B.4, and the check value of the catalogues */
	memset(b, 0, 32);
	assert_int_equal(crc32c_update(0, b, 32), 0x8a9136aa);
	memset(b, 0xff, 32);
	assert_int_equal(crc32c_update(0, b, 32), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		b[i] = (unsigned char)i;
	assert_int_equal(crc32c_update(0, b, 32), 0x46dd794e);
	for (i = 0; i < 32; i++)
		b[i] = (unsigned char)(31 - i);
	assert_int_equal(crc32c_update(0, b, 32), 0x113fdb5c);
	assert_int_equal(crc32c_update(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_portable(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_update(7, "", 0), 7);
	rng_init(&r, 1, 3);
	for (i = 0; i < sizeof(b); i++)
		b[i] = (unsigned char)rng_next(&r);
	for (n = 0; n < 300; n++)
		for (i = 0; i < 9; i++) {
			uint32_t whole = crc32c_update(5, b + i, n);

			assert_int_equal(whole, crc32c_portable(5, b + i, n));
			assert_int_equal(whole,
			    crc32c_update(crc32c_update(5, b + i, n / 3), b + i + n / 3, n - n / 3));
		}
}

static void
hash(void **state)
{
	struct hash_map m = { 0 };
	struct hash_128 x, y;
	struct rng r;
	char *big;
	uint64_t i, *v;

	(void)state;
	assert_null(hash_get(&m, 0));
	hash_prefetch(&m, 1);
	hash_clear(&m);
	rng_init(&r, 1, 9);
	for (i = 0; i < 100000; i++) {
		v = hash_add(&m, rng_next(&r));
		assert_non_null(v);
		assert_int_equal(*v, 0);
		*v = i + 1;
	}
	assert_int_equal(m.n, 100000);
	assert_true(m.cap * 16 <= (size_t)100000 * 48);
	rng_init(&r, 1, 9);
	for (i = 0; i < 100000; i++) {
		v = hash_get(&m, rng_next(&r));
		assert_non_null(v);
		assert_int_equal(*v, i + 1);
	}
	assert_null(hash_get(&m, rng_next(&r)));
	/* 0 and 1 are one */
	*hash_add(&m, 0) = 77;
	assert_int_equal(*hash_get(&m, 1), 77);
	assert_int_equal(*hash_add(&m, 1), 77);
	hash_clear(&m);
	assert_int_equal(m.n, 0);
	assert_null(hash_get(&m, 1));
	/* keys that differ in high bits alone */
	for (i = 0; i < 5000; i++)
		assert_non_null(hash_add(&m, i << 44));
	assert_int_equal(m.n, 5000);
	assert_int_equal(hash_reserve(&m, 1000000), 0);
	assert_true(m.cap / 4 * 3 >= 1000000);
	assert_non_null(hash_get(&m, (uint64_t)4999 << 44));
	hash_free(&m);
	hash_free(&m);
	/* room for more than there can be: refused, not looped over */
	assert_int_equal(hash_reserve(&m, SIZE_MAX), -1);
	assert_int_equal(hash_reserve(&m, SIZE_MAX / 16), -1);
	/* long and short inputs make one hash; the parts are kept apart */
	x = hash_pair("ab", 2, "c", 1);
	y = hash_pair("a", 1, "bc", 2);
	assert_memory_not_equal(x.b, y.b, 16);
	y = hash_pair("ab", 2, "c", 1);
	assert_memory_equal(x.b, y.b, 16);
	big = calloc(1, 2000);
	assert_non_null(big);
	for (i = 500; i < 520; i++) {
		memset(big, 'k', i);
		big[i] = '\0';
		memset(big + i + 1, 'v', 20);
		x = hash_pair(big, i, big + i + 1, 20);
		y = hash_pair(big, i, "vvvvvvvvvvvvvvvvvvvv", 20);
		assert_memory_equal(x.b, y.b, 16);
	}
	free(big);
	assert_int_equal(hash_64("abc", 3, 0), UINT64_C(0x78af5f94892f3950));	/* XXH3 of "abc" */
	assert_int_not_equal(hash_64("abc", 3, 0), hash_64("abc", 3, 1));
}

static void
rng(void **state)
{
	struct rng r;
	int i, low = 0;

	(void)state;
	/* the published sequence of splitmix64 for seed 1234567 */
	rng_init(&r, 1, 1234567);
	assert_int_equal(rng_next(&r), UINT64_C(6457827717110365317));
	assert_int_equal(rng_next(&r), UINT64_C(3203168211198807973));
	assert_int_equal(rng_below(&r, 0), 0);
	assert_int_equal(rng_below(&r, 1), 0);
	for (i = 0; i < 1000; i++)
		low += rng_below(&r, 10) < 5;
	assert_in_range(low, 400, 600);
}

static size_t
names_in(const char *dir)
{
	char cmd[PATH_MAX + 16], text[32] = "";
	FILE *p;

	(void)snprintf(cmd, sizeof(cmd), "ls -A '%s' | wc -l", dir);
	p = popen(cmd, "r");
	assert_non_null(p);
	assert_non_null(fgets(text, sizeof(text), p));
	(void)pclose(p);
	return (size_t)strtoul(text, NULL, 10);
}

static void
io(void **state)
{
	char dir[] = "/tmp/u-base.XXXXXX", path[64], deep[64], text[16];
	struct ss_err e = { 0 };
	struct buf b = { 0 };
	struct stat st;
	int fd, p[2];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/f", dir);
	assert_int_equal(io_replace(path, "one", 3, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* who reads goes on reading the old one */
	fd = open(path, O_RDONLY);
	assert_int_equal(io_replace(path, "two!", 4, &e), 0);
	assert_int_equal(io_pread(fd, text, sizeof(text), 0, "f", &e), 3);
	assert_memory_equal(text, "one", 3);
	(void)close(fd);
	assert_int_equal(io_slurp(path, 4, &b, &e), 0);
	assert_string_equal(buf_cstr(&b), "two!");
	assert_int_equal(io_slurp(path, 3, &b, &e), -1);
	/* a text is whole or refused */
	buf_clear(&b);
	assert_string_equal(io_slurp_text(path, 4, &b, &e), "two!");
	assert_int_equal(io_replace(path, "a\0b", 3, &e), 0);
	buf_clear(&b);
	assert_null(io_slurp_text(path, 4, &b, &e));
	assert_non_null(strstr(e.text, "NUL byte"));
	assert_int_equal(e.exit, SS_EXIT_USAGE);
	assert_int_equal(io_replace(path, "", 0, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	/* a failure leaves nothing behind, and what was there as it was */
	assert_int_equal(io_replace(dir, "x", 1, &e), -1);
	assert_int_equal(names_in(dir), 1);
	(void)snprintf(deep, sizeof(deep), "%s/no/such", dir);
	assert_int_equal(io_replace(deep, "x", 1, &e), -1);
	assert_int_equal(e.sys, ENOENT);
	/* what an earlier crash left does not stop it; a link there is not followed */
	(void)snprintf(deep, sizeof(deep), "%s/f.tmp", dir);
	assert_int_equal(io_replace(deep, "old", 3, &e), 0);
	assert_int_equal(io_replace(path, "new", 3, &e), 0);
	assert_int_equal(names_in(dir), 1);
	/* directories, durable one by one */
	(void)snprintf(deep, sizeof(deep), "%s/a//b/c/", dir);
	assert_int_equal(io_mkdirs(deep, &e), 0);
	assert_int_equal(io_mkdirs(deep, &e), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	(void)snprintf(deep, sizeof(deep), "%s/f/x", dir);
	assert_int_equal(io_mkdirs(deep, &e), -1);
	(void)snprintf(deep, sizeof(deep), "%s/f", dir);
	assert_int_equal(io_mkdirs(deep, &e), -1);
	assert_int_equal(io_mkdirs("", &e), -1);
	/* readiness: data, nothing, end */
	assert_int_equal(pipe(p), 0);
	io_bigpipe(p[0]);
	io_bigpipe(-1);
	assert_int_equal(io_ready(p[0], 10), 0);
	assert_int_equal(io_write(p[1], "x", 1, "pipe", &e), 0);
	assert_int_equal(io_ready(p[0], -1), 1);
	assert_int_equal(io_read(p[0], text, sizeof(text), "pipe", &e), 1);
	(void)close(p[1]);
	assert_int_equal(io_ready(p[0], -1), 1);
	assert_int_equal(io_read(p[0], text, sizeof(text), "pipe", &e), 0);
	(void)close(p[0]);
	fd = open("/dev/full", O_WRONLY);
	assert_int_equal(io_write(fd, "x", 1, "standard output", &e), -1);
	assert_int_equal(e.sys, ENOSPC);
	assert_int_equal(e.exit, SS_EXIT_AGAIN);
	(void)close(fd);
	buf_free(&b);
	(void)snprintf(deep, sizeof(deep), "rm -rf '%s'", dir);
	assert_int_equal(system(deep), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err), cmocka_unit_test(err_terminal), cmocka_unit_test(buf),
		cmocka_unit_test(num), cmocka_unit_test(clock_text), cmocka_unit_test(clock_days),
		cmocka_unit_test(uuid), cmocka_unit_test(crc32c), cmocka_unit_test(hash),
		cmocka_unit_test(rng), cmocka_unit_test(io),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
