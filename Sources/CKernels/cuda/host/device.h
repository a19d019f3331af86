// A CUDA device as a machine that runs this library's kernels.
#pragma once

#include "cuda/host/launches.h"

#include <c10/core/Device.h>

namespace ckernels::cuda {

// The device with the kernels on it. The first call for a device compiles and loads them, which takes some seconds unless
// they lie on the disk, and must not be made while a graph is captured; all others are cheap, from any thread.
//
// Throws where that failed (each time the same), and where this build has no CUDA. Launches go to the current stream.
Machine &machine_of(c10::Device device);

} // namespace ckernels::cuda
