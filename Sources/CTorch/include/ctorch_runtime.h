// The library itself: version, threads.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// LibTorch's own log: errors only, unless TORCH_CPP_LOG_LEVEL in the environment says otherwise.
void ctorch_initialize_logging(void);
// The version of the headers this was compiled against, as "2.13.0".
const char *ctorch_version(void);
// "AVX512", "AVX2", "DEFAULT", … : the CPU kernels in use.
CTORCH_CHECKED ctorch_status ctorch_cpu_capability(char **out, char **error);
int ctorch_thread_count(void);
void ctorch_set_thread_count(int count); // below 1: 1
// Number of CUDA devices that this build and this machine offer; 0 without CUDA.
int ctorch_cuda_device_count(void);

#ifdef __cplusplus
}
#endif
