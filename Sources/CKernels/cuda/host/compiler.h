// Compiles the CUDA kernels for a device, at run time, by NVRTC.
#pragma once

#include <string>

namespace ckernels::cuda {

// The kernels for a compute capability: machine code if this NVRTC knows the architecture, otherwise PTX of the latest
// architecture before it, which the driver compiles. Read from the cache on disk if they are there.
//
// Throws c10::Error with the compiler's log on failure.
struct Image {
  std::string bytes;
  std::string key; // what it was compiled from: source, options, version, architecture
  bool from_disk = false;
};
Image compile_kernels(int major, int minor, bool reads_disk = true);

// A function of the CUDA driver or of NVRTC by its name; throws if there is none.
void *cuda_symbol(const char *name);

} // namespace ckernels::cuda
