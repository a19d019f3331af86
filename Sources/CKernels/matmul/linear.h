// Products with weights, outside autograd, in one precision: sums in float32 (float64 of such tensors), whatever the type of
// the factors. Large ones of float32 on the CPU are `multiply_large`'s, all others LibTorch's.
#pragma once

#include <ATen/core/Tensor.h>

namespace ckernels {

// x wᵀ, [rows, in] by [out, in], in the type of its factors.
at::Tensor linear_product(const at::Tensor &x, const at::Tensor &weight);

// The same into a tensor of that type; not of 16 bits on the CPU.
void linear_product_into(at::Tensor &out, const at::Tensor &x, const at::Tensor &weight);

// The same, where the factors are of 16 bits, before it is rounded to them: float32.
at::Tensor wide_linear_product(const at::Tensor &x, const at::Tensor &weight);

// sum += aᵀ b, [n, out] by [n, in]; `sum` is float32 where the factors are of 16 bits.
void add_transposed_product(at::Tensor &sum, const at::Tensor &a, const at::Tensor &b);

// The same, always LibTorch's: each row of the sum is as exact as the columns of `a` are, however small beside others.
void add_transposed_product_plainly(at::Tensor &sum, const at::Tensor &a, const at::Tensor &b);

} // namespace ckernels
