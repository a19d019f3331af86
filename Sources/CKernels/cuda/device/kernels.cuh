// The file that NVRTC compiles. It includes the others and defines a kernel for each function that names.cuh lists.
#pragma once

#include "adamw.cuh"
#include "gradient_norm.cuh"
#include "log_probability.cuh"
#include "names.cuh"
#include "rms_norm.cuh"
#include "rotate.cuh"
#include "swiglu.cuh"

// Inside of a namespace, so that a kernel may be called like the function that it runs.
namespace ckernels::entries {
#define CKERNELS_ENTRY(name, Arguments, threads, ...)                                                                  \
  extern "C" __global__ void __launch_bounds__(threads) cuda_##name(Arguments arguments) {                             \
    ckernels::__VA_ARGS__(arguments);                                                                                  \
  }
CKERNELS_ALL(CKERNELS_ENTRY)
#undef CKERNELS_ENTRY
} // namespace ckernels::entries
