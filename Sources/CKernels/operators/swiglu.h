// SwiGLU's product, row by row, on whatever device and in whatever type: loops of this library on CPUs, LibTorch's operators
// elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

namespace ckernels {

// silu(gate) · up, [rows, size], of both side by side, [rows, 2 · size].
at::Tensor swiglu(const at::Tensor &gate_up);

// Reads the product's gradient from `product` and leaves the product itself there; returns the gradient of gate and up.
at::Tensor swiglu_backward(const at::Tensor &gate_up, at::Tensor &product);

} // namespace ckernels
