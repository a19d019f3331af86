// SwiGLU (Shazeer, 2020, arXiv:2002.05202) of gate and up side by side.
#pragma once

#include "arguments.cuh"
#include "values.cuh"

namespace ckernels {

template <typename T> __device__ __forceinline__ void swiglu(const SwiGLUArguments &a) {
  constexpr int N = 16 / sizeof(T);
  const long long row = blockIdx.x;
  const int size = a.size;
  const T *gates = static_cast<const T *>(a.gate_up) + row * 2 * size, *ups = gates + size;
  T *products = static_cast<T *>(a.product) + row * size;
  const bool aligned = is_aligned(size, gates, products);
  for (int first = N * threadIdx.x; first < size; first += N * blockDim.x) {
    const Values<N> gate = load<N>(gates, first, size, aligned), up = load<N>(ups, first, size, aligned);
    Values<N> product;
#pragma unroll
    for (int i = 0; i < N; ++i) product.at[i] = gate.at[i] / (1 + expf(-gate.at[i])) * up.at[i];
    store(products, first, size, aligned, product);
  }
}

// silu'(g) = σ(g) · (1 + g · (1 − σ(g)))
template <typename T> __device__ __forceinline__ void swiglu_backward(const SwiGLUArguments &a) {
  constexpr int N = 16 / sizeof(T);
  const long long row = blockIdx.x;
  const int size = a.size;
  const T *gates = static_cast<const T *>(a.gate_up) + row * 2 * size, *ups = gates + size;
  const T *incoming = static_cast<const T *>(a.product_gradient) + row * size;
  T *products = static_cast<T *>(a.product) + row * size;
  T *gate_gradients = static_cast<T *>(a.gate_up_gradient) + row * 2 * size, *up_gradients = gate_gradients + size;
  const bool aligned = is_aligned(size, gates, incoming, products, gate_gradients);
  for (int first = N * threadIdx.x; first < size; first += N * blockDim.x) {
    const Values<N> gate = load<N>(gates, first, size, aligned), up = load<N>(ups, first, size, aligned);
    const Values<N> gradient = load<N>(incoming, first, size, aligned);
    Values<N> product, gate_gradient, up_gradient;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float sigmoid = 1 / (1 + expf(-gate.at[i])), silu = gate.at[i] * sigmoid;
      product.at[i] = silu * up.at[i];
      up_gradient.at[i] = gradient.at[i] * silu;
      gate_gradient.at[i] = gradient.at[i] * up.at[i] * sigmoid * (1 + gate.at[i] - silu);
    }
    store(products, first, size, aligned, product);
    store(gate_gradients, first, size, aligned, gate_gradient);
    store(up_gradients, first, size, aligned, up_gradient);
  }
}

} // namespace ckernels
