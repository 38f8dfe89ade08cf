#ifndef SS_BASE_ERR_H
#define SS_BASE_ERR_H

/*
 * The error object.  A function that can fail takes a struct ss_err * as its
 * last argument and returns -1 (or NULL) with the object filled; it never
 * prints and never exits.  The text is built where the failure is seen; the
 * callers above add what they know with err_prefix().  cmd/ prints one line.
 */

/* What a program answers to its caller (design 4).  X(name, value, text). */
#define SS_EXITS(X) \
	X(SS_EXIT_OK, 0, "done") \
	X(SS_EXIT_NO, 1, "the answer is no: nothing found, or sides differ") \
	X(SS_EXIT_USAGE, 2, "called wrong or bad configuration: do not retry") \
	X(SS_EXIT_OPEN, 3, "done, but some events are failed, parked or dead") \
	X(SS_EXIT_AGAIN, 4, "stopped early: run it again later") \
	X(SS_EXIT_DAMAGE, 5, "damaged data or a bug")

#define SS_EXIT_ENUM(name, value, text) name = value,
enum ss_exit { SS_EXITS(SS_EXIT_ENUM) };
#undef SS_EXIT_ENUM

struct ss_err {
	enum ss_exit exit;	/* what main() should answer */
	int sys;		/* errno at the failing call, or 0 */
	char text[1024];	/* one line, lower case, no full stop, control characters neutralised */
};

/* Fill *err; the result is always -1 so that `return err_set(...)` works.
 * A NULL err is allowed (the caller does not care why). */
int err_set(struct ss_err *err, enum ss_exit exit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of errno behind it.  ENOSPC, EDQUOT, EMFILE,
 * ENFILE, ENOMEM, EAGAIN become SS_EXIT_AGAIN whatever exit says below it. */
int err_sys(struct ss_err *err, enum ss_exit exit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory: SS_EXIT_AGAIN. */
int err_nomem(struct ss_err *err);

/* Put "<text>: " in front of what *err says. */
void err_prefix(struct ss_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Make s, text for a terminal, one line of it: each byte that could move the
 * cursor, turn the text around or forge a second line (C0, DEL, and as UTF-8 C1
 * and what rules the direction) becomes a '?'. */
void err_tame(char *s);

/* The higher of two exit codes: "of several codes the highest applies". */
enum ss_exit err_worse(enum ss_exit a, enum ss_exit b);

#ifdef __clang_analyzer__
/* What the analyzer cannot see from here: these never answer anything but -1. */
static inline int
err_minus(int rc)
{
	(void)rc;
	return -1;
}
#define err_set(...) err_minus(err_set(__VA_ARGS__))
#define err_sys(...) err_minus(err_sys(__VA_ARGS__))
#define err_nomem(e) err_minus(err_nomem(e))
#endif

#endif /* !SS_BASE_ERR_H */
