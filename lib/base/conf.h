#ifndef SS_BASE_CONF_H
#define SS_BASE_CONF_H

#include <stddef.h>
#include <stdint.h>

struct ss_err;
struct buf;

/*
 * storesync.conf(5): INI, sections [kind "name"] or [name], key = value,
 * comments with ; or # at the start of a line.  A key may stand several times
 * (conf_next).  Each entry knows its line, so that an error can say
 * "file:line: what".  Lines over 4,096 bytes are refused.
 */
struct conf;

/* NULL path: an empty configuration.  Free with conf_free (NULL allowed). */
int conf_open(struct conf **out, const char *path, struct ss_err *err);
void conf_free(struct conf *c);

/* Refuse sections outside the list, e.g. a mistyped [store-sync]: kinds that take
 * a name stand as "http ", others bare; NULL-terminated.  -1 names file and line. */
int conf_sections(const struct conf *c, const char *const *known, struct ss_err *err);

/* Refuse a key that stands twice in one section, unless it is in many, where
 * each is "kind key"; NULL-terminated.  -1 names the file and both lines. */
int conf_once(const struct conf *c, const char *const *many, struct ss_err *err);

/* The file's path, NULL for the empty configuration. */
const char *conf_path(const struct conf *c);
/* The value of key in [kind "name"] (name NULL: [kind]), or NULL. */
const char *conf_get(const struct conf *c, const char *kind, const char *name, const char *key);
/* The i-th (from 0) value of that key, or NULL. */
const char *conf_next(const struct conf *c, const char *kind, const char *name, const char *key, size_t i);
/* 1 if the section stands in the file. */
int conf_has(const struct conf *c, const char *kind, const char *name);
/* Fill *err with "file:line: section key: text" for that entry; returns -1. */
int conf_err(const struct conf *c, const char *kind, const char *name, const char *key,
    struct ss_err *err, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Refuse keys outside the list (NULL-terminated) in that section: a typing
 * error is named with its line. */
int conf_only(const struct conf *c, const char *kind, const char *name,
    const char *const *keys, struct ss_err *err);

/* Typed values; *out is untouched when the key is absent. */
int conf_time(const struct conf *c, const char *kind, const char *name, const char *key,
    int64_t *ms, struct ss_err *err);
int conf_count(const struct conf *c, const char *kind, const char *name, const char *key,
    uint64_t min, uint64_t max, uint64_t *out, struct ss_err *err);
/* yes/no, true/false, on/off, 1/0 */
int conf_bool(const struct conf *c, const char *kind, const char *name, const char *key,
    int *out, struct ss_err *err);

/*
 * A secret of [kind "name"]: the file named by KEY-file (regular, not readable
 * by group or others), else $CREDENTIALS_DIRECTORY/KIND-NAME-KEY, else the
 * variable SS_SECRET_KIND_NAME_KEY (upper case, - as _), which is unset as it
 * is read.  One trailing newline is dropped; what
 * is empty, of several lines or with a NUL is refused.  1 found, 0 none, -1 error.  The
 * caller wipes *out with explicit_bzero before freeing it.
 */
int conf_secret(const struct conf *c, const char *kind, const char *name, const char *key,
    struct buf *out, struct ss_err *err);

/* Remove every SS_SECRET_* from the environment (before any child or jq). */
void conf_drop_secrets(void);

#endif /* !SS_BASE_CONF_H */
