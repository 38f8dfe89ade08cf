/*
 * gen - input for tests/bench/run, the same at each run
 *
 * usage: gen events N | gen rows N
 *
 * events: item.observed events of 395 bytes with their newline and ids that are
 * UUIDs of version 7.  rows: a CSV header and rows of 82 bytes, of which
 * ss-fetch makes an event each.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define EVENT 395
#define ROW 82

static int
events(uint64_t n)
{
	static const char *const kinds[] = { "item.observed", "item.observed", "item.observed", "order.placed", "item.changed" };
	struct rng r = { 1 };
	char line[EVENT + 64];
	uint64_t i;

	for (i = 0; i < n; i++) {
		uint64_t a = rng_next(&r), ms = 1795255200000u + i / 7;
		const char *kind = kinds[a % 5];
		int k = snprintf(line, sizeof(line), "{\"specversion\":\"1.0\",\"id\":\"%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64
		    "-8%03" PRIx64 "-%012" PRIx64 "\",\"source\":\"csv:stock\",\"type\":\"%s\",\"subject\":\"SKU-%06" PRIu64
		    "\",\"time\":\"2026-11-21T08:00:00.000Z\",\"data\":{\"sku\":\"SKU-%06" PRIu64 "\",\"fields\":{\"price\":\"%" PRIu64
		    ".%02" PRIu64 "\",\"cost\":%" PRIu64 ".50,\"barcode\":\"%013" PRIu64 "\"},\"levels\":{\"main\":{\"available\":%" PRIu64
		    "}},\"note\":\"", ms >> 16, ms & 0xffff, i % 7 * 512 + (a & 255), a >> 8 & 0xfff, a >> 16, kind,
		    a >> 24 & 0x7ffff, a >> 24 & 0x7ffff, a >> 32 & 127, a >> 40 & 63, a >> 46 & 63, a >> 24, a >> 50 & 511);

		for (; k < EVENT - 4; k++)
			line[k] = (char)('a' + k % 23);
		memcpy(line + k, "\"}}\n", 4);
		if (fwrite(line, 1, EVENT, stdout) != EVENT)
			return 1;
	}
	return 0;
}

static int
rows(uint64_t n)
{
	static const char *const colours[] = { "red", "blue", "green", "black" };
	char line[ROW + 64];
	uint64_t i;

	puts("sku,title,price,cost,barcode,available");
	for (i = 0; i < n; i++) {
		int k = snprintf(line, sizeof(line), "SKU-%07" PRIu64 ",\"T-Shirt, model %06" PRIu64 " %s", i, i % 999983, colours[i & 3]);

		for (; k < 49; k++)
			line[k] = 'x';
		(void)snprintf(line + k, sizeof(line) - (size_t)k, "\",%03" PRIu64 ".%02" PRIu64 ",%02" PRIu64 ".50,%013" PRIu64 ",%03" PRIu64 "\n",
		    100 + i % 900, i % 100, 10 + i % 90, i * 7919, i % 1000);
		if (fwrite(line, 1, ROW, stdout) != ROW)
			return 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	uint64_t n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	int rc = n == 0 ? 2 : strcmp(argv[1], "events") == 0 ? events(n) : strcmp(argv[1], "rows") == 0 ? rows(n) : 2;

	if (rc == 2)
		fputs("usage: gen events N | gen rows N\n", stderr);
	return fflush(stdout) == EOF ? 1 : rc;
}
