// The parts of CUDA C++ that the kernels use and C++ lacks.
#pragma once

#include "fibers.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#define CKERNELS_EMULATED 1
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
// Blocks run one after another, so the threads of a block share static variables. These have a separate section, which is
// filled with NaN before each block, because uninitialized shared memory is not zero.
#define __shared__ static __attribute__((section("emulated_shared")))

#define threadIdx (emulation::current.thread)
#define blockIdx (emulation::current.block)
#define blockDim (emulation::current.threads)
#define gridDim (emulation::current.blocks)

#define __syncthreads() emulation::barrier(__FILE__, __LINE__)

template <typename T> T emulated_shuffle_xor(unsigned mask, T value, int distance, const char *file, int line) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(value));
  bits = emulation::shuffle_xor(mask, bits, distance, file, line);
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
#define __shfl_xor_sync(mask, value, distance) emulated_shuffle_xor(mask, value, distance, __FILE__, __LINE__)

inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, sizeof(x));
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

using std::fmax;
using std::fmin;
using std::pow;
using std::sqrt;

namespace ckernels {

// float16 of IEEE 754: 5 bits of exponent, 10 of fraction.
inline float float_of_f16(unsigned short bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const float sign = bits & 0x8000 ? -1.f : 1.f;
  if (exponent == 31) return fraction ? __uint_as_float(0x7fc00000u) : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(float(fraction), -24) : std::ldexp(float(fraction + 1024), exponent - 25));
}

inline unsigned short f16_of_float(float x) {
  const unsigned short sign = std::signbit(x) ? 0x8000 : 0;
  if (x != x) return 0x7fff;
  const float size = std::fabs(x);
  if (size == 0) return sign;
  // From half a step above the largest number, 65504, results are infinite.
  if (size >= 65520) return sign | 0x7c00;
  // In units in the last place, rounded to nearest, ties to even; a carry increments the exponent.
  int exponent = 0;
  std::frexp(size, &exponent);
  const int place = std::max(exponent - 11, -24);
  const int units = static_cast<int>(std::nearbyint(std::ldexp(size, -place)));
  return static_cast<unsigned short>(sign | (place == -24 ? units : ((place + 24) << 10) + units));
}

} // namespace ckernels
