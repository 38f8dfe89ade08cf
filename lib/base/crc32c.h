#ifndef SS_BASE_CRC32C_H
#define SS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) of n bytes, continued from crc
 * (0 to begin).  Uses the processor's instruction where there is one. */
uint32_t crc32c_update(uint32_t crc, const void *p, size_t n);

/* The crc that crc32c_update() was given, from its result and the bytes. */
uint32_t crc32c_unroll(uint32_t result, const void *p, size_t n);

/* The table form alone, for the tests. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif /* !SS_BASE_CRC32C_H */
