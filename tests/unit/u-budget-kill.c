/* u-budget-kill - processes at one budget that are killed anywhere */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "net/budget_internal.h"

#define CHILDREN 4
#define SIZE 400
#define STEP 500	/* us a point: 2000 a second, a quarter of what they would take */

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
	struct budget *a;
};

static void
fix_start(struct fix *f, unsigned kept)
{
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->home, sizeof(f->home), "%.40s/u-budget.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(f->home));
	(void)snprintf(f->path, sizeof(f->path), "%.63s/budget/shopify:acme", f->home);
	budget_defaults(&f->c, BUDGET_POINTS);
	f->c.size = SIZE;
	f->c.rate = 1000000 / STEP;
	f->c.reserve = kept;
}

static void
fix_end(struct fix *f)
{
	budget_close(f->a);
	(void)nftw(f->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Write n bytes of garbage at off. */
static void
scribble(const struct fix *f, off_t off, size_t n, struct rng *r)
{
	int fd = open(f->path, O_WRONLY | O_CLOEXEC);
	unsigned char junk[BUDGET_SLOT];
	size_t i;

	assert_true(fd != -1 && n <= sizeof(junk));
	for (i = 0; i < n; i++)
		junk[i] = (unsigned char)rng_next(r);
	assert_int_equal(pwrite(fd, junk, n, off), n);
	(void)close(fd);
}

/* A leaky bucket in one word, so that a kill cannot tear it: the moment at
 * which it will be full, us. */
struct world {
	_Atomic int64_t full, made, throttled, settled;
	int tells;		/* in its replies, what is left */
};

static int64_t
boot_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int
world_charge(struct world *w, int64_t cost)
{
	int64_t was = atomic_load(&w->full), from, now;

	do {
		now = boot_us();
		from = was > now ? was : now;
		if (from - now + cost * STEP > (int64_t)SIZE * STEP)
			return 0;
	} while (!atomic_compare_exchange_weak(&w->full, &was, from + cost * STEP));
	return 1;
}

static int64_t
world_left(struct world *w)
{
	int64_t now = boot_us(), full = atomic_load(&w->full);

	return full <= now ? SIZE : SIZE - (full - now + STEP - 1) / STEP;
}

/* Exits only by its death, or on an error. */
static void
child(struct fix *f, struct world *w, uint64_t seed)
{
	struct budget *b = f->a;
	struct budget_token t;
	struct budget_reply r;
	struct rng rng;

	rng_init(&rng, 1, seed);
	/* half of them go on with the handle that the parent had */
	if (seed % 2 == 0 && budget_open(&b, f->home, "shopify:acme", &f->c, &f->err) == -1)
		_exit(9);
	for (;;) {
		int64_t cost = 5 + (int64_t)rng_below(&rng, 30), used = cost - (int64_t)rng_below(&rng, 5), wait;

		wait = budget_reserve(b, cost, (enum budget_prio)rng_below(&rng, 3), &t, &f->err);
		if (wait == -1)
			_exit(8);
		if (wait > 0) {
			clock_sleep(wait);
			continue;
		}
		atomic_fetch_add(&w->made, 1);
		budget_reply_init(&r, BUDGET_OK);
		(void)usleep((useconds_t)rng_below(&rng, 8000));
		if (world_charge(w, cost)) {
			(void)usleep((useconds_t)rng_below(&rng, 8000));
			atomic_fetch_sub(&w->full, (cost - used) * STEP);
			r.cost = used;
		} else {
			atomic_fetch_add(&w->throttled, 1);
			r.end = BUDGET_THROTTLED;
		}
		if (w->tells) {
			r.left = world_left(w);
			r.most = SIZE;
			r.rate = 1000000 / STEP;
		}
		(void)usleep((useconds_t)rng_below(&rng, 2000));
		if (budget_settle(b, &t, &r, &f->err) == -1)
			_exit(7);
		atomic_fetch_add(&w->settled, 1);
	}
}

static pid_t
born(struct fix *f, struct world *w, uint64_t seed)
{
	pid_t pid = fork();

	assert_true(pid != -1);
	if (pid == 0)
		child(f, w, seed);
	return pid;
}

static void
end_child(pid_t pid)
{
	int status;

	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("a child ended by itself: %x", (unsigned)status);
}

/* Four processes that are killed anywhere; with hurt set, the file is written
 * into as well. */
static void
killed(struct fix *f, struct world *w, int kills, int hurt)
{
	struct budget_token t;
	pid_t pid[CHILDREN];
	struct rng r;
	int64_t until, wait = -1;
	int i, k;

	rng_init(&r, 1, 77);
	if (budget_open(&f->a, f->home, "shopify:acme", &f->c, &f->err) == -1)
		fail_msg("%s", f->err.text);
	for (i = 0; i < CHILDREN; i++)
		pid[i] = born(f, w, (uint64_t)i);
	for (k = 0; k < kills; k++) {
		(void)usleep(10000 + (useconds_t)rng_below(&r, 30000));
		if (hurt && k % 10 == 9) {
			scribble(f, (off_t)rng_below(&r, BUDGET_SLOT), 2000, &r);
			scribble(f, BUDGET_SLOT + (off_t)rng_below(&r, 3000), 2000, &r);
		}
		i = (int)rng_below(&r, CHILDREN);
		end_child(pid[i]);
		pid[i] = born(f, w, (uint64_t)(CHILDREN + k));
	}
	for (i = 0; i < CHILDREN; i++)
		end_child(pid[i]);
	/* none of the dead stands in the way */
	for (until = clock_mono() + 20000; clock_mono() < until && wait != 0; clock_sleep(wait < 100 ? wait : 100))
		wait = budget_reserve(f->a, 200, BUDGET_LIVE, &t, &f->err);
	assert_int_equal(wait, 0);
	printf("# %d kills: %lld calls, %lld settled, %lld throttled\n", kills, (long long)w->made,
	    (long long)w->settled, (long long)w->throttled);
	/* some of the dead held something */
	assert_true(w->settled > 20 && w->made - w->settled > kills / 20);
}

static void
processes(void **state)
{
	struct world *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct fix f;

	(void)state;
	assert_true(w != MAP_FAILED);
	/* replies that say nothing: our own count has to be right */
	fix_start(&f, 0);
	killed(&f, w, 60, 0);
	assert_int_equal(w->throttled, 0);
	fix_end(&f);

	*w = (struct world){ .tells = 1 };
	fix_start(&f, 10);
	killed(&f, w, 20, 1);
	fix_end(&f);
	(void)munmap(w, sizeof(*w));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(processes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
