// Element types. All arithmetic is float32; low types are only read and written.
#pragma once

namespace ckernels {

struct bf16 {
  unsigned short bits;
};
struct f16 {
  unsigned short bits;
};

// The device converts float16, with subnormals and rounding, in one instruction. Tests on the CPU have their own pair of
// functions.
#ifndef CKERNELS_EMULATED
__device__ __forceinline__ float float_of_f16(unsigned short bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}
__device__ __forceinline__ unsigned short f16_of_float(float x) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
#endif

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }
__device__ __forceinline__ float to_float(f16 x) { return float_of_f16(x.bits); }

template <typename T> __device__ __forceinline__ T from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x) { return x; }
// To nearest, ties to even. Rounding could turn the bits of a NaN into those of infinity, so NaN is a separate case.
template <> __device__ __forceinline__ bf16 from_float<bf16>(float x) {
  const unsigned bits = __float_as_uint(x);
  const unsigned rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return {static_cast<unsigned short>(x != x ? 0x7fc0u : rounded)};
}
template <> __device__ __forceinline__ f16 from_float<f16>(float x) { return {f16_of_float(x)}; }

__device__ __forceinline__ float minus_infinity() { return __uint_as_float(0xff800000u); }
__device__ __forceinline__ float not_a_number() { return __uint_as_float(0x7fc00000u); }

} // namespace ckernels
