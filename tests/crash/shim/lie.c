/*
 * crash-lie.so - a preload for seeded bugs: calls that answer 0 and do nothing
 *
 * CRASH_LIE names them: fdatasync, fsync (of files), dirsync (fsync of
 * directories), ftruncate.  A crash test that finds nothing with one of these
 * does not test.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int
lies(const char *call)
{
	const char *list = getenv("CRASH_LIE"), *at;
	size_t n = strlen(call);

	for (at = list; at != NULL && (at = strstr(at, call)) != NULL; at += n)
		if ((at == list || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
			return 1;
	return 0;
}

int
fdatasync(int fd)
{
	return lies("fdatasync") ? 0 : (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	struct stat st;
	int dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	return lies(dir ? "dirsync" : "fsync") ? 0 : (int)syscall(SYS_fsync, fd);
}

int
ftruncate(int fd, off_t n)
{
	return lies("ftruncate") ? 0 : (int)syscall(SYS_ftruncate, fd, n);
}
