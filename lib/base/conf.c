#include "base/conf.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"

#define LINE_BYTES 4096
#define SECTION_BYTES 49	/* libinih cuts longer ones without a word */

struct entry {
	char *key, *value;
	unsigned long line;
};

/* A section stands once, so its entries are neighbours: [first, first + n). */
struct section {
	char *kind, *name;	/* name NULL: [kind] */
	size_t first, n;
	unsigned long line;
};

struct conf {
	char *path;		/* NULL: empty configuration */
	struct section *sec;
	size_t nsec, capsec;
	struct entry *ent;
	size_t nent, capent;
};

/* What reader and handler share while a file is read. */
struct reading {
	struct conf *c;
	FILE *f;
	unsigned long line;
	int failed;
	struct ss_err *err;
};

static int
bad_line(struct reading *r, const char *text)
{
	r->failed = 1;
	return err_set(r->err, SS_EXIT_USAGE, "%s:%lu: %s", r->c->path, r->line, text);
}

static int
grow(void **v, size_t *cap, size_t n, size_t size)
{
	size_t more = *cap == 0 ? 16 : *cap * 2;
	void *p;

	if (n < *cap)
		return 0;
	p = reallocarray(*v, more, size);
	if (p == NULL)
		return -1;
	*v = p;
	*cap = more;
	return 0;
}

