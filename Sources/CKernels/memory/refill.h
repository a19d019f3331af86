// Numbers of the host in a tensor that is there already.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

namespace ckernels {

// Copies to a tensor of the same type and shape, in the order of the tensor's device's current stream. For a CUDA device the
// host's side is pinned memory; nobody waits for the copy, and the numbers travel while the current stream computes.
void send(const at::Tensor &host, const at::Tensor &tensor);

// Writes a tensor of type T anew: fill(memory) on the host, then `send`.
template <typename T, typename Fill> void refill(const at::Tensor &tensor, Fill fill) {
  at::Tensor host = at::empty(tensor.sizes(), tensor.options().device(at::kCPU).pinned_memory(tensor.is_cuda()));
  fill(host.data_ptr<T>());
  send(host, tensor);
}

} // namespace ckernels
