/* u-sink - delivery to a file: what a failed sync leaves, who may cut */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cli.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/io.h"
#include "peer/sink.h"

/* The disk, in place of libc's calls: syncs can be made to fail, and whoever cuts
 * must hold the lock. */
static struct {
	int fail_sync, locked, cuts_unlocked;
} disk;

int
fdatasync(int fd)
{
	if (disk.fail_sync > 0) {
		disk.fail_sync--;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
flock(int fd, int op)
{
	int rc = (int)syscall(SYS_flock, fd, op);

	if (rc == 0)
		disk.locked = (op & LOCK_EX) != 0;
	return rc;
}

int
ftruncate(int fd, off_t size)
{
	disk.cuts_unlocked += !disk.locked;
	return (int)syscall(SYS_ftruncate, fd, size);
}

struct fixture {
	char dir[32], path[64];
	struct cli c;
	struct conf *conf;
	struct sink *sink;
	struct sink_call call;
	struct sink_result res;
	struct ss_err err;
};

static int
make(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	memset(&disk, 0, sizeof(disk));
	(void)snprintf(f.dir, sizeof(f.dir), "/tmp/u-sink.XXXXXX");
	if (mkdtemp(f.dir) == NULL)
		return -1;
	(void)snprintf(f.path, sizeof(f.path), "%s/out", f.dir);
	if (conf_open(&f.conf, NULL, &f.err) == -1 || sink_file_open(&f.sink, f.path, &f.c, f.conf, &f.err) == -1)
		return -1;
	*state = &f;
	return 0;
}

static int
drop(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->call.body);
	sink_close(f->sink);
	conf_free(f->conf);
	(void)unlink(f->path);
	return rmdir(f->dir);
}

static void
call(struct fixture *f, const char *body)
{
	buf_free(&f->call.body);
	f->call = (struct sink_call){ .n = 1, .res = &f->res };
	f->res = (struct sink_result){ .ok = 0 };
	assert_int_equal(buf_adds(&f->call.body, body), 0);
}

static int
deliver(struct fixture *f, const char *body)
{
	struct sink_call *v[] = { &f->call };

	call(f, body);
	assert_int_equal(f->sink->ops->prepare(f->sink, v, 1, &f->err), 0);
	return f->sink->ops->send(f->sink, v, 1, &f->err);
}

static void
holds(struct fixture *f, const char *want)
{
	struct buf b = { 0 };

	assert_int_equal(io_slurp(f->path, 1 << 20, &b, &f->err), 0);
	assert_int_equal(b.len, strlen(want));
	if (b.len > 0)
		assert_memory_equal(b.p, want, b.len);
	buf_free(&b);
}

static void
put(struct fixture *f, const char *text)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), f->path, NULL), 0);
	assert_int_equal(close(fd), 0);
}

/* A sync that fails leaves nothing of the call; made again it stands there once. */
static void
test_failed_sync(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(deliver(f, "one\n"), 0);
	assert_int_equal(f->call.end, SINK_APPLIED);
	disk.fail_sync = 1;
	assert_int_equal(deliver(f, "two\n"), -1);
	assert_int_equal(f->err.exit, SS_EXIT_DAMAGE);
	assert_int_equal(disk.locked, 0);
	holds(f, "one\n");
	assert_int_equal(f->sink->ops->recover(f->sink, &f->call, &f->err), 0);
	assert_int_equal(f->call.end, SINK_NOT_EXECUTED);
	assert_int_equal(deliver(f, "two\n"), 0);
	holds(f, "one\ntwo\n");
	assert_int_equal(disk.cuts_unlocked, 0);
}

/* The same while a call is looked for: found, but not durable is not done. */
static void
test_failed_sync_found(void **state)
{
	struct fixture *f = *state;

	put(f, "one\ntwo\n");
	call(f, "two\n");
	f->call.offset = 4;
	disk.fail_sync = 1;
	assert_int_equal(f->sink->ops->recover(f->sink, &f->call, &f->err), -1);
	holds(f, "one\n");
	put(f, "one\ntwo\nthree\n");
	disk.fail_sync = 1;
	assert_int_equal(f->sink->ops->recover(f->sink, &f->call, &f->err), -1);
	holds(f, "one\ntwo\nthree\n");
	assert_int_equal(disk.cuts_unlocked, 0);
}

/* What stands behind the offset, what it means, what is left; all under the lock. */
static void
test_recover(void **state)
{
	static const struct {
		const char *have;
		uint64_t offset;
		enum sink_end end;
		const char *left;
	} t[] = {
		{ "one\ntwo\n", 4, SINK_APPLIED, "one\ntwo\n" },
		{ "one\ntwo\nthree\n", 4, SINK_APPLIED, "one\ntwo\nthree\n" },
		{ "one\n", 4, SINK_NOT_EXECUTED, "one\n" },
		{ "one\ntw", 4, SINK_NOT_EXECUTED, "one\n" },
		{ "one\nsix\n", 4, SINK_NOT_EXECUTED, "one\nsix\n" },
		{ "one\nb\n", 4, SINK_NOT_EXECUTED, "one\nb\n" },	/* another's, shorter than ours */
		{ "on", 4, SINK_NOT_EXECUTED, "on" },
		{ "", 0, SINK_NOT_EXECUTED, "" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		put(f, t[i].have);
		call(f, "two\n");
		f->call.offset = t[i].offset;
		assert_int_equal(f->sink->ops->recover(f->sink, &f->call, &f->err), 0);
		assert_int_equal(f->call.end, t[i].end);
		assert_int_equal(f->res.ok, t[i].end == SINK_APPLIED);
		holds(f, t[i].left);
		assert_int_equal(disk.locked, 0);
	}
	assert_int_equal(disk.cuts_unlocked, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failed_sync, make, drop),
		cmocka_unit_test_setup_teardown(test_failed_sync_found, make, drop),
		cmocka_unit_test_setup_teardown(test_recover, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
