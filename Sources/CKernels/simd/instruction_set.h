// Which vector instructions the processor has, of those that loops are compiled for.
#pragma once

namespace ckernels {

enum class InstructionSet { portable, avx2, avx512 }; // each has what those before it have

// Found once. `avx512` has the subsets f, dq, vl and bw; `avx2` has FMA.
InstructionSet instruction_set();

} // namespace ckernels