static int
same_name(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct section *
find_section(const struct conf *c, const char *kind, const char *name)
{
	size_t i;

	for (i = 0; i < c->nsec; i++)
		if (strcmp(c->sec[i].kind, kind) == 0 && same_name(c->sec[i].name, name))
			return &c->sec[i];
	return NULL;
}

/* The last entry of that key, as an error should point to what counts. */
static const struct entry *
find_entry(const struct conf *c, const char *kind, const char *name, const char *key)
{
	const struct section *s = find_section(c, kind, name);
	size_t i;

	for (i = s == NULL ? 0 : s->n; i > 0; i--)
		if (strcmp(c->ent[s->first + i - 1].key, key) == 0)
			return &c->ent[s->first + i - 1];
	return NULL;
}

static int
add_section(struct reading *r, const char *kind, size_t kn, const char *name, size_t nn)
{
	struct conf *c = r->c;
	struct section s = { .first = c->nent, .line = r->line };

	if (grow((void **)&c->sec, &c->capsec, c->nsec, sizeof(*c->sec)) == -1)
		goto nomem;
	s.kind = strndup(kind, kn);
	s.name = name == NULL ? NULL : strndup(name, nn);
	if (s.kind == NULL || (name != NULL && s.name == NULL)) {
		free(s.kind);
		free(s.name);
		goto nomem;
	}
	if (find_section(c, s.kind, s.name) != NULL) {
		free(s.kind);
		free(s.name);
		return bad_line(r, "this section stands twice");
	}
	c->sec[c->nsec++] = s;
	return 0;
nomem:
	r->failed = 1;
	return err_nomem(r->err);
}

/* "[kind]" or "[kind "name"]", p behind the bracket.  libinih would take
 * anything up to the first ] and drop what follows, so it is looked at here. */
static int
read_section(struct reading *r, const char *p, size_t n)
{
	const char *end = memchr(p, ']', n), *name = NULL;
	size_t kn = 0, nn = 0, i;

	if (end == NULL || end + 1 != p + n)
		return bad_line(r, "a section is [kind] or [kind \"name\"], alone on its line");
	n = (size_t)(end - p);
	if (n > SECTION_BYTES)
		return bad_line(r, "the section's name is longer than 49 bytes");
	while (kn < n && (isalnum((unsigned char)p[kn]) || p[kn] == '-' || p[kn] == '_'))
		kn++;
	i = kn;
	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	if (i < n) {
		if (i == kn || p[i] != '"' || n - i < 3 || p[n - 1] != '"' ||
		    memchr(p + i + 1, '"', n - i - 2) != NULL)
			return bad_line(r, "a section is [kind] or [kind \"name\"]");
		name = p + i + 1;
		nn = n - i - 2;
	} else if (i != kn) {
		return bad_line(r, "a section is [kind] or [kind \"name\"]");
	}
	if (kn == 0)
		return bad_line(r, "the section has no kind");
	return add_section(r, p, kn, name, nn);
}

/* One line of the file for libinih, looked at first: length, bytes that no
 * text has, section headers.  NULL ends the parse. */
static char *
read_line(char *str, int num, void *stream)
{
	struct reading *r = stream;
	size_t room = (size_t)num - 1, n = 0, i = 0;
	int ch;

	if (r->failed)
		return NULL;
	r->line++;
	while ((ch = getc(r->f)) != EOF) {
		if (n == room || n > LINE_BYTES) {
			bad_line(r, "the line is longer than 4096 bytes");
			return NULL;
		}
		if ((ch < 0x20 && ch != '\t' && ch != '\n' && ch != '\r') || ch == 0x7f) {
			bad_line(r, "the line holds a control character");
			return NULL;
		}
		str[n++] = (char)ch;
		if (ch == '\n')
			break;
	}
	str[n] = '\0';
	if (n == 0)
		return NULL;
	while (n > 0 && isspace((unsigned char)str[n - 1]))
		n--;
	if (r->line == 1 && n >= 3 && memcmp(str, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < n && isspace((unsigned char)str[i]))
		i++;
	if (i < n && str[i] == '[' && read_section(r, str + i + 1, n - i - 1) == -1)
		return NULL;
	return str;
}

/* libinih's handler: non-zero goes on. */
static int
add_entry(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;
	struct conf *c = r->c;
	struct entry e = { .line = r->line };

	(void)section;
	if (c->nsec == 0)
		return bad_line(r, "the key stands before any section"), 0;
	if (*key == '\0')
		return bad_line(r, "the line has no key"), 0;
	if (grow((void **)&c->ent, &c->capent, c->nent, sizeof(*c->ent)) == 0 &&
	    (e.key = strdup(key)) != NULL && (e.value = strdup(value)) != NULL) {
		c->ent[c->nent++] = e;
		c->sec[c->nsec - 1].n++;
		return 1;
	}
	free(e.key);
	r->failed = 1;
	err_nomem(r->err);
	return 0;
}

static int
read_file(struct reading *r)
{
	int rc;

	/* Debian's libinih is set up by variables.  Always the same values, so
	 * that it does not matter how often or by whom: lines as long as ours, a
	 * ; in a value (every second jq program) is no comment, an indented line
	 * is no continuation. */
	ini_max_line = LINE_BYTES + 3;
	ini_use_stack = true;
	ini_allow_inline_comments = false;
	ini_allow_multiline = false;
	ini_stop_on_first_error = true;
	rc = ini_parse_stream(read_line, r, add_entry, r);
	if (r->failed)
		return -1;
	if (ferror(r->f))
		return err_sys(r->err, errno == EISDIR ? SS_EXIT_USAGE : SS_EXIT_AGAIN,
		    "cannot read '%s'", r->c->path);
	if (rc != 0)
		return bad_line(r, "neither [section] nor key = value");
	return 0;
}

int
conf_open(struct conf **out, const char *path, struct ss_err *err)
{
	struct reading r = { .err = err };
	int rc = -1;

	*out = NULL;
	r.c = calloc(1, sizeof(*r.c));
	if (r.c == NULL)
		return err_nomem(err);
	if (path == NULL) {
		*out = r.c;
		return 0;
	}
	r.c->path = strdup(path);
	if (r.c->path == NULL) {
		err_nomem(err);
		goto done;
	}
	r.f = fopen(path, "re");
	if (r.f == NULL) {
		err_sys(err, SS_EXIT_USAGE, "cannot open '%s'", path);
		goto done;
	}
	rc = read_file(&r);
done:
	if (r.f != NULL)
		(void)fclose(r.f);
	if (rc == 0)
		*out = r.c;
	else
		conf_free(r.c);
	return rc;
}

static int
stands_twice(const struct conf *c, const struct section *s, const struct entry *first, const struct entry *again,
    struct ss_err *err)
{
	return err_set(err, SS_EXIT_USAGE, "%s:%lu: [%s%s%s%s] %s: stands twice, the first time in line %lu", c->path,
	    again->line, s->kind, s->name == NULL ? "" : " \"", s->name == NULL ? "" : s->name,
	    s->name == NULL ? "" : "\"", again->key, first->line);
}

int
conf_sections(const struct conf *c, const char *const *known, struct ss_err *err)
{
	size_t i, k;

	for (i = 0; i < c->nsec; i++) {
		const struct section *s = &c->sec[i];

		for (k = 0; known[k] != NULL; k++) {
			size_t n = strcspn(known[k], " ");

			if (strlen(s->kind) == n && strncmp(s->kind, known[k], n) == 0 &&
			    (s->name != NULL) == (known[k][n] == ' '))
				break;
		}
		if (known[k] == NULL)
			return err_set(err, SS_EXIT_USAGE, "%s:%lu: [%s%s%s%s] is no section that is known (see storesync.conf(5))",
			    c->path, s->line, s->kind, s->name != NULL ? " \"" : "", s->name != NULL ? s->name : "",
			    s->name != NULL ? "\"" : "");
	}
	return 0;
}

/* May key stand several times in a section of that kind? */
static int
may_repeat(const char *const *many, const char *kind, const char *key)
{
	for (; *many != NULL; many++) {
		size_t n = strcspn(*many, " ");

		if (strlen(kind) == n && strncmp(*many, kind, n) == 0 && strcmp(*many + n + 1, key) == 0)
			return 1;
	}
	return 0;
}

int
conf_once(const struct conf *c, const char *const *many, struct ss_err *err)
{
	size_t i, k, m;

	for (i = 0; i < c->nsec; i++) {
		const struct section *s = &c->sec[i];
		const struct entry *e = c->ent + s->first;

		for (k = 1; k < s->n; k++)
			for (m = 0; m < k; m++)
				if (strcmp(e[m].key, e[k].key) == 0 && !may_repeat(many, s->kind, e[k].key))
					return stands_twice(c, s, &e[m], &e[k], err);
	}
	return 0;
}

void
conf_free(struct conf *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->nsec; i++) {
		free(c->sec[i].kind);
		free(c->sec[i].name);
	}
	for (i = 0; i < c->nent; i++) {
		free(c->ent[i].key);
		free(c->ent[i].value);
	}
	free(c->sec);
	free(c->ent);
	free(c->path);
	free(c);
}

const char *
conf_path(const struct conf *c)
{
	return c->path;
}

const char *
conf_get(const struct conf *c, const char *kind, const char *name, const char *key)
{
	const struct entry *e = find_entry(c, kind, name, key);

	return e == NULL ? NULL : e->value;
}

const char *
conf_next(const struct conf *c, const char *kind, const char *name, const char *key, size_t i)
{
	const struct section *s = find_section(c, kind, name);
	size_t k;

	for (k = 0; s != NULL && k < s->n; k++)
		if (strcmp(c->ent[s->first + k].key, key) == 0 && i-- == 0)
			return c->ent[s->first + k].value;
	return NULL;
}

int
conf_has(const struct conf *c, const char *kind, const char *name)
{
	return find_section(c, kind, name) != NULL;
}

int
conf_err(const struct conf *c, const char *kind, const char *name, const char *key,
    struct ss_err *err, const char *fmt, ...)
{
	const struct section *s = find_section(c, kind, name);
	const struct entry *e = find_entry(c, kind, name, key);
	char text[768], where[32] = "";
	unsigned long line = e != NULL ? e->line : s != NULL ? s->line : 0;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (line != 0)
		(void)snprintf(where, sizeof(where), ":%lu", line);
	return err_set(err, SS_EXIT_USAGE, "%s%s: [%s%s%s%s] %s: %s",
	    c->path == NULL ? "configuration" : c->path, where, kind,
	    name == NULL ? "" : " \"", name == NULL ? "" : name, name == NULL ? "" : "\"",
	    key, text);
}

int
conf_only(const struct conf *c, const char *kind, const char *name,
    const char *const *keys, struct ss_err *err)
{
	const struct section *s = find_section(c, kind, name);
	size_t i, k;

	for (i = 0; s != NULL && i < s->n; i++) {
		const char *key = c->ent[s->first + i].key;

		for (k = 0; keys[k] != NULL && strcmp(keys[k], key) != 0; k++)
			;
		if (keys[k] == NULL)
			return conf_err(c, kind, name, key, err, "no such key in this section");
	}
	return 0;
}

int
conf_time(const struct conf *c, const char *kind, const char *name, const char *key,
    int64_t *ms, struct ss_err *err)
{
	const char *v;
	struct ss_err why = { 0 };

	if ((v = conf_get(c, kind, name, key)) == NULL)
		return 0;
	if (num_duration(v, ms, key, &why) == 0)
		return 0;
	return conf_err(c, kind, name, key, err,
	    "'%.40s' is not a duration (like 250ms, 30s, 5m, 4h, 7d)", v);
}

int
conf_count(const struct conf *c, const char *kind, const char *name, const char *key,
    uint64_t min, uint64_t max, uint64_t *out, struct ss_err *err)
{
	const char *v;
	struct ss_err why = { 0 };

	if ((v = conf_get(c, kind, name, key)) == NULL)
		return 0;
	if (num_u64(v, strlen(v), min, max, out, "", &why) == 0)
		return 0;
	/* what num_u64 says behind the empty name and its ": " */
	return conf_err(c, kind, name, key, err, "%s", why.text + 2);
}

int
conf_bool(const struct conf *c, const char *kind, const char *name, const char *key,
    int *out, struct ss_err *err)
{
	static const char *const word[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
	const char *v;
	size_t i;

	if ((v = conf_get(c, kind, name, key)) == NULL)
		return 0;
	for (i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (strcmp(v, word[i]) == 0) {
			*out = (int)(i & 1);
			return 0;
		}
	return conf_err(c, kind, name, key, err, "'%.40s' is neither yes nor no", v);
}
