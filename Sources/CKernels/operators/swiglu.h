// SwiGLU's product on any device and in any type: by this library's loops or kernels where they run, otherwise by
// LibTorch's operators.
#pragma once

#include <ATen/core/Tensor.h>

namespace ckernels {

// silu(gate) · up, [rows, size], of gate and up side by side, [rows, 2 · size].
at::Tensor swiglu(const at::Tensor &gate_up);

// Reads the gradient of the product from `product` and overwrites it with the product; returns the gradient of gate and
// up.
at::Tensor swiglu_backward(const at::Tensor &gate_up, at::Tensor &product);

} // namespace ckernels
