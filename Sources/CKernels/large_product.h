// Large products of matrices of float32 on the CPU.
#pragma once

#include "products.h"

namespace ckernels {

// Whether `multiply_large` takes a product of this size on this processor, and is faster than LibTorch's.
bool takes_large_product(int64_t m, int64_t n, int64_t k);

// c = a b, or c += a b: [m, k] by [k, n], rows of c `stride` apart; on LibTorch's threads.
//
// Strassen's algorithm, once: rounding errors are about twice those of sums of products, and relative to the largest elements
// of the matrices where those are relative to the rows and columns multiplied. An element that is infinite or no number
// may make others so, too. The same bits for the same number of threads.
void multiply_large(int64_t m, int64_t n, int64_t k, Matrix<float> a, Matrix<float> b, float *c, int64_t stride,
                    bool adds);

} // namespace ckernels
