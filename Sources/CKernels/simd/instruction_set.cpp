#include "simd/instruction_set.h"

namespace {

ckernels::InstructionSet detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    return ckernels::InstructionSet::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return ckernels::InstructionSet::avx2;
#endif
  return ckernels::InstructionSet::portable;
}

} // namespace

ckernels::InstructionSet ckernels::instruction_set() {
  static const InstructionSet found = detect();
  return found;
}
