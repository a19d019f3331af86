// Large products of matrices of float32 on the CPU.
#pragma once

#include "matmul/gemm_kernels.h"
#include "matmul/small_gemm.h"

namespace ckernels {

// The loops for a product of this size on this processor; nullptr where LibTorch's product is as fast, or there are none.
const ProductKernels *kernels_for_product(int64_t m, int64_t n, int64_t k);

// c = a b, or c += a b: [m, k] by [k, n], none of them 0; rows of c are `stride` apart, and c lies apart from a and b. On
// LibTorch's threads, with the same bits for the same number of them.
//
// Strassen's algorithm, once. Rounding errors are about twice those of sums of products, and relative to the largest elements
// of the matrices: the product of a row of zeros need not be zeros, and an element that is infinite or no number makes others
// so, too.
void multiply_large(const ProductKernels &kernels, int64_t m, int64_t n, int64_t k, Matrix<float> a, Matrix<float> b,
                    float *c, int64_t stride, bool adds);

} // namespace ckernels
