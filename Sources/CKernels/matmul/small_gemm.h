// Small matmuls on raw memory, for loops that already run in parallel threads.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/from_blob.h>

// The BLAS that LibTorch is linked with. Weak, since some builds do not export these names.
extern "C" {
__attribute__((weak)) void sgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k,
                                  const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
                                  const float *beta, float *c, const int *ldc);
__attribute__((weak)) void dgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k,
                                  const double *alpha, const double *a, const int *lda, const double *b, const int *ldb,
                                  const double *beta, double *c, const int *ldc);
}

namespace ckernels {

// A matrix in row-major order, or its transpose.
template <typename T> struct Matrix {
  const T *data;
  int64_t stride; // between rows in memory
  bool transposed = false;

  Matrix t() const { return {data, stride, !transposed}; }
};

template <typename T>
void multiply_plainly(int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T *c, int64_t stride, bool adds) {
  auto view = [](const T *data, int64_t rows, int64_t columns, int64_t row, int64_t column) {
    return at::from_blob(const_cast<T *>(data), {rows, columns}, {row, column},
                         at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  };
  at::Tensor left = a.transposed ? view(a.data, m, k, 1, a.stride) : view(a.data, m, k, a.stride, 1);
  at::Tensor right = b.transposed ? view(b.data, k, n, 1, b.stride) : view(b.data, k, n, b.stride, 1);
  at::Tensor result = view(c, m, n, stride, 1);
  at::addmm_out(result, result, left, right, adds ? 1 : 0);
}

// c = a b, or c += a b: [m, k] by [k, n], rows of c `stride` apart.
template <typename T>
void multiply(int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T *c, int64_t stride, bool adds = false) {
  if (m == 0 || n == 0 || k == 0) return;
  // BLAS is column-major: to it, our matrices are transposed, and cᵀ = bᵀ aᵀ.
  const int rows = static_cast<int>(n), columns = static_cast<int>(m), inner = static_cast<int>(k);
  const int ldb = static_cast<int>(b.stride), lda = static_cast<int>(a.stride), ldc = static_cast<int>(stride);
  const T one = 1, keep = adds ? 1 : 0;
  const char *first = b.transposed ? "T" : "N", *second = a.transposed ? "T" : "N";
  if constexpr (std::is_same_v<T, float>) {
    if (sgemm_) {
      return sgemm_(first, second, &rows, &columns, &inner, &one, b.data, &ldb, a.data, &lda, &keep, c, &ldc);
    }
  } else {
    if (dgemm_) {
      return dgemm_(first, second, &rows, &columns, &inner, &one, b.data, &ldb, a.data, &lda, &keep, c, &ldc);
    }
  }
  multiply_plainly(m, n, k, a, b, c, stride, adds);
}

} // namespace ckernels
