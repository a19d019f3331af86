#include "ctorch_runtime.h"
#include "ctorch_handles.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>

#if TORCH_VERSION_MAJOR != 2 || TORCH_VERSION_MINOR < 11
// clang-format off
#error "This LibTorch is not supported: versions 2.11 to 2.13 are known to work. Run `make libtorch`, or set LIBTORCH to another one."
// clang-format on
#endif

using namespace ctorch;

void ctorch_initialize_logging(void) {
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", /*overwrite=*/0);
  try {
    c10::initLogging();
  } catch (...) {
    // LibTorch then only logs more.
  }
}

const char *ctorch_version(void) { return TORCH_VERSION; }

ctorch_status ctorch_cpu_capability(char **out, char **error) {
  return guarded(error, [&] { *out = text(at::get_cpu_capability().c_str()); });
}

int ctorch_thread_count(void) { return at::get_num_threads(); }

void ctorch_set_thread_count(int count) { at::set_num_threads(std::max(count, 1)); }

int ctorch_cuda_device_count(void) {
  try {
    return static_cast<int>(at::getNumGPUs());
  } catch (...) {
    return 0;
  }
}
