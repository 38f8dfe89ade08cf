/* u-budget-file - the file of a budget: shared, damaged, of another boot */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/err.h"
#include "base/io.h"
#include "base/rng.h"
#include "net/budget_internal.h"

#define CHILDREN 4

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

struct fix {
	char home[64], path[96];
	struct budget_conf c;
	struct ss_err err;
	struct budget *a, *b;
};

static void
fix_start(struct fix *f, enum budget_kind kind)
{
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->home, sizeof(f->home), "%.40s/u-budget.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(f->home));
	(void)snprintf(f->path, sizeof(f->path), "%.63s/budget/shopify:acme", f->home);
	budget_defaults(&f->c, kind);
	f->c.size = 1000;
	f->c.rate = 1;
}

static void
fix_open(struct fix *f, struct budget **b)
{
	if (budget_open(b, f->home, "shopify:acme", &f->c, &f->err) == -1)
		fail_msg("%s", f->err.text);
}

static void
fix_end(struct fix *f)
{
	budget_close(f->a);
	budget_close(f->b);
	(void)nftw(f->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int64_t
reserve(struct fix *f, struct budget *b, int64_t cost, struct budget_token *t)
{
	int64_t wait = budget_reserve(b, cost, BUDGET_LIVE, t, &f->err);

	if (wait == -1)
		fail_msg("%s", f->err.text);
	return wait;
}

static void
settle(struct fix *f, struct budget *b, const struct budget_token *t, int64_t cost, int64_t left)
{
	struct budget_reply r;

	budget_reply_init(&r, BUDGET_OK);
	r.cost = cost;
	r.left = left;
	if (budget_settle(b, t, &r, &f->err) == -1)
		fail_msg("%s", f->err.text);
}

/* One call that tells what is left. */
static void
meet(struct fix *f, int64_t left)
{
	struct budget_token t;

	assert_int_equal(reserve(f, f->a, 1, &t), 0);
	settle(f, f->a, &t, 1, left);
}

/* Both see one state; a file that is taken away is made again. */
static void
shared(void **state)
{
	struct fix f;
	struct budget_token t, u;
	struct budget_view v;
	struct budget *other;
	char path[200];

	(void)state;
	fix_start(&f, BUDGET_POINTS);
	fix_open(&f, &f.a);
	fix_open(&f, &f.b);
	assert_int_equal(reserve(&f, f.a, 10, &t), 0);
	assert_true(reserve(&f, f.b, 10, &u) > 0);	/* nothing known yet: one at a time */
	settle(&f, f.a, &t, 10, 800);
	assert_int_equal(reserve(&f, f.b, 600, &u), 0);
	assert_true(reserve(&f, f.a, 200, &t) > 0);
	assert_int_equal(budget_look(f.a, &v, &f.err), 0);
	assert_int_equal(v.size, 1000);
	assert_in_range(v.left, 198, 205);
	assert_int_equal(v.reserved, 600);
	assert_int_equal(v.calls, 1);
	assert_int_equal(v.waiting, 1);
	assert_int_equal(v.breaker, PACE_CLOSED);
	/* who closes does not stand in the way */
	budget_close(f.a);
	f.a = NULL;
	assert_int_equal(budget_look(f.b, &v, &f.err), 0);
	assert_int_equal(v.waiting, 0);
	/* gone, and the settlement of what was reserved in it is no error */
	assert_int_equal(unlink(f.path), 0);
	settle(&f, f.b, &u, 600, 100);
	assert_int_equal(access(f.path, F_OK), 0);
	/* names */
	assert_int_equal(budget_open(&other, f.home, "http:a/../../b", &f.c, &f.err), 0);
	assert_int_equal(reserve(&f, other, 1, &t), 0);
	budget_close(other);
	(void)snprintf(path, sizeof(path), "%s/b", f.home);
	assert_int_not_equal(access(path, F_OK), 0);
	(void)snprintf(path, sizeof(path), "%s/file", f.home);
	assert_int_equal(io_replace(path, "x", 1, &f.err), 0);
	assert_int_equal(budget_open(&other, path, "a", &f.c, &f.err), -1);
	assert_null(other);
	fix_end(&f);
}

static void
costs(void **state)
{
	struct fix f;
	int64_t cost;
	char key[32];
	int i, known = 0;

	(void)state;
	fix_start(&f, BUDGET_POINTS);
	fix_open(&f, &f.a);
	fix_open(&f, &f.b);
	assert_int_equal(budget_cost(f.a, "q", 1, &cost, &f.err), 0);
	assert_int_equal(budget_learn(f.a, "q", 1, 13, &f.err), 0);
	assert_int_equal(budget_cost(f.b, "q", 1, &cost, &f.err), 1);
	assert_int_equal(cost, 13);
	assert_int_equal(budget_learn(f.a, "q", 1, 113, &f.err), 0);
	assert_int_equal(budget_learn(f.a, "q", 1, 13, &f.err), 0);
	assert_int_equal(budget_cost(f.b, "q", 1, &cost, &f.err), 1);
	assert_int_equal(cost, 88);
	for (i = 0; i < 40; i++)
		assert_int_equal(budget_learn(f.a, "q", 1, 13, &f.err), 0);
	assert_int_equal(budget_cost(f.b, "q", 1, &cost, &f.err), 1);
	assert_int_equal(cost, 13);
	/* learning first does not look like damage */
	assert_int_equal(reserve(&f, f.a, 500, &(struct budget_token){ 0 }), 0);
	/* bounded, and the latest stays */
	for (i = 0; i < 2000; i++) {
		int n = snprintf(key, sizeof(key), "query %d", i);

		assert_int_equal(budget_learn(f.a, key, (size_t)n, i, &f.err), 0);
		assert_int_equal(budget_cost(f.b, key, (size_t)n, &cost, &f.err), 1);
		assert_int_equal(cost, i);
	}
	for (i = 0; i < 2000; i++)
		known += budget_cost(f.a, key, (size_t)snprintf(key, sizeof(key), "query %d", i), &cost, &f.err);
	assert_in_range(known, 150, BUDGET_COSTS);
	fix_end(&f);
}

/* Write n bytes of garbage or zeros at off. */
static void
scribble(const struct fix *f, off_t off, size_t n, struct rng *r)
{
	int fd = open(f->path, O_WRONLY | O_CLOEXEC);
	unsigned char junk[BUDGET_SLOT];
	size_t i;

	assert_true(fd != -1 && n <= sizeof(junk));
	for (i = 0; i < n; i++)
		junk[i] = r == NULL ? 0 : (unsigned char)rng_next(r);
	assert_int_equal(pwrite(fd, junk, n, off), n);
	(void)close(fd);
}

static void
read_slot(const struct fix *f, int i, struct budget_slot *s)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, s, sizeof(*s), i * (off_t)BUDGET_SLOT), sizeof(*s));
	(void)close(fd);
}

