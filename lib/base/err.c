#include "base/err.h"

#undef err_set
#undef err_sys
#undef err_nomem

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How many bytes at s a terminal would obey rather than show: C0, DEL, and as
 * UTF-8 C1 (U+0080-9F) and what turns the text around (U+202A-E, U+2066-9). */
static size_t
obeyed(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
		return 2;
	if (s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) ||
	    (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)))
		return 3;
	return 0;
}

void
err_tame(char *s)
{
	size_t n;

	for (; *s != '\0'; s += n == 0 ? 1 : n) {
		n = obeyed((const unsigned char *)s);
		memset(s, '?', n);
	}
}

int
err_set(struct ss_err *err, enum ss_exit exit, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	err->exit = exit;
	err->sys = 0;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	err_tame(err->text);
	return -1;
}

static enum ss_exit
sys_exit(int sys, enum ss_exit exit)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return exit == SS_EXIT_DAMAGE ? exit : SS_EXIT_AGAIN;
	default:
		return exit;
	}
}

int
err_sys(struct ss_err *err, enum ss_exit exit, const char *fmt, ...)
{
	int sys = errno;
	size_t len;
	va_list ap;

	if (err == NULL)
		return -1;
	err->exit = sys_exit(sys, exit);
	err->sys = sys;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(sys));
	err_tame(err->text);
	return -1;
}

int
err_nomem(struct ss_err *err)
{
	return err_set(err, SS_EXIT_AGAIN, "out of memory");
}

void
err_prefix(struct ss_err *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	size_t len;
	va_list ap;

	if (err == NULL)
		return;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	if (len + 3 < sizeof(err->text))
		(void)snprintf(err->text + len, sizeof(err->text) - len, ": %.*s",
		    (int)(sizeof(err->text) - len - 3), old);
	err_tame(err->text);
}

enum ss_exit
err_worse(enum ss_exit a, enum ss_exit b)
{
	return a > b ? a : b;
}
