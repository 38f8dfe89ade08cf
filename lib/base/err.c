#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message is one line on a terminal: bytes that could move the cursor or
 * forge a second line are replaced. */
static void
neutralise(char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			*s = '?';
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
	neutralise(err->text);
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
	neutralise(err->text);
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
	neutralise(err->text);
}

enum ss_exit
err_worse(enum ss_exit a, enum ss_exit b)
{
	return a > b ? a : b;
}
