// log softmax(logits)[target] without a table of log-probabilities.
#pragma once

#include "arguments.cuh"
#include "reduce.cuh"
#include "values.cuh"

namespace ckernels {

// Σ exp(x) over the numbers seen so far, relative to the largest of them, so that one pass is enough (Milakov & Gimelshein,
// 2018, arXiv:1805.02867).
struct ExponentialSum {
  float largest = minus_infinity();
  float sum = 0;

  // Avoids −∞ − (−∞), which is NaN.
  static __device__ __forceinline__ float shift(float largest) { return largest == minus_infinity() ? 0 : largest; }

  template <int N> __device__ __forceinline__ void add(const Values<N> &x) {
    float above = largest;
#pragma unroll
    for (int i = 0; i < N; ++i) above = fmaxf(above, x.at[i]);
    sum *= expf(largest - shift(above));
#pragma unroll
    for (int i = 0; i < N; ++i) sum += expf(x.at[i] - shift(above));
    largest = above;
  }

  __device__ __forceinline__ void add(float other_largest, float other_sum) {
    const float above = fmaxf(largest, other_largest);
    sum = sum * expf(largest - shift(above)) + other_sum * expf(other_largest - shift(above));
    largest = above;
  }

  __device__ __forceinline__ void add_warp() {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      const float other_largest = __shfl_xor_sync(0xffffffffu, largest, distance);
      const float other_sum = __shfl_xor_sync(0xffffffffu, sum, distance);
      add(other_largest, other_sum);
    }
  }
};

// The numbers about a distribution, once the largest logit and log Σ exp are known. The row is read a second time, which
// costs little: it was just read.
template <typename Logit, int N>
__device__ __forceinline__ void distribution_statistics(const LogProbabilityArguments &a, const Logit *logits,
                                                        bool aligned, float largest, float log_sum) {
  __shared__ float parts[3][32];
  const int words = a.words;
  float surprise = 0, squares = 0, shifts = 0;
  for (int first = N * threadIdx.x; first < words; first += N * blockDim.x) {
    const Values<N> x = load<N>(logits, first, words, aligned, minus_infinity());
#pragma unroll
    for (int i = 0; i < N; ++i) {
      if (first + i >= words) break;
      const float log_p = x.at[i] - log_sum, p = expf(log_p);
      // 0 · log 0 = 0
      surprise -= p > 0 ? p * log_p : 0.f;
      squares += p * p;
      shifts += x.at[i] - largest;
    }
  }
  surprise = block_sum(surprise, parts[0]);
  squares = block_sum(squares, parts[1]);
  shifts = block_sum(shifts, parts[2]);
  if (threadIdx.x > 0) return;
  const long long row = blockIdx.x, target = a.targets[row];
  a.statistics[row] = surprise;
  a.statistics[row + a.rows] = logf(squares);
  a.statistics[row + 2 * a.rows] = target >= 0 && target < words && to_float(logits[target]) == largest ? 1.f : 0.f;
  a.statistics[row + 3 * a.rows] = largest + shifts / words;
}

template <typename Logit> __device__ __forceinline__ void log_probability(const LogProbabilityArguments &a) {
  constexpr int N = 16 / sizeof(Logit);
  __shared__ float largest[32], sums[32], row_largest, row_log_sum;
  const long long row = blockIdx.x;
  const int words = a.words, lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  const Logit *logits = static_cast<const Logit *>(a.logits) + row * words;
  const bool aligned = is_aligned(words, logits);
  ExponentialSum total;
  for (int first = N * threadIdx.x; first < words; first += N * blockDim.x) {
    total.add(load<N>(logits, first, words, aligned, minus_infinity()));
  }
  total.add_warp();
  if (lane == 0) {
    largest[warp] = total.largest;
    sums[warp] = total.sum;
  }
  __syncthreads();
  if (warp == 0) {
    total = ExponentialSum();
    if (lane < warps) {
      total.largest = largest[lane];
      total.sum = sums[lane];
    }
    total.add_warp();
    if (lane == 0) {
      const long long target = a.targets[row];
      const float logarithm = logf(total.sum);
      row_largest = total.largest;
      a.log_sum[row] = row_log_sum = total.largest + logarithm;
      a.out[row] =
          target >= 0 && target < words ? to_float(logits[target]) - total.largest - logarithm : not_a_number();
    }
  }
  if (!a.statistics) return;
  __syncthreads();
  distribution_statistics<Logit, N>(a, logits, aligned, row_largest, row_log_sum);
}

// gradient · ((word = target) − probability)
template <typename Logit, typename Gradient>
__device__ __forceinline__ void log_probability_backward(const LogProbabilityBackwardArguments &a) {
  constexpr int N = 16 / (sizeof(Logit) > sizeof(Gradient) ? sizeof(Logit) : sizeof(Gradient));
  const long long row = blockIdx.x;
  const int words = a.words;
  const Logit *logits = static_cast<const Logit *>(a.logits) + row * words;
  Gradient *gradients = static_cast<Gradient *>(a.logit_gradients) + row * words;
  const bool aligned = is_aligned(words, logits, gradients);
  const long long target = a.targets[row];
  const float log_sum = a.log_sum[row], gradient = a.gradient[row];
  for (int first = N * threadIdx.x; first < words; first += N * blockDim.x) {
    Values<N> x = load<N>(logits, first, words, aligned);
#pragma unroll
    for (int i = 0; i < N; ++i) x.at[i] = gradient * ((first + i == target ? 1.f : 0.f) - expf(x.at[i] - log_sum));
    store(gradients, first, words, aligned, x);
  }
}

} // namespace ckernels
