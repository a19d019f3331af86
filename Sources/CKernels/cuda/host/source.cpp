#include "cuda/host/source.h"

#include "cuda/host/image_cache.h"

#ifdef USE_CUDA

// The assembler embeds the files, so that the kernels remain files that editors and compilers understand. It searches the
// folders in which the preprocessor searches headers. Testing for each file in the preprocessor makes the build system
// compile this file again when one changes.
#define CUDA_FILE(symbol)                                                                                              \
  asm(".section .rodata\n"                                                                                             \
      "ckernels_source_" #symbol ":\n"                                                                                 \
      ".incbin \"" #symbol ".cuh\"\n"                                                                                  \
      ".byte 0\n"                                                                                                      \
      ".previous\n");                                                                                                  \
  extern "C" __attribute__((visibility("hidden"))) const char ckernels_source_##symbol[];

// clang-format off
#if !(__has_include("kernels.cuh") && __has_include("adamw.cuh") && __has_include("arguments.cuh") &&                 \
      __has_include("dtype.cuh") && __has_include("gradient_norm.cuh") && __has_include("log_probability.cuh") &&     \
      __has_include("names.cuh") && __has_include("reduce.cuh") && __has_include("rms_norm.cuh") &&                   \
      __has_include("rotate.cuh") && __has_include("swiglu.cuh") && __has_include("values.cuh"))
#error "Sources/CKernels/cuda/device is not in the header search path"
#endif
// clang-format on

CUDA_FILE(kernels)
CUDA_FILE(adamw)
CUDA_FILE(arguments)
CUDA_FILE(dtype)
CUDA_FILE(gradient_norm)
CUDA_FILE(log_probability)
CUDA_FILE(names)
CUDA_FILE(reduce)
CUDA_FILE(rms_norm)
CUDA_FILE(rotate)
CUDA_FILE(swiglu)
CUDA_FILE(values)

const std::vector<ckernels::cuda::SourceFile> &ckernels::cuda::source_files() {
  static const std::vector<SourceFile> files = {
      {"kernels.cuh", ckernels_source_kernels},
      {"adamw.cuh", ckernels_source_adamw},
      {"arguments.cuh", ckernels_source_arguments},
      {"dtype.cuh", ckernels_source_dtype},
      {"gradient_norm.cuh", ckernels_source_gradient_norm},
      {"log_probability.cuh", ckernels_source_log_probability},
      {"names.cuh", ckernels_source_names},
      {"reduce.cuh", ckernels_source_reduce},
      {"rms_norm.cuh", ckernels_source_rms_norm},
      {"rotate.cuh", ckernels_source_rotate},
      {"swiglu.cuh", ckernels_source_swiglu},
      {"values.cuh", ckernels_source_values},
  };
  return files;
}

#else

// Without CUDA the kernels are not compiled.
const std::vector<ckernels::cuda::SourceFile> &ckernels::cuda::source_files() {
  static const std::vector<SourceFile> files;
  return files;
}

#endif

std::string ckernels::cuda::source_hash() {
  std::string all;
  for (const SourceFile &file : source_files()) {
    all.append(file.name).push_back('\0');
    all.append(file.text).push_back('\0');
  }
  return content_hash(all);
}
