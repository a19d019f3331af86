// Numbers of the host in a tensor that is there already.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

namespace ckernels {

// Writes a tensor of type T anew: fill(memory) on the host, then a copy in the order of the tensor's device.
//
// For a CUDA device the host's side is pinned, so that the copy waits for nothing and nothing waits for it. LibTorch's
// allocator hands such memory out again only when the copies from it have run.
template <typename T, typename Fill> void refill(const at::Tensor &tensor, Fill fill) {
  at::Tensor host = at::empty(tensor.sizes(), tensor.options().device(at::kCPU).pinned_memory(tensor.is_cuda()));
  fill(host.data_ptr<T>());
  tensor.copy_(host, /*non_blocking=*/true);
}

} // namespace ckernels
