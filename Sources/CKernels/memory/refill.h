// Copies from the host into an existing tensor.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

namespace ckernels {

// Copies to a tensor of the same type and shape, in the order of the current stream of the tensor's device. For a CUDA
// device the source is pinned memory: the host does not wait, and the copy runs while the current stream computes.
void send(const at::Tensor &host, const at::Tensor &tensor);

// Overwrites a tensor of type T: fill(memory) on the host, then `send`.
template <typename T, typename Fill> void refill(const at::Tensor &tensor, Fill fill) {
  at::Tensor host = at::empty(tensor.sizes(), tensor.options().device(at::kCPU).pinned_memory(tensor.is_cuda()));
  fill(host.data_ptr<T>());
  send(host, tensor);
}

} // namespace ckernels
