// Loops over rows, compiled for each instruction set and selected when the program starts.
//
// They do not allocate or start threads. `rows` is the number of rows; strides are distances between rows, in elements.
#pragma once

#include <cstdint>

namespace ckernels {

template <typename T> struct RowKernels {
  // sum = x + delta and normed = sum · scale · weight with scale = 1/√(mean sum² + ε), one per row. `delta` and
  // `sum` may be null together.
  void (*rms_norm)(int64_t rows, int64_t size, const T *x, const T *delta, const T *weight, T epsilon, T *sum,
                   T *normed, T *scale);
  // The gradient of x, plus `sum_gradient` if given; adds to `weight_gradient` if given.
  void (*rms_norm_backward)(int64_t rows, int64_t size, const T *x, const T *weight, const T *scale,
                            const T *normed_gradient, const T *sum_gradient, T *gradient, T *weight_gradient);

  // Rotates `heads` heads of each row, after a norm if `weight` is given (`scale`, [rows, heads], receives the factors).
  // Tables have `size` / 2 entries per row.
  void (*rotate)(int64_t rows, int64_t heads, int64_t size, int64_t stride, const T *x, const T *weight, T epsilon,
                 const T *cosines, const T *sines, T *out, T *scale, int64_t scale_stride);
  void (*rotate_backward)(int64_t rows, int64_t heads, int64_t size, int64_t stride, const T *x, const T *weight,
                          const T *scale, int64_t scale_stride, const T *cosines, const T *sines, const T *out_gradient,
                          T *gradient, T *weight_gradient);

  // out = silu(gate) · up, gate and up side by side in a row of 2 · size.
  void (*swiglu)(int64_t rows, int64_t size, const T *gate_up, T *out);
  // Reads the gradient of the product from `product` and overwrites it with the product.
  void (*swiglu_backward)(int64_t rows, int64_t size, const T *gate_up, T *product, T *gate_up_gradient);

  // Scores to exp(scale · (score − largest)) over the first visible[row] columns, 0 in the others; `sum` receives the
  // row's sum and `log_sum` the logarithm of the sum of exp(scale · score).
  void (*softmax)(int64_t rows, int64_t columns, int64_t stride, const int64_t *visible, T scale, T *scores, T *sum,
                  T *log_sum);
  // In place: scores become probabilities, and gradients of probabilities become gradients of scores before `scale`.
  void (*softmax_backward)(int64_t rows, int64_t columns, int64_t stride, const int64_t *visible, T scale,
                           const T *log_sum, const T *mean_gradient, T *scores, T *gradients);
  // Divides each row by its divisor.
  void (*divide)(int64_t rows, int64_t size, int64_t stride, const T *divisors, T *x);
  // The inner product of each pair of rows.
  void (*dot)(int64_t rows, int64_t size, int64_t stride, const T *a, const T *b, T *out);

  // out = logit[target] − log Σ exp(logit); also returns log Σ exp(logit).
  void (*log_probability)(int64_t rows, int64_t words, const T *logits, const int64_t *targets, T *out, T *log_sum);
  // The same, and of each distribution p its entropy, log Σ p², whether the target is its most probable token (1 or 0), and
  // the mean logit: four numbers that are `stride` apart.
  void (*log_probability_statistics)(int64_t rows, int64_t words, const T *logits, const int64_t *targets, T *out,
                                     T *log_sum, T *statistics, int64_t stride);
  // The gradients of the logits, gradient · ((token = target) − probability); may overwrite the logits.
  void (*log_probability_backward)(int64_t rows, int64_t words, const T *logits, const int64_t *targets,
                                   const T *log_sum, const T *gradients, T *logit_gradients);
  // to += from
  void (*add)(int64_t count, const T *from, T *to);
  // Σ x², in double precision.
  double (*sum_of_squares)(int64_t count, const T *x);
};

// The loops for this processor.
template <typename T> const RowKernels<T> &row_kernels();
template <> const RowKernels<float> &row_kernels<float>();
template <> const RowKernels<double> &row_kernels<double>();

} // namespace ckernels
