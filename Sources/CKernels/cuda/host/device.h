// A CUDA device that runs this library's kernels.
#pragma once

#include "cuda/host/launches.h"

#include <c10/core/Device.h>

namespace ckernels::cuda {

// The device, with the kernels loaded. The first call for a device compiles and loads them. It takes some seconds unless they
// are in the cache on disk, and must not be made while a graph is captured. All others are cheap, from any thread.
//
// Throws if that failed (the same error each time) or this build has no CUDA. Launches go to the current stream.
Machine &machine_of(c10::Device device);

} // namespace ckernels::cuda
