#include "base/uuid.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/rng.h"

static void
put_text(const unsigned char b[16], char out[UUID_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	int i, k = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[k++] = '-';
		out[k++] = hex[b[i] >> 4];
		out[k++] = hex[b[i] & 15];
	}
	out[k] = '\0';
}

void
uuid_v7(struct uuid_gen *g, int64_t now_ms, char out[UUID_TEXT])
{
	unsigned char b[16];
	uint64_t r = rng_next(g->rng), ms;
	int i;

	if (now_ms > g->last_ms) {
		g->last_ms = now_ms;
		g->counter = (unsigned)(rng_next(g->rng) & 0x3ff);	/* leaves room to count */
	} else if (++g->counter > 0xfff) {
		g->last_ms++;
		g->counter = 0;
	}
	ms = (uint64_t)g->last_ms;
	for (i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = (unsigned char)(0x70 | g->counter >> 8);
	b[7] = (unsigned char)g->counter;
	for (i = 8; i < 16; i++)
		b[i] = (unsigned char)(r >> (8 * (i - 8)));
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	put_text(b, out);
}

int
uuid_v5(const char *const *parts, const size_t *lens, char out[UUID_TEXT])
{
	/* name space: a UUIDv4 drawn once for storesync */
	static const unsigned char space[16] = { 0x6f, 0x1d, 0x0a, 0x52, 0x9e, 0x7b, 0x4c, 0x31,
		0x8a, 0x05, 0xd3, 0x44, 0x7e, 0x92, 0xb6, 0x18 };
	unsigned char md[EVP_MAX_MD_SIZE] = { 0 }, le[8];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int i, k, ok = 0;

	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1) {
		EVP_DigestUpdate(ctx, space, sizeof(space));
		for (i = 0; parts[i] != NULL; i++) {
			for (k = 0; k < 8; k++)
				le[k] = (unsigned char)((uint64_t)lens[i] >> (8 * k));
			EVP_DigestUpdate(ctx, le, sizeof(le));
			EVP_DigestUpdate(ctx, parts[i], lens[i]);
		}
		ok = EVP_DigestFinal_ex(ctx, md, NULL) == 1;
	}
	EVP_MD_CTX_free(ctx);
	md[6] = (unsigned char)((md[6] & 0x0f) | 0x50);
	md[8] = (unsigned char)((md[8] & 0x3f) | 0x80);
	put_text(md, out);
	return ok ? 0 : -1;
}

/* Are the four bytes at a and the four at b hexadecimal digits?  All eight at
 * once, in the high bits of a word's bytes. */
static int
hex8(const char *a, const char *b)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
	uint64_t w, digit, letter;

	memcpy(&w, a, 4);
	memcpy((char *)&w + 4, b, 4);
	if ((w & high) != 0)
		return 0;
	digit = (w + ones * (0x80 - '0')) & ~(w + ones * (0x7f - '9'));
	w |= ones * 0x20;
	letter = (w + ones * (0x80 - 'a')) & ~(w + ones * (0x7f - 'f'));
	return ((digit | letter) & high) == high;
}

int
uuid_version(const char *s, size_t n)
{
	if (n != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' || !hex8(s, s + 4) ||
	    !hex8(s + 9, s + 14) || !hex8(s + 19, s + 24) || !hex8(s + 28, s + 32))
		return 0;
	/* variant 10xx of RFC 9562; others have no version */
	if ((s[19] != '8' && s[19] != '9' && (s[19] | 0x20) != 'a' && (s[19] | 0x20) != 'b') || s[14] < '1' || s[14] > '8')
		return 0;
	return s[14] - '0';
}

int64_t
uuid_ms(const char *s)
{
	int64_t v = 0;
	int i;

	for (i = 0; i < 13; i++) {
		char c = s[i];

		if (c == '-')
			continue;
		v = v * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}
