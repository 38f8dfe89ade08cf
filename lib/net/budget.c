#include "net/budget.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/num.h"
#include "base/rng.h"
#include "net/budget_internal.h"

#define COSTS_AT (2 * (off_t)BUDGET_SLOT)
#define SWEEP 100	/* ms between two looks for dead processes */

_Static_assert(sizeof(struct budget_slot) <= BUDGET_SLOT, "a slot holds a state");

struct budget {
	char *path;
	int fd;
	struct budget_conf c;
	struct budget_who who;
	unsigned char boot[16];
	struct budget_slot slot;	/* valid under the lock */
};

/* ---- time and processes ---- */

static int64_t
boot_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A small file of /proc as text; its length, 0 when there is none. */
static size_t
read_small(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd != -1) {
		n = io_pread(fd, out, cap - 1, 0, path, NULL);
		(void)close(fd);
	}
	n = n < 0 ? 0 : n;
	out[n] = '\0';
	return (size_t)n;
}

/* When a process began (proc(5), stat: field 22) and its state (field 3); 0:
 * there is none, or no /proc. */
static uint64_t
began(int32_t pid, char *state)
{
	char path[40], text[1024], *p;
	uint64_t start = 0;
	int field;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	/* the name in brackets may hold anything, brackets too */
	if (read_small(path, text, sizeof(text)) == 0 || (p = strrchr(text, ')')) == NULL || p[1] != ' ')
		return 0;
	*state = p[2];
	for (field = 2; field < 22 && p != NULL; field++)
		p = strchr(p + 1, ' ');
	if (p != NULL)
		(void)num_scan(p + 1, strlen(p + 1), &start);
	return start;
}

static int
dead(void *ctx, int32_t pid, uint64_t start)
{
	char state = 0;
	uint64_t is;

	(void)ctx;
	/* who could not see itself is not looked for; its lease ends it */
	if (start == 0)
		return 0;
	is = began(pid, &state);
	return is != start || state == 'Z' || state == 'X';
}

/* Who we are; again after a fork. */
static void
introduce(struct budget *b)
{
	char state;
	struct rng r;

	rng_init(&r, 0, 0);
	b->who.owner = rng_next(&r);
	b->who.pid = (int32_t)getpid();
	b->who.start = began(b->who.pid, &state);
}

/* ---- the file ---- */

static int
open_file(struct budget *b, struct ss_err *err)
{
	b->fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (b->fd == -1)
		return err_sys(err, SS_EXIT_USAGE, "cannot open '%s'", b->path);
	return 0;
}

/* 1 when the name is still that of the open file. */
static int
still_there(const struct budget *b)
{
	struct stat a, n;

	return fstat(b->fd, &a) == 0 && stat(b->path, &n) == 0 && a.st_dev == n.st_dev && a.st_ino == n.st_ino;
}

static int
lock(struct budget *b, struct ss_err *err)
{
	int tries;

	if (b->who.pid != (int32_t)getpid()) {
		/* a lock is shared across fork; a file opened anew has its own */
		(void)close(b->fd);
		b->fd = -1;
		introduce(b);
	}
	/* someone may remove the file while it is waited for, not ten times */
	for (tries = 0; ; tries++) {
		if (b->fd == -1 && open_file(b, err) == -1)
			return -1;
		while (flock(b->fd, LOCK_EX) == -1)
			if (errno != EINTR)
				return err_sys(err, SS_EXIT_AGAIN, "cannot lock '%s'", b->path);
		if (tries == 10 || still_there(b))
			return 0;
		(void)close(b->fd);
		b->fd = -1;
	}
}

static void
unlock(struct budget *b)
{
	(void)flock(b->fd, LOCK_UN);
}

static uint32_t
slot_crc(const struct budget_slot *s)
{
	return crc32c_update(0, &s->gen, sizeof(*s) - offsetof(struct budget_slot, gen));
}

/* The state under the lock, as of *now.  What cannot be read or is damaged
 * begins anew. */
