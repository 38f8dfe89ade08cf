#include "base/crc32c.h"

#include <string.h>

#define POLY 0x82f63b78u	/* reflected Castagnoli polynomial */

/* One nibble at a time: 16 entries need no start-up work and no mutable state;
 * only processors without the instruction come here. */
#define STEP(c) (((c) >> 1) ^ (((c) & 1) != 0 ? POLY : 0))
#define NIB(n) STEP(STEP(STEP(STEP((uint32_t)(n)))))

static const uint32_t nibble[16] = { NIB(0), NIB(1), NIB(2), NIB(3), NIB(4), NIB(5), NIB(6), NIB(7),
	NIB(8), NIB(9), NIB(10), NIB(11), NIB(12), NIB(13), NIB(14), NIB(15) };

uint32_t
crc32c_portable(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t c = ~crc;

	while (n-- > 0) {
		c ^= *s++;
		c = (c >> 4) ^ nibble[c & 15];
		c = (c >> 4) ^ nibble[c & 15];
	}
	return ~c;
}

/* Each step is a bijection: POLY's top bit is set, so the top bit of a state
 * tells whether the step before had folded it in. */
uint32_t
crc32c_unroll(uint32_t result, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t c = ~result;
	int k;

	while (n-- > 0) {
		for (k = 0; k < 8; k++)
			c = (c & 0x80000000u) != 0 ? ((c ^ POLY) << 1) | 1 : c << 1;
		c ^= s[n];
	}
	return ~c;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t
crc_hw(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t c = (uint32_t)~crc, w;

	for (; n >= 8; n -= 8, s += 8) {
		memcpy(&w, s, 8);
		c = _mm_crc32_u64(c, w);
	}
	for (; n > 0; n--)
		c = _mm_crc32_u8((uint32_t)c, *s++);
	return ~(uint32_t)c;
}

static int
have_hw(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static uint32_t
crc_hw(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t c = ~crc;
	uint64_t w;

	for (; n >= 8; n -= 8, s += 8) {
		memcpy(&w, s, 8);
		c = __crc32cd(c, w);
	}
	for (; n > 0; n--)
		c = __crc32cb(c, *s++);
	return ~c;
}

static int
have_hw(void)
{
	return 1;
}
#else
#define crc_hw crc32c_portable

static int
have_hw(void)
{
	return 0;
}
#endif

uint32_t
crc32c_update(uint32_t crc, const void *p, size_t n)
{
	return have_hw() ? crc_hw(crc, p, n) : crc32c_portable(crc, p, n);
}
