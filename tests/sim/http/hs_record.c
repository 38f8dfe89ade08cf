/* hs_record - the state file, the journal and the dumps */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hs_internal.h"
#include "hs_util.h"

#define RESULT_TEXT(name, text) text,
static const char *const result_name[] = { RESULTS(RESULT_TEXT) };
#undef RESULT_TEXT

yyjson_mut_doc *
hs_shop_object(yyjson_mut_val **root)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);

	if (!d)
		hs_die("out of memory");
	*root = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, *root);
	return d;
}

/* One object of the dumps, logs and replies; frees d. */
char *
hs_shop_text(yyjson_mut_doc *d, yyjson_write_flag flag, size_t *n)
{
	char *p = yyjson_mut_write(d, flag, n);

	yyjson_mut_doc_free(d);
	if (!p)
		hs_die("write JSON: out of memory");
	return p;
}

/* Paths and headers may hold any byte: a log line must stay UTF-8. */
static yyjson_mut_val *
plain(yyjson_mut_doc *d, const char *s)
{
	char *p, *c;
	yyjson_mut_val *v;

	if (!s)
		return yyjson_mut_null(d);
	p = hs_memdup(s, strlen(s));
	for (c = p; *c; c++)
		if (*c & 0x80)
			*c = '?';
	v = yyjson_mut_strcpy(d, p);
	free(p);
	return v;
}

/* What was applied and the reply to remember for it stand in one line and one
 * write: a death between the two would make a repeated key apply twice. */
void
hs_shop_save(struct shop *s, const struct turn *t, int remembered)
{
	yyjson_mut_val *root, *list, *o;
	yyjson_mut_doc *d;
	size_t n;
	char *line;

	if (s->state_fd == -1)
		return;
	d = hs_shop_object(&root);
	list = yyjson_mut_obj_add_arr(d, root, "items");
	for (size_t i = 0; i < t->items.n; i++) {
		const struct item *it = &t->items.v[i];

		if (t->result[i] != RES_OK)
			continue;
		o = yyjson_mut_arr_add_obj(d, list);
		yyjson_mut_obj_add_strn(d, o, "key", it->key, it->klen);
		yyjson_mut_obj_add_val(d, o, "value", yyjson_mut_rawn(d, it->text, it->tlen));
	}
	if (remembered) {
		yyjson_mut_obj_add_val(d, root, "idem", plain(d, t->q->idem));
		yyjson_mut_obj_add_uint(d, root, "digest", hs_shop_digest(t->q));
		yyjson_mut_obj_add_int(d, root, "status", t->a->status);
		yyjson_mut_obj_add_strn(d, root, "reply", t->a->body, t->a->len);
	}
	line = hs_shop_text(d, YYJSON_WRITE_NEWLINE_AT_END, &n);
	hs_write_once(s->state_fd, line, n, s->state_path);
	free(line);
}

static void
load_line(struct shop *s, yyjson_val *root)
{
	yyjson_val *list = yyjson_obj_get(root, "items"), *idem = yyjson_obj_get(root, "idem"), *o;
	yyjson_arr_iter it;

	yyjson_arr_iter_init(list, &it);
	while ((o = yyjson_arr_iter_next(&it))) {
		yyjson_val *key = yyjson_obj_get(o, "key");
		size_t n;
		char *text = yyjson_val_write(yyjson_obj_get(o, "value"), 0, &n);

		if (!yyjson_is_str(key) || !text)
			hs_die("state '%s': a line that is not ours", s->state_path);
		hs_shop_apply(s, yyjson_get_str(key), yyjson_get_len(key), text, n);
		free(text);
	}
	if (idem) {
		yyjson_val *reply = yyjson_obj_get(root, "reply");
		const char *digest = yyjson_get_raw(yyjson_obj_get(root, "digest"));
		const char *status = yyjson_get_raw(yyjson_obj_get(root, "status"));

		if (!yyjson_is_str(idem) || !yyjson_is_str(reply) || !digest || !status)
			hs_die("state '%s': a line that is not ours", s->state_path);
		hs_shop_remember(s, yyjson_get_str(idem), yyjson_get_len(idem), strtoull(digest, NULL, 10),
		    atoi(status), yyjson_get_str(reply), yyjson_get_len(reply));
	}
}

