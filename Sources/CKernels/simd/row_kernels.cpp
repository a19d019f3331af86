#include "simd/row_kernels.h"

#include "simd/instruction_set.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

// The same code is compiled three times: for vectors of 16 bytes, which every supported processor has, of 32 and of 64.
// Compiler flags for a whole file would also apply to the C++ library's inline functions, of which the linker keeps only
// one copy.
#define VECTOR_BYTES 16
namespace ckernels::portable {
#include "simd/row_kernels.inc"
}
#undef VECTOR_BYTES

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VECTOR_BYTES 32
namespace ckernels::avx2 {
#include "simd/row_kernels.inc"
}
#undef VECTOR_BYTES
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma,avx512f,avx512dq,avx512vl,avx512bw"))),                   \
                             apply_to = function)
#define VECTOR_BYTES 64
namespace ckernels::avx512 {
#include "simd/row_kernels.inc"
}
#undef VECTOR_BYTES
#pragma clang attribute pop
#endif

namespace ckernels {

namespace {

template <typename T> const RowKernels<T> &choose() {
#if defined(__x86_64__)
  switch (instruction_set()) {
  case InstructionSet::avx512: return avx512::Loops<T>::table;
  case InstructionSet::avx2: return avx2::Loops<T>::table;
  case InstructionSet::portable: break;
  }
#endif
  return portable::Loops<T>::table;
}

} // namespace

template <> const RowKernels<float> &row_kernels<float>() { return choose<float>(); }
template <> const RowKernels<double> &row_kernels<double>() { return choose<double>(); }

} // namespace ckernels