/* A kill in the middle of a write leaves the state before it; of a file with
 * nothing good in it nothing is believed. */
static void
damaged(void **state)
{
	struct fix f;
	struct budget_view v;
	struct budget_token t;
	struct budget_slot s[2];
	struct rng r;
	size_t n;
	int i, old;

	(void)state;
	rng_init(&r, 1, 5);
	fix_start(&f, BUDGET_POINTS);
	fix_open(&f, &f.a);
	meet(&f, 700);
	for (n = 1; n < sizeof(s[0]); n += n < 64 ? 1 : 97) {
		read_slot(&f, 0, &s[0]);
		read_slot(&f, 1, &s[1]);
		old = s[0].gen > s[1].gen;
		scribble(&f, old * (off_t)BUDGET_SLOT, n, &r);
		assert_int_equal(budget_look(f.a, &v, &f.err), 0);
		assert_true(v.learned);
		assert_in_range(v.left, 690, 710);
		/* and the next write is into the torn one */
		assert_int_equal(reserve(&f, f.a, 0, &t), 0);
		settle(&f, f.a, &t, 0, 700);
	}
	for (i = 0; i < 6; i++) {
		meet(&f, 700);
		assert_int_equal(budget_learn(f.a, "q", 1, 13 + i, &f.err), 0);
		if (i < 3) {
			scribble(&f, 20, 400, i == 0 ? NULL : &r);
			scribble(&f, BUDGET_SLOT + 20, 400, i == 0 ? NULL : &r);
		} else {
			assert_int_equal(truncate(f.path, i == 3 ? 100 : i == 4 ? BUDGET_SLOT : 1), 0);
			if (i == 4)
				scribble(&f, 20, 1, &r);
		}
		/* nothing is granted that was, and then no more than flows in */
		assert_int_equal(budget_look(f.a, &v, &f.err), 0);
		assert_false(v.learned);
		assert_in_range(v.left, 0, 2);
		assert_in_range(reserve(&f, f.a, 1, &t), 1, BUDGET_PAUSE);
		budget_close(f.a);
		fix_open(&f, &f.a);
		assert_in_range(reserve(&f, f.a, 1, &t), 1, BUDGET_PAUSE);
		assert_int_equal(unlink(f.path), 0);
	}
	/* a learned cost that was torn is unknown */
	meet(&f, 700);
	assert_int_equal(budget_learn(f.a, "q", 1, 13, &f.err), 0);
	for (i = 0; i < BUDGET_COSTS; i++)
		scribble(&f, 2 * BUDGET_SLOT + i * (off_t)sizeof(struct budget_known) + 9, 1, &r);
	{
		int64_t cost = 0;

		assert_int_equal(budget_cost(f.a, "q", 1, &cost, &f.err), 0);
		assert_int_equal(budget_learn(f.a, "q", 1, 14, &f.err), 0);
		assert_int_equal(budget_cost(f.a, "q", 1, &cost, &f.err), 1);
	}
	fix_end(&f);
}

