// Sums over the threads of a warp or block, in an order that depends only on their number. Blocks consist of whole warps, and
// all threads take part.
#pragma once

namespace ckernels {

// Over groups of `lanes` neighbouring threads, a power of two up to 32.
template <typename T> __device__ __forceinline__ T group_sum(T x, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}

template <typename T> __device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}

// `parts` is shared memory. A second sum needs other memory; a third may use that of the first, because all threads have
// passed the second's barrier by then.
template <typename T> __device__ __forceinline__ T block_sum(T x, T (&parts)[32]) {
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32;
  x = warp_sum(x);
  if (warps == 1) return x;
  if (lane == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  return warp_sum(lane < warps ? parts[lane] : T(0));
}

} // namespace ckernels
