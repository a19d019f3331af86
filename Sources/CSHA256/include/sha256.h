// The compression function of SHA-256 (FIPS 180-4, section 6.2.2), over whole blocks.
#ifndef CSHA256_SHA256_H
#define CSHA256_SHA256_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Takes `count` blocks of 64 bytes into the eight words of the state, with the processor's SHA instructions where it has
// them.
void csha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

// The same in plain C, on any processor.
void csha256_compress_portably(uint32_t state[8], const uint8_t *blocks, size_t count);

#ifdef __cplusplus
}
#endif

#endif
