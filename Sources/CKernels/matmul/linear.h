// Matmuls with weights, outside autograd. Sums are float32 (float64 for float64 tensors) for all types of the factors. Large
// float32 matmuls on the CPU use `strassen_matmul`, all others LibTorch.
#pragma once

#include <ATen/core/Tensor.h>

namespace ckernels {

// x wᵀ, [rows, in] by [out, in], in the type of its factors.
at::Tensor linear_product(const at::Tensor &x, const at::Tensor &weight);

// The same into a tensor of that type; not for 16-bit types on the CPU.
void linear_product_into(at::Tensor &out, const at::Tensor &x, const at::Tensor &weight);

// The same for 16-bit factors, without rounding the result: float32.
at::Tensor wide_linear_product(const at::Tensor &x, const at::Tensor &weight);

// sum += aᵀ b, [n, out] by [n, in]; `sum` is float32 for 16-bit factors.
void add_transposed_product(at::Tensor &sum, const at::Tensor &a, const at::Tensor &b);

// The same, always by LibTorch: the relative error of a row of the sum does not depend on larger columns of `a`.
void add_transposed_product_plainly(at::Tensor &sum, const at::Tensor &a, const at::Tensor &b);

} // namespace ckernels