/* A file of another boot, and of another kind. */
static void
other_boot(void **state)
{
	struct fix f;
	struct budget_view v;
	struct budget_token t;
	struct budget_slot s;
	int fd, i;

	(void)state;
	fix_start(&f, BUDGET_POINTS);
	fix_open(&f, &f.a);
	meet(&f, 400);
	assert_int_equal(reserve(&f, f.a, 100, &t), 0);
	fd = open(f.path, O_WRONLY | O_CLOEXEC);
	for (i = 0; i < 2; i++) {
		read_slot(&f, i, &s);
		s.boot[3] ^= 1;
		s.crc = crc32c_update(0, &s.gen, sizeof(s) - offsetof(struct budget_slot, gen));
		assert_int_equal(pwrite(fd, &s, sizeof(s), i * (off_t)BUDGET_SLOT), sizeof(s));
	}
	(void)close(fd);
	assert_int_equal(budget_look(f.a, &v, &f.err), 0);
	assert_int_equal(v.calls, 0);
	assert_true(v.learned);
	/* what flowed in since the boot, at one a second */
	assert_in_range(v.left, 299, 1000);
	f.c.kind = BUDGET_WINDOW;
	fix_open(&f, &f.b);
	assert_int_equal(budget_look(f.b, &v, &f.err), 0);
	assert_false(v.learned);
	assert_in_range(v.left, 0, 1);
	fix_end(&f);
}

/* Nobody's change is lost, and the dead do not hold. */
static void
together(void **state)
{
	struct fix f;
	struct budget_token t;
	struct budget_view v;
	struct budget_reply r;
	struct budget_slot s[2];
	pid_t pid[CHILDREN];
	int i, k, status;

	(void)state;
	fix_start(&f, BUDGET_POINTS);
	f.c.size = 1000000;
	f.c.reserve = 0;
	fix_open(&f, &f.a);
	meet(&f, 1000000);
	for (i = 0; i < CHILDREN; i++) {
		pid[i] = fork();
		assert_true(pid[i] != -1);
		if (pid[i] != 0)
			continue;
		if (i % 2 == 0 && budget_open(&f.a, f.home, "shopify:acme", &f.c, &f.err) == -1)
			_exit(1);
		for (k = 0; k < 500; k++) {
			budget_reply_init(&r, BUDGET_OK);
			if (budget_reserve(f.a, 1, BUDGET_LIVE, &t, &f.err) != 0 ||
			    budget_settle(f.a, &t, &r, &f.err) == -1)
				_exit(1);
		}
		/* and dies with what would be half of the budget */
		_exit(i == 0 && budget_reserve(f.a, 500000, BUDGET_LIVE, &t, &f.err) != 0);
	}
	for (i = 0; i < CHILDREN; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	read_slot(&f, 0, &s[0]);
	read_slot(&f, 1, &s[1]);
	assert_int_equal(s[s[1].gen > s[0].gen].s.spent, 1 + 500 * CHILDREN);
	assert_int_equal(budget_look(f.a, &v, &f.err), 0);
	assert_int_equal(v.calls, 1);
	assert_true(reserve(&f, f.a, 600000, &t) > 0);
	assert_int_equal(budget_look(f.a, &v, &f.err), 0);
	assert_int_equal(v.calls, 0);
	assert_in_range(v.left, 497000, 499000);
	fix_end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared), cmocka_unit_test(costs), cmocka_unit_test(damaged),
		cmocka_unit_test(other_boot), cmocka_unit_test(together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
