// The library itself: version, threads.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// Limits LibTorch's log to errors, unless TORCH_CPP_LOG_LEVEL is set in the environment.
void ctorch_initialize_logging(void);
// The version of the headers that this was compiled with, as "2.13.0".
const char *ctorch_version(void);
// "AVX512", "AVX2", "DEFAULT", … : the CPU kernels in use.
CTORCH_CHECKED ctorch_status ctorch_cpu_capability(char **out, char **error);
int ctorch_thread_count(void);
void ctorch_set_thread_count(int count); // below 1: 1
// The number of CUDA devices that this build can use on this machine; 0 without CUDA.
int ctorch_cuda_device_count(void);

#ifdef __cplusplus
}
#endif
