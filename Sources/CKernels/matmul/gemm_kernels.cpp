#include "matmul/gemm_kernels.h"

#include <algorithm>

// The same code for vectors of 32 and of 64 bytes, as in row_kernels.cpp. A tile, two vectors of the right matrix and an
// element of the left one use all but one of the 16 or 32 registers.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VECTOR_BYTES 32
#define TILE_ROWS 6
namespace ckernels::avx2 {
#include "matmul/gemm_kernels.inc"
}
#undef VECTOR_BYTES
#undef TILE_ROWS
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma,avx512f,avx512dq,avx512vl,avx512bw"))),                   \
                             apply_to = function)
#define VECTOR_BYTES 64
#define TILE_ROWS 14
namespace ckernels::avx512 {
#include "matmul/gemm_kernels.inc"
}
#undef VECTOR_BYTES
#undef TILE_ROWS
#pragma clang attribute pop
#endif

const ckernels::GemmKernels *ckernels::gemm_kernels(InstructionSet set) {
  switch (set) {
#if defined(__x86_64__)
  case InstructionSet::avx512: return &avx512::gemm_kernels;
  case InstructionSet::avx2: return &avx2::gemm_kernels;
#endif
  default: return nullptr;
  }
}
