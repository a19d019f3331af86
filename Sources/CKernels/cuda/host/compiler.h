// The CUDA kernels' text compiled for a device, at run time, by NVRTC.
#pragma once

#include <string>

namespace ckernels::cuda {

// The kernels for devices of a compute capability: machine code where this NVRTC knows the architecture, else PTX, which
// the driver compiles, of the latest one before it. Taken from the disk where it lies there.
//
// Throws c10::Error with the compiler's words where it fails.
struct Image {
  std::string bytes;
  std::string key; // what it was made of: source, options, version, architecture
  bool from_disk = false;
};
Image compile_kernels(int major, int minor, bool reads_disk = true);

// A function of the CUDA driver or of NVRTC by its name; throws where there is none.
void *cuda_symbol(const char *name);

} // namespace ckernels::cuda
