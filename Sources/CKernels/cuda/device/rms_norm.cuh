// Root mean square layer normalization (Zhang & Sennrich, 2019, arXiv:1910.07467) of a sum.
#pragma once

#include "arguments.cuh"
#include "reduce.cuh"
#include "values.cuh"

namespace ckernels {

// A thread keeps its part of a row in registers, two packs a block's width apart, so that a row is read once.
constexpr int kRowPacks = 2;
__device__ __forceinline__ int row_pack(int number) { return 4 * (threadIdx.x + number * blockDim.x); }

template <typename Delta, typename Normed> __device__ __forceinline__ void rms_norm(const RMSNormArguments &a) {
  __shared__ float parts[32];
  const int size = a.size;
  const long long row = blockIdx.x, start = row * size;
  const Delta *delta = static_cast<const Delta *>(a.delta);
  Normed *normed = static_cast<Normed *>(a.normed) + start;
  const bool aligned = is_aligned(size, a.x, delta, a.weight, a.sum, normed);
  // All loads come first: after a store they would wait for it, since it could be to the same memory.
  Values<4> x[kRowPacks], added[kRowPacks] = {}, weight[kRowPacks];
#pragma unroll
  for (int j = 0; j < kRowPacks; ++j) {
    x[j] = load<4>(a.x + start, row_pack(j), size, aligned);
    if (delta) added[j] = load<4>(delta + start, row_pack(j), size, aligned);
    weight[j] = load<4>(a.weight, row_pack(j), size, aligned);
  }
  float squares = 0;
#pragma unroll
  for (int j = 0; j < kRowPacks; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      x[j].at[i] += added[j].at[i];
      squares += x[j].at[i] * x[j].at[i];
    }
    if (delta) store(a.sum + start, row_pack(j), size, aligned, x[j]);
  }
  const float scale = 1 / sqrtf(block_sum(squares, parts) / size + a.epsilon);
  if (threadIdx.x == 0) a.scale[row] = scale;
#pragma unroll
  for (int j = 0; j < kRowPacks; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) x[j].at[i] *= scale * weight[j].at[i];
    store(normed, row_pack(j), size, aligned, x[j]);
  }
}

// With n = x · s: ∂L/∂x = s · (w·g − n · mean(w·g·n)). A block loops over rows, so that a thread has the same columns
// in all rows and sums the weight's gradients in registers.
template <typename Delta, typename Normed>
__device__ __forceinline__ void rms_norm_backward(const RMSNormBackwardArguments &a) {
  __shared__ float parts[2][32];
  const int size = a.size;
  const Normed *incoming = static_cast<const Normed *>(a.normed_gradient);
  Delta *copy = static_cast<Delta *>(a.delta_gradient);
  const bool aligned = is_aligned(size, a.x, a.weight, incoming, a.sum_gradient, a.gradient, copy, a.partials);
  Values<4> weight[kRowPacks], weight_gradient[kRowPacks] = {};
#pragma unroll
  for (int j = 0; j < kRowPacks; ++j) weight[j] = load<4>(a.weight, row_pack(j), size, aligned);
  int turn = 0;
  for (long long row = blockIdx.x; row < a.rows; row += gridDim.x, turn ^= 1) {
    const long long start = row * size;
    const float scale = a.scale[row];
    Values<4> n[kRowPacks], g[kRowPacks];
    float products = 0;
#pragma unroll
    for (int j = 0; j < kRowPacks; ++j) {
      const int first = row_pack(j);
      n[j] = load<4>(a.x + start, first, size, aligned);
      g[j] = load<4>(incoming + start, first, size, aligned);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        n[j].at[i] *= scale;
        weight_gradient[j].at[i] += g[j].at[i] * n[j].at[i];
        g[j].at[i] *= weight[j].at[i];
        products += g[j].at[i] * n[j].at[i];
      }
    }
    const float mean = block_sum(products, parts[turn]) / size;
#pragma unroll
    for (int j = 0; j < kRowPacks; ++j) {
      const int first = row_pack(j);
      Values<4> passing = {};
      if (a.sum_gradient) passing = load<4>(a.sum_gradient + start, first, size, aligned);
#pragma unroll
      for (int i = 0; i < 4; ++i) passing.at[i] += scale * (g[j].at[i] - n[j].at[i] * mean);
      store(a.gradient + start, first, size, aligned, passing);
      if (copy) store(copy + start, first, size, aligned, passing);
    }
  }
  if (!a.partials) return;
#pragma unroll
  for (int j = 0; j < kRowPacks; ++j) {
    store(a.partials + static_cast<long long>(blockIdx.x) * size, row_pack(j), size, aligned, weight_gradient[j]);
  }
}

// A block sums 32 columns; its warps divide the rows.
__device__ __forceinline__ void add_columns(const ColumnArguments &a) {
  __shared__ float parts[32][32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  const int width = a.kinds * a.columns, column = 32 * blockIdx.x + lane;
  float sum = 0;
  if (column < width) {
#pragma unroll 4
    for (int row = warp; row < a.rows; row += warps) sum += a.partials[static_cast<long long>(row) * width + column];
  }
  parts[warp][lane] = sum;
  __syncthreads();
  if (warp > 0 || column >= width) return;
  for (int i = 1; i < warps; ++i) sum += parts[i][lane];
  float *out = a.out[column / a.columns];
  if (out) out[column % a.columns] += sum;
}

} // namespace ckernels