void
hs_shop_load(struct shop *s)
{
	size_t n, line = 0;
	char *text = hs_read_file(s->state_path, &n), *p = text, *end;

	if (!text && errno == ENOENT)
		return;
	if (!text)
		hs_die("read '%s': %s", s->state_path, strerror(errno));
	for (; (end = memchr(p, '\n', n - (size_t)(p - text))); p = end + 1) {
		yyjson_doc *doc = yyjson_read(p, (size_t)(end - p), YYJSON_READ_NUMBER_AS_RAW);

		line++;
		if (!doc)
			hs_die("state '%s' line %zu: not JSON", s->state_path, line);
		load_line(s, yyjson_doc_get_root(doc));
		yyjson_doc_free(doc);
	}
	/* A line without its end is a write that was cut: it never was answered. */
	if (truncate(s->state_path, p - text) == -1)
		hs_die("truncate '%s': %s", s->state_path, strerror(errno));
	free(text);
}

void
hs_shop_note(struct shop *s, const struct turn *t)
{
	yyjson_mut_val *root, *keys, *results, *rules;
	yyjson_mut_doc *d = hs_shop_object(&root);
	size_t n;
	char *line;

	yyjson_mut_obj_add_uint(d, root, "n", t->call.n);
	yyjson_mut_obj_add_int(d, root, "ms", t->came - s->started);
	yyjson_mut_obj_add_int(d, root, "took_ms", hs_now() - t->came);
	yyjson_mut_obj_add_str(d, root, "method", t->q->method);
	yyjson_mut_obj_add_val(d, root, "path", plain(d, t->q->path));
	yyjson_mut_obj_add_val(d, root, "idempotency_key", plain(d, t->q->idem));
	keys = yyjson_mut_obj_add_arr(d, root, "keys");
	results = yyjson_mut_obj_add_arr(d, root, "results");
	for (size_t i = 0; i < t->items.n; i++) {
		yyjson_mut_arr_add_strn(d, keys, t->items.v[i].key, t->items.v[i].klen);
		yyjson_mut_arr_add_str(d, results, result_name[t->result[i]]);
	}
	/* 0: no reply left the house. */
	yyjson_mut_obj_add_int(d, root, "status", t->a->delivery == SEND_NOTHING ? 0 : t->a->status);
	yyjson_mut_obj_add_str(d, root, "action", hs_action_name[t->plan.action]);
	rules = yyjson_mut_obj_add_arr(d, root, "rules");
	for (unsigned i = 0; i < SCRIPT_RULES; i++)
		if (t->plan.fired >> i & 1)
			yyjson_mut_arr_add_uint(d, rules, i);
	yyjson_mut_obj_add_uint(d, root, "applied", t->applied);
	line = hs_shop_text(d, YYJSON_WRITE_NEWLINE_AT_END | YYJSON_WRITE_ALLOW_INVALID_UNICODE, &n);
	hs_write_once(s->journal_fd, line, n, s->journal_path);
	free(line);
}

char *
hs_shop_state(struct shop *s, size_t *n)
{
	char *out = NULL;
	FILE *f = open_memstream(&out, n);
	struct entry **v;

	if (!f)
		hs_die("out of memory");
	pthread_mutex_lock(&s->lock);
	v = hs_table_sorted(&s->items);
	for (size_t i = 0; i < s->items.n; i++) {
		yyjson_mut_val *root;
		yyjson_mut_doc *d = hs_shop_object(&root);
		size_t len;
		char *line;

		yyjson_mut_obj_add_strn(d, root, "key", v[i]->key, v[i]->klen);
		yyjson_mut_obj_add_uint(d, root, "applies", v[i]->count);
		yyjson_mut_obj_add_val(d, root, "value", yyjson_mut_rawn(d, v[i]->val, v[i]->vlen));
		line = hs_shop_text(d, YYJSON_WRITE_NEWLINE_AT_END, &len);
		fwrite(line, 1, len, f);
		free(line);
	}
	free(v);
	pthread_mutex_unlock(&s->lock);
	if (fclose(f) == EOF)
		hs_die("out of memory");
	return out;
}

char *
hs_shop_stats(struct shop *s, size_t *n)
{
	yyjson_mut_val *root;
	yyjson_mut_doc *d = hs_shop_object(&root);

	pthread_mutex_lock(&s->lock);
#define STAT_ADD(name) yyjson_mut_obj_add_uint(d, root, #name, s->stats.name);
	STATS(STAT_ADD)
#undef STAT_ADD
	yyjson_mut_obj_add_uint(d, root, "keys", s->items.n);
	pthread_mutex_unlock(&s->lock);
	return hs_shop_text(d, YYJSON_WRITE_NEWLINE_AT_END, n);
}

int
hs_shop_journal(struct shop *s, uint64_t *size)
{
	struct stat st;
	int fd;

	pthread_mutex_lock(&s->lock);
	fd = fcntl(s->journal_fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1 || fstat(fd, &st) == -1)
		hs_die("journal: %s", strerror(errno));
	pthread_mutex_unlock(&s->lock);
	*size = (uint64_t)st.st_size;
	return fd;
}
