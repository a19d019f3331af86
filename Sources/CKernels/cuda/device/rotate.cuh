// RMS norm of each head (as in Qwen3) and rotary embedding (Su et al., 2021, arXiv:2104.09864) of queries and keys in one
// pass.
//
// A group of `lanes` threads processes one head of a token. A thread keeps eight elements of the first half and their
// partners in the second: pair i consists of elements i and i + size/2, the rotate-half form of Llama and Qwen3.
#pragma once

#include "arguments.cuh"
#include "reduce.cuh"
#include "values.cuh"

namespace ckernels {

// The kind of a head: queries and keys have separate norms, values are copied.
enum HeadKind { query_head, key_head, value_head, no_head };

template <typename Arguments> __device__ __forceinline__ HeadKind kind_of(const Arguments &a, int head) {
  return head < a.query ? query_head : head < a.query + a.key ? key_head : value_head;
}
template <typename Arguments> __device__ __forceinline__ const float *weight_of(const Arguments &a, HeadKind kind) {
  return kind == query_head ? a.query_weight : kind == key_head ? a.key_weight : nullptr;
}

// The elements of a head that one thread processes.
struct Halves {
  Values<8> first, second;
};

template <typename T> __device__ __forceinline__ Halves load_halves(const T *head, int start, int half, bool aligned) {
  return {load<8>(head, start, half, aligned), load<8>(head + half, start, half, aligned)};
}
template <typename T>
__device__ __forceinline__ void store_halves(T *head, int start, int half, bool aligned, const Halves &x) {
  store(head, start, half, aligned, x.first);
  store(head + half, start, half, aligned, x.second);
}

// Rotates by the angles of a token; backward if `direction` is −1.
__device__ __forceinline__ void turn(Halves &x, const float *cosines, const float *sines, int start, int half,
                                     bool aligned, float direction) {
  const Values<8> cosine = load<8>(cosines, start, half, aligned), sine = load<8>(sines, start, half, aligned);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float one = x.first.at[i], two = x.second.at[i], s = direction * sine.at[i];
    x.first.at[i] = one * cosine.at[i] - two * s;
    x.second.at[i] = two * cosine.at[i] + one * s;
  }
}

template <typename T> __device__ __forceinline__ void rotate(const RotateArguments &a) {
  const int half = a.size / 2, heads = a.query + a.key + a.value;
  const long long group = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / a.lanes;
  const int lane = threadIdx.x % a.lanes, start = 8 * lane;
  const bool is_there = group < a.tokens * heads;
  const long long token = is_there ? group / heads : 0;
  const int head = static_cast<int>(group % heads);
  const HeadKind kind = is_there ? kind_of(a, head) : no_head;
  const long long at = (token * heads + head) * a.size;
  const T *packed = static_cast<const T *>(a.packed);
  T *out = static_cast<T *>(a.out);
  const bool aligned = is_aligned(half, packed, a.query_weight, a.key_weight, a.cosines, a.sines, out);
  Halves x = {};
  if (is_there) x = load_halves(packed + at, start, half, aligned);
  if (a.query_weight || a.key_weight) {
    float squares = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) squares += x.first.at[i] * x.first.at[i] + x.second.at[i] * x.second.at[i];
    // Also for heads that need no sum: all lanes of a warp take part in it, and a warp may hold heads of several kinds.
    squares = group_sum(squares, a.lanes);
    if (const float *weights = weight_of(a, kind)) {
      const float scale = 1 / sqrtf(squares / a.size + a.epsilon);
      if (lane == 0) a.scale[token * (a.query + a.key) + head] = scale;
      const Halves weight = load_halves(weights, start, half, aligned);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        x.first.at[i] *= scale * weight.first.at[i];
        x.second.at[i] *= scale * weight.second.at[i];
      }
    }
  }
  if (kind == query_head || kind == key_head) {
    turn(x, a.cosines + token * half, a.sines + token * half, start, half, aligned, 1);
  }
  if (is_there) store_halves(out + at, start, half, aligned, x);
}

