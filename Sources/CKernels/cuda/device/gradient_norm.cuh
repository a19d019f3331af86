// The norm of all gradients and the scaling of the update, without the host.
#pragma once

#include "arguments.cuh"
#include "reduce.cuh"
#include "values.cuh"

namespace ckernels {

// Groups of four squares are added in float32, the groups in float64: a float32 sum of many squares loses the small ones.
// As in PyTorch's norm, a gradient above 1.8e19 counts as infinite.
__device__ __forceinline__ void sum_of_squares(const SquaresArguments &a) {
  __shared__ double parts[32];
  const bool aligned = is_aligned(0, a.x);
  const long long stride = 4ll * blockDim.x * gridDim.x;
  double sum = 0;
  for (long long first = 4ll * (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x); first < a.count;
       first += stride) {
    const Values<4> x = load<4>(a.x, first, a.count, aligned);
    float squares = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) squares += x.at[i] * x.at[i];
    sum += squares;
  }
  const double total = block_sum(sum, parts);
  if (threadIdx.x == 0) a.partials[blockIdx.x] = total;
}

__device__ __forceinline__ void add_squares(const SquaresSumArguments &a) {
  __shared__ double parts[32];
  double sum = 0;
  for (long long i = threadIdx.x; i < a.count; i += blockDim.x) sum += a.partials[i];
  sum = block_sum(sum, parts);
  if (threadIdx.x == 0) *a.sum = sum;
}

// PyTorch's clip_grad_norm_ as a divisor, with its 1e-6, which there prevents a division by a norm of 0.
__device__ __forceinline__ void gradient_scaling(const ScalingArguments &a) {
  const double loss_scale = a.loss_scale ? static_cast<double>(*a.loss_scale) : 1;
  const double norm = sqrt(*a.sum_of_squares) / loss_scale;
  const double excess = a.maximum > 0 ? fmax(1., (norm + 1e-6) / a.maximum) : 1;
  const float rounded = static_cast<float>(norm);
  *a.norm = rounded;
  *a.divisor = static_cast<float>(loss_scale * excess);
  *a.skips = rounded <= 3.402823466e38f ? 0.f : 1.f;
}

} // namespace ckernels
