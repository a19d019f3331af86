// Rows of a table of float32, and their gradients.
#pragma once

#include "arguments.cuh"
#include "values.cuh"

namespace ckernels {

__device__ __forceinline__ void embedding(const EmbeddingArguments &a) {
  const long long row = blockIdx.x, entry = a.index[row];
  const int size = a.size;
  const bool is_there = entry >= 0 && entry < a.entries, aligned = is_aligned(size, a.table, a.rows_of);
  for (int first = 4 * threadIdx.x; first < size; first += 4 * blockDim.x) {
    Values<4> x;
    if (is_there) {
      x = load<4>(a.table + entry * size, first, size, aligned);
    } else {
      for (int i = 0; i < 4; ++i) x.at[i] = not_a_number();
    }
    store(a.rows_of + row * size, first, size, aligned, x);
  }
}

// Atomic additions, the only ones here, whose order is not the same each time: the alternative sorts the index first.
__device__ __forceinline__ void embedding_backward(const EmbeddingArguments &a) {
  const long long row = blockIdx.x, entry = a.index[row];
  const int size = a.size;
  if (entry < 0 || entry >= a.entries) return;
  // Neighbouring threads have neighbouring elements, so that a warp's additions go to few sectors.
  for (int i = threadIdx.x; i < size; i += blockDim.x) atomicAdd(a.table + entry * size + i, a.rows_of[row * size + i]);
}

} // namespace ckernels