static void
load(struct budget *b, int64_t *now)
{
	struct budget_slot a;
	int i, found = 0, any = 0;
	struct rng r;

	for (i = 0; i < 2; i++) {
		ssize_t n = io_pread(b->fd, &a, sizeof(a), i * (off_t)BUDGET_SLOT, b->path, NULL);

		any |= n != 0;
		if (n != (ssize_t)sizeof(a) || a.magic != BUDGET_MAGIC || a.bytes != sizeof(a) ||
		    a.crc != slot_crc(&a) || !budget_rule_sane(&a.s))
			continue;
		if (!found || a.gen > b->slot.gen)
			b->slot = a;
		found = 1;
	}
	*now = boot_ms();
	if (!found || b->slot.s.kind != b->c.kind) {
		memset(&b->slot, 0, sizeof(b->slot));
		rng_init(&r, 0, 0);
		budget_rule_init(&b->slot.s, &b->c, rng_next(&r), *now, any);
	} else if (memcmp(b->slot.boot, b->boot, sizeof(b->boot)) != 0) {
		budget_rule_reboot(&b->slot.s);
	}
	memcpy(b->slot.boot, b->boot, sizeof(b->boot));
	budget_rule_tick(&b->slot.s, &b->c, *now);
}

/* Into the slot that does not hold the state now, so that one stays good. */
static int
store(struct budget *b, struct ss_err *err)
{
	struct budget_slot *s = &b->slot;
	ssize_t n;

	s->magic = BUDGET_MAGIC;
	s->bytes = sizeof(*s);
	s->gen++;
	s->crc = slot_crc(s);
	do
		n = pwrite(b->fd, s, sizeof(*s), (off_t)(s->gen & 1) * BUDGET_SLOT);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)sizeof(*s))
		return 0;
	if (n >= 0)
		errno = ENOSPC;
	return err_sys(err, SS_EXIT_AGAIN, "cannot write '%s'", b->path);
}

/* HOME/budget/PEER; a name that is no good as a file's is a hash. */
static int
make_path(struct budget *b, const char *home, const char *peer, struct ss_err *err)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
	char path[PATH_MAX], hash[17];
	size_t n = strlen(peer);

	if (n == 0 || n > 100 || peer[0] == '.' || strspn(peer, good) != n) {
		(void)snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)hash_64(peer, n, 0));
		peer = hash;
	}
	if (snprintf(path, sizeof(path), "%s/budget", home) >= (int)sizeof(path) - 110)
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	if (io_mkdirs(path, err) == -1)
		return -1;
	b->path = malloc(strlen(path) + strlen(peer) + 2);
	if (b->path == NULL)
		return err_nomem(err);
	(void)snprintf(b->path, strlen(path) + strlen(peer) + 2, "%s/%s", path, peer);
	return 0;
}

int
budget_open(struct budget **out, const char *home, const char *peer, const struct budget_conf *c,
    struct ss_err *err)
{
	struct budget *b = calloc(1, sizeof(*b));
	struct hash_128 boot;
	char text[64];
	size_t n;

	*out = NULL;
	if (b == NULL)
		return err_nomem(err);
	b->fd = -1;
	b->c = *c;
	budget_rule_conf(&b->c);
	introduce(b);
	/* without /proc all boots look alike; a clock behind the file tells then */
	n = read_small("/proc/sys/kernel/random/boot_id", text, sizeof(text));
	boot = hash_pair(text, n, "", 0);
	memcpy(b->boot, boot.b, sizeof(b->boot));
	if (make_path(b, home, peer, err) == -1 || open_file(b, err) == -1) {
		budget_close(b);
		return -1;
	}
	*out = b;
	return 0;
}

void
budget_close(struct budget *b)
{
	int64_t now;

	if (b == NULL)
		return;
	/* not for a child that only inherited the handle */
	if (b->fd != -1 && b->who.pid == (int32_t)getpid() && lock(b, NULL) == 0) {
		load(b, &now);
		budget_rule_leave(&b->slot.s, b->who.owner);
		(void)store(b, NULL);
		unlock(b);
	}
	if (b->fd != -1)
		(void)close(b->fd);
	free(b->path);
	free(b);
}

/* ---- calls ---- */

int64_t
budget_reserve(struct budget *b, int64_t cost, enum budget_prio prio, struct budget_token *t,
    struct ss_err *err)
{
	struct budget_state *s = &b->slot.s;
	int64_t now, wait;

	if (lock(b, err) == -1)
		return -1;
	load(b, &now);
	wait = budget_rule_take(s, &b->c, now, &b->who, cost, prio, t);
	/* the dead are looked for only when somebody would wait for them */
	if (wait > 0 && (now - s->swept >= SWEEP || now < s->swept)) {
		s->swept = now;
		if (budget_rule_sweep(s, dead, NULL) > 0)
			wait = budget_rule_take(s, &b->c, now, &b->who, cost, prio, t);
	}
	if (store(b, err) == -1)
		wait = -1;
	unlock(b);
	return wait;
}

