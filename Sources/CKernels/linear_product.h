// Large products with weights.
#pragma once

#include <ATen/core/Tensor.h>

namespace ckernels {

// x wᵀ, [rows, in] by [out, in], outside autograd.
//
// Where the processor has AVX-512 a large product is oneDNN's, which LibTorch brings along but keeps for bfloat16: its
// float32 kernels are made for the processor found, while MKL's for processors that are not Intel's stop at AVX2.
at::Tensor linear_product(const at::Tensor &x, const at::Tensor &weight);

} // namespace ckernels
