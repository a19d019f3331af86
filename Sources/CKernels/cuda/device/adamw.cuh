// AdamW (Loshchilov & Hutter, 2019, arXiv:1711.05101) over flat buffers, with PyTorch's definition of each term.
#pragma once

#include "arguments.cuh"
#include "values.cuh"

namespace ckernels {

// With the moments m and v: p −= rate · decay · p + rate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε).
template <typename Low> __device__ __forceinline__ void adamw(const AdamWArguments &a) {
  __shared__ float shared_step_size, shared_root;
  if (a.skips && *a.skips != 0) return;
  const float rate = *a.learning_rate, divisor = a.divisor ? *a.divisor : 1.f;
  if (threadIdx.x == 0) {
    // In float64, since 1 − β₂ᵗ is a small difference at first.
    const double step = *a.step;
    shared_step_size = static_cast<float>(rate / (1 - pow(a.beta1, step)));
    shared_root = static_cast<float>(sqrt(1 - pow(a.beta2, step)));
  }
  __syncthreads();
  const float step_size = shared_step_size, root = shared_root;
  const float beta1 = static_cast<float>(a.beta1), rest1 = static_cast<float>(1 - a.beta1);
  const float beta2 = static_cast<float>(a.beta2), rest2 = static_cast<float>(1 - a.beta2);
  const float epsilon = static_cast<float>(a.epsilon), decay = static_cast<float>(rate * a.weight_decay);
  Low *low = static_cast<Low *>(a.low);
  const bool aligned = is_aligned(0, a.parameters, a.gradients, a.first_moments, a.second_moments, low);
  const long long count = a.count, stride = 4ll * blockDim.x * gridDim.x;
  for (long long first = 4ll * (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x); first < count;
       first += stride) {
    Values<4> p = load<4>(a.parameters, first, count, aligned), m = load<4>(a.first_moments, first, count, aligned);
    Values<4> v = load<4>(a.second_moments, first, count, aligned);
    const Values<4> g = load<4>(a.gradients, first, count, aligned);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float gradient = g.at[i] / divisor;
      m.at[i] = beta1 * m.at[i] + rest1 * gradient;
      v.at[i] = beta2 * v.at[i] + rest2 * gradient * gradient;
      p.at[i] -= decay * p.at[i] + step_size * m.at[i] / (sqrtf(v.at[i]) / root + epsilon);
    }
    store(a.parameters, first, count, aligned, p);
    store(a.first_moments, first, count, aligned, m);
    store(a.second_moments, first, count, aligned, v);
    if (low) store(low, first, count, aligned, p);
  }
}

__device__ __forceinline__ void advance_step(const StepArguments &a) {
  if (!a.skips || *a.skips == 0) *a.step += 1;
}

} // namespace ckernels
