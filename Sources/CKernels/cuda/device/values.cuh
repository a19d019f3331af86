// A few consecutive elements of a row in registers.
#pragma once

#include "dtype.cuh"

namespace ckernels {

template <int N> struct Values {
  float at[N];
};

// As many elements as one instruction loads or stores, at most 16 bytes.
template <typename T, int N> struct alignas(sizeof(T) * N) Pack {
  T at[N];
};
template <typename T, int N> constexpr int pack_size = N * sizeof(T) <= 16 ? N : 16 / sizeof(T);

// Whether all rows of `size` elements start at the alignment of a pack.
__device__ __forceinline__ bool is_aligned(int) { return true; }
template <typename T, typename... Others>
__device__ __forceinline__ bool is_aligned(int size, const T *rows, const Others *...others) {
  return reinterpret_cast<unsigned long long>(rows) % 16 == 0 && size * sizeof(T) % 16 == 0 &&
         is_aligned(size, others...);
}

// Elements first ..< first + N of a row; `filler` after its end.
template <int N, typename T>
__device__ __forceinline__ Values<N> load(const T *row, long long first, long long size, bool aligned,
                                          float filler = 0) {
  constexpr int P = pack_size<T, N>;
  Values<N> x;
  if (aligned && first + N <= size) {
#pragma unroll
    for (int start = 0; start < N; start += P) {
      const Pack<T, P> pack = *reinterpret_cast<const Pack<T, P> *>(row + first + start);
#pragma unroll
      for (int i = 0; i < P; ++i) x.at[start + i] = to_float(pack.at[i]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) x.at[i] = first + i < size ? to_float(row[first + i]) : filler;
  }
  return x;
}

template <int N, typename T>
__device__ __forceinline__ void store(T *row, long long first, long long size, bool aligned, const Values<N> &x) {
  constexpr int P = pack_size<T, N>;
  if (aligned && first + N <= size) {
#pragma unroll
    for (int start = 0; start < N; start += P) {
      Pack<T, P> pack;
#pragma unroll
      for (int i = 0; i < P; ++i) pack.at[i] = from_float<T>(x.at[start + i]);
      *reinterpret_cast<Pack<T, P> *>(row + first + start) = pack;
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) {
      if (first + i < size) row[first + i] = from_float<T>(x.at[i]);
    }
  }
}

} // namespace ckernels