int
budget_settle(struct budget *b, const struct budget_token *t, const struct budget_reply *r, struct ss_err *err)
{
	int64_t now;
	int rc;

	if (lock(b, err) == -1)
		return -1;
	load(b, &now);
	budget_rule_settle(&b->slot.s, &b->c, now, t, r);
	rc = store(b, err);
	unlock(b);
	return rc;
}

int
budget_look(struct budget *b, struct budget_view *v, struct ss_err *err)
{
	const struct budget_state *s = &b->slot.s;
	int64_t now, until, left;
	uint32_t i;

	if (lock(b, err) == -1)
		return -1;
	load(b, &now);
	unlock(b);
	left = budget_rule_left(s);
	*v = (struct budget_view){ .learned = (int)s->learned, .size = s->size, .rate = s->rate,
		.left = left < 0 ? -(-left / 1000) : left / 1000, .calls = s->nholds, .waiting = s->nwaits,
		.breaker = s->breaker.state, .throttled = s->throttled };
	for (i = 0; i < s->nholds; i++)
		v->reserved += s->holds[i].cost;
	if (s->kind == BUDGET_WINDOW && s->ends > now)
		v->ends = s->ends - now;
	until = s->breaker.state != PACE_CLOSED && s->breaker.until > s->quiet ? s->breaker.until : s->quiet;
	v->pause = until > now ? until - now : 0;
	return 0;
}

/* ---- learned costs ---- */

static uint32_t
known_crc(const struct budget_known *k)
{
	return crc32c_update(0, k, offsetof(struct budget_known, crc));
}

/* The place of a key among its ways: its own, else a free or damaged one, else
 * the oldest.  *hit says which. */
static off_t
find_cost(const struct budget *b, uint64_t key, struct budget_known *k, int *hit)
{
	struct budget_known ways[BUDGET_WAYS];
	off_t at = COSTS_AT + (off_t)(key % (BUDGET_COSTS / BUDGET_WAYS)) * (off_t)sizeof(ways);
	int i, best = 0;

	memset(ways, 0, sizeof(ways));
	(void)io_pread(b->fd, ways, sizeof(ways), at, b->path, NULL);
	*hit = 0;
	for (i = 0; i < BUDGET_WAYS; i++) {
		if (ways[i].crc != known_crc(&ways[i]) || ways[i].cost < 0 || ways[i].cost > BUDGET_MOST)
			memset(&ways[i], 0, sizeof(ways[i]));
		if (ways[i].key == key) {
			best = i;
			*hit = 1;
			break;
		}
		if (ways[i].used < ways[best].used)
			best = i;
	}
	*k = ways[best];
	return at + best * (off_t)sizeof(*k);
}

static uint64_t
cost_key(const void *key, size_t n)
{
	uint64_t h = hash_64(key, n, 0);

	return h == 0 ? 1 : h;
}

int
budget_cost(struct budget *b, const void *key, size_t n, int64_t *cost, struct ss_err *err)
{
	struct budget_known k;
	int hit;

	if (lock(b, err) == -1)
		return -1;
	(void)find_cost(b, cost_key(key, n), &k, &hit);
	unlock(b);
	if (hit)
		*cost = k.cost;
	return hit;
}

int
budget_learn(struct budget *b, const void *key, size_t n, int64_t cost, struct ss_err *err)
{
	struct budget_known k;
	int64_t was, now;
	off_t at;
	int hit, rc = 0;

	cost = cost < 0 ? 0 : cost > BUDGET_MOST ? BUDGET_MOST : cost;
	if (lock(b, err) == -1)
		return -1;
	/* costs stand behind the slots: without a slot the next one to come would
	 * find a file that has lost them */
	load(b, &now);
	if (b->slot.gen == 0 && store(b, err) == -1) {
		unlock(b);
		return -1;
	}
	at = find_cost(b, cost_key(key, n), &k, &hit);
	was = hit ? k.cost : -1;
	if (cost != was) {
		k.cost = cost > was ? cost : was - (was - cost + 3) / 4;
		k.key = cost_key(key, n);
		k.used = clock_now(NULL);
		k.crc = known_crc(&k);
		/* a torn one is found by its sum, and learned again */
		if (pwrite(b->fd, &k, sizeof(k), at) != (ssize_t)sizeof(k))
			rc = err_sys(err, SS_EXIT_AGAIN, "cannot write '%s'", b->path);
	}
	unlock(b);
	return rc;
}