// Each group loops over the tokens with one head and sums the gradient of its norm's weight in registers.
template <typename T> __device__ __forceinline__ void rotate_backward(const RotateBackwardArguments &a) {
  // The sums of all threads: `size` consecutive elements for each group.
  __shared__ float sums[ckernels_threads * 16];
  const int half = a.size / 2, heads = a.query + a.key + a.value;
  const int groups_of_block = blockDim.x / a.lanes, lane = threadIdx.x % a.lanes, start = 8 * lane;
  const long long groups = static_cast<long long>(gridDim.x) * groups_of_block, used = groups / heads * heads;
  const long long first_group = static_cast<long long>(blockIdx.x) * groups_of_block;
  const long long group = first_group + threadIdx.x / a.lanes;
  const HeadKind kind = group < used ? kind_of(a, static_cast<int>(group % heads)) : no_head;
  const int head = static_cast<int>(group % heads);
  const float *weights = weight_of(a, kind);
  const bool normed = a.query_weight || a.key_weight;
  const T *packed = static_cast<const T *>(a.packed), *incoming = static_cast<const T *>(a.out_gradient);
  T *gradient = static_cast<T *>(a.gradient);
  const bool aligned = is_aligned(half, normed ? packed : incoming, a.query_weight, a.key_weight, a.cosines, a.sines,
                                  incoming, gradient);
  Halves weight = {}, weight_gradient = {};
  if (weights) weight = load_halves(weights, start, half, aligned);
  // The same number of iterations for all groups, since all lanes of a warp take part in a sum.
  const long long turns = (a.tokens * heads + used - 1) / used, tokens_apart = used / heads;
  for (long long number = 0; number < turns; ++number) {
    const long long token = group / heads + number * tokens_apart;
    const bool is_there = kind != no_head && token < a.tokens;
    const long long at = (token * heads + head) * a.size;
    Halves g = {}, n = {};
    float scale = 1, products = 0;
    if (is_there) {
      g = load_halves(incoming + at, start, half, aligned);
      if (kind != value_head) {
        turn(g, a.cosines + token * half, a.sines + token * half, start, half, aligned, -1);
      }
    }
    if (is_there && weights) {
      scale = a.scale[token * (a.query + a.key) + head];
      n = load_halves(packed + at, start, half, aligned);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        n.first.at[i] *= scale;
        n.second.at[i] *= scale;
        weight_gradient.first.at[i] += g.first.at[i] * n.first.at[i];
        weight_gradient.second.at[i] += g.second.at[i] * n.second.at[i];
        g.first.at[i] *= weight.first.at[i];
        g.second.at[i] *= weight.second.at[i];
        products += g.first.at[i] * n.first.at[i] + g.second.at[i] * n.second.at[i];
      }
    }
    if (normed) {
      const float mean = group_sum(products, a.lanes) / a.size;
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        g.first.at[i] = scale * (g.first.at[i] - n.first.at[i] * mean);
        g.second.at[i] = scale * (g.second.at[i] - n.second.at[i] * mean);
      }
    }
    if (is_there) store_halves(gradient + at, start, half, aligned, g);
  }
  if (!a.partials) return;
  store_halves(sums + threadIdx.x / a.lanes * a.size, start, half, false, weight_gradient);
  __syncthreads();
  for (int column = threadIdx.x; column < 2 * a.size; column += blockDim.x) {
    const HeadKind wanted = column < a.size ? query_head : key_head;
    float sum = 0;
    for (int i = 0; i < groups_of_block; ++i) {
      const long long other = first_group + i;
      const bool adds = other < used && kind_of(a, static_cast<int>(other % heads)) == wanted;
      if (adds) sum += sums[i * a.size + column % a.size];
    }
    a.partials[static_cast<long long>(blockIdx.x) * 2 * a.size + column] = sum;
  }
}

} // namespace ckernels
