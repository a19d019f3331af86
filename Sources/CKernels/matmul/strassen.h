// Large float32 matmuls on the CPU.
#pragma once

#include "matmul/gemm_kernels.h"
#include "matmul/small_gemm.h"

namespace ckernels {

// The kernels for a matmul of this size on this processor; nullptr if LibTorch is as fast or there are none.
const GemmKernels *kernels_for_matmul(int64_t m, int64_t n, int64_t k);

// c = a b, or c += a b: [m, k] by [k, n], none of them 0; rows of c are `stride` apart, and c does not overlap a or b. Runs
// on LibTorch's threads; the bits depend only on their number.
//
// One level of Strassen's algorithm. Rounding errors are about twice those of a plain matmul, and relative to the largest
// elements of the matrices: the product of a row of zeros need not be zero, and infinities and NaNs spread to other elements.
void strassen_matmul(const GemmKernels &kernels, int64_t m, int64_t n, int64_t k, Matrix<float> a, Matrix<float> b,
                     float *c, int64_t stride, bool adds);

} // namespace ckernels
