// The vector instructions of the processor, among those that loops are compiled for.
#pragma once

namespace ckernels {

enum class InstructionSet { portable, avx2, avx512 }; // each includes those before it

// Detected once. `avx512` means the subsets f, dq, vl and bw; `avx2` includes FMA.
InstructionSet instruction_set();

} // namespace ckernels
