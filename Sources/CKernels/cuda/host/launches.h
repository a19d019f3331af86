// The kernels of each operation, with their numbers of blocks and threads.
//
// This header does not depend on LibTorch or CUDA, so tests run the same launches on an emulated device.
#pragma once

#include "../device/arguments.cuh"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ckernels::cuda {

// The element type, as in the names of kernels.
enum class Element { f32, bf16, f16 };

inline std::string name(Element element) {
  switch (element) {
  case Element::f32: return "f32";
  case Element::bf16: return "bf16";
  case Element::f16: return "f16";
  }
  return "";
}
inline int width(Element element) { return element == Element::f32 ? 4 : 2; }

// A device that runs kernels.
class Machine {
public:
  explicit Machine(int multiprocessors) : multiprocessors(multiprocessors) {}
  virtual ~Machine() = default;

  // Runs `blocks` blocks of `threads` threads of the kernel with a copy of its arguments, after earlier launches.
  virtual void launch(const std::string &kernel, int64_t blocks, int threads, const void *arguments, size_t size) = 0;

  const int multiprocessors;
};

template <typename Arguments>
void launch(Machine &machine, const std::string &kernel, int64_t blocks, int threads, const Arguments &arguments) {
  // For CUDA a grid without blocks is an error.
  if (blocks > 0) machine.launch(kernel, blocks, threads, &arguments, sizeof(arguments));
}

inline int64_t quotient_up(int64_t count, int64_t by) { return (count + by - 1) / by; }

// Whole warps for `count` threads, at most `most`.
inline int whole_warps(int64_t count, int most) {
  return static_cast<int>(std::clamp<int64_t>(quotient_up(count, 32) * 32, 32, most));
}

// The number of blocks for a loop over `count` elements, four per thread and iteration.
inline int64_t flat_blocks(const Machine &machine, int64_t count) {
  return std::min<int64_t>(quotient_up(count, 4 * ckernels_threads), 8 * int64_t(machine.multiprocessors));
}

// --- Norms

// Eight elements per thread.
inline int norm_threads(int size) { return whole_warps(quotient_up(size, 8), ckernels_norm_threads); }

inline void rms_norm(Machine &machine, Element delta, Element normed, const RMSNormArguments &a) {
  launch(machine, "rms_norm_" + name(delta) + "_" + name(normed), a.rows, norm_threads(a.size), a);
}

// Enough blocks to keep the device busy, and few enough that their partial sums are small compared with the rows.
inline int64_t rms_norm_backward_blocks(int multiprocessors, int64_t rows, int size) {
  const int64_t resident = std::clamp<int64_t>(512 / norm_threads(size), 1, 8) * multiprocessors;
  return std::min(resident, quotient_up(rows, 4));
}

inline void add_columns(Machine &machine, const ColumnArguments &a) {
  launch(machine, "add_columns", quotient_up(int64_t(a.kinds) * a.columns, 32), 1024, a);
}

// Adds to `weight_gradient`, [size]; null if the partials are.
inline void rms_norm_backward(Machine &machine, Element delta, Element normed, const RMSNormBackwardArguments &a,
                              float *weight_gradient) {
  const int64_t blocks = rms_norm_backward_blocks(machine.multiprocessors, a.rows, a.size);
  launch(machine, "rms_norm_backward_" + name(delta) + "_" + name(normed), blocks, norm_threads(a.size), a);
  if (!a.partials || blocks == 0) return;
  add_columns(machine, {a.partials, {weight_gradient, nullptr}, static_cast<int>(blocks), a.size, 1});
}

// --- Heads

// Eight elements of each half per thread; the number of threads is a power of two.
inline int rotate_lanes(int size) {
  int lanes = 1;
  while (lanes * 16 < size) lanes *= 2;
  return lanes;
}

inline void rotate(Machine &machine, Element element, RotateArguments a) {
  a.lanes = rotate_lanes(a.size);
  const int64_t heads = a.query + a.key + a.value;
  launch(machine, "rotate_" + name(element), quotient_up(a.tokens * heads * a.lanes, ckernels_threads),
         ckernels_threads, a);
}

// At least one group of threads for each head.
inline int64_t rotate_backward_blocks(int multiprocessors, int64_t tokens, int heads, int size) {
  if (tokens == 0 || heads == 0) return 0;
  const int64_t groups = ckernels_threads / rotate_lanes(size);
  const int64_t blocks = std::min<int64_t>(quotient_up(tokens * heads, 4 * groups), 2 * int64_t(multiprocessors));
  return std::max(blocks, quotient_up(heads, groups));
}

// Adds to the weights' gradients, [size] each; either may be null.
inline void rotate_backward(Machine &machine, Element element, RotateBackwardArguments a, float *query_weight_gradient,
                            float *key_weight_gradient) {
  a.lanes = rotate_lanes(a.size);
  const int64_t blocks = rotate_backward_blocks(machine.multiprocessors, a.tokens, a.query + a.key + a.value, a.size);
  launch(machine, "rotate_backward_" + name(element), blocks, ckernels_threads, a);
  if (!a.partials || blocks == 0) return;
  add_columns(machine, {a.partials, {query_weight_gradient, key_weight_gradient}, static_cast<int>(blocks), a.size, 2});
}

// --- SwiGLU

inline void swiglu(Machine &machine, Element element, const SwiGLUArguments &a) {
  const int threads = whole_warps(quotient_up(a.size, 16 / width(element)), ckernels_swiglu_threads);
  launch(machine, "swiglu_" + name(element), a.rows, threads, a);
}

inline void swiglu_backward(Machine &machine, Element element, const SwiGLUArguments &a) {
  const int threads = whole_warps(quotient_up(a.size, 16 / width(element)), ckernels_swiglu_threads);
  launch(machine, "swiglu_backward_" + name(element), a.rows, threads, a);
}

// --- Log-probabilities

inline void log_probability(Machine &machine, Element logits, const LogProbabilityArguments &a) {
  const int threads = whole_warps(quotient_up(a.words, 16 / width(logits)), ckernels_threads);
  launch(machine, "log_probability_" + name(logits), a.rows, threads, a);
}

inline void log_probability_backward(Machine &machine, Element logits, Element gradients,
                                     const LogProbabilityBackwardArguments &a) {
  const int threads = whole_warps(quotient_up(a.words, 16 / width(logits)), ckernels_threads);
  launch(machine, "log_probability_backward_" + name(logits) + "_" + name(gradients), a.rows, threads, a);
}

// --- Flat buffers

inline int64_t squares_blocks(const Machine &machine, int64_t count) { return flat_blocks(machine, count); }

// Writes squares_blocks(count) partial sums.
inline void sum_of_squares(Machine &machine, const SquaresArguments &a) {
  launch(machine, "sum_of_squares", squares_blocks(machine, a.count), ckernels_threads, a);
}

inline void add_squares(Machine &machine, const SquaresSumArguments &a) {
  launch(machine, "add_squares", 1, whole_warps(a.count, ckernels_norm_threads), a);
}

inline void gradient_scaling(Machine &machine, const ScalingArguments &a) {
  launch(machine, "gradient_scaling", 1, 1, a);
}

inline void advance_step(Machine &machine, const StepArguments &a) { launch(machine, "advance_step", 1, 1, a); }

inline void adamw(Machine &machine, Element low, const AdamWArguments &a) {
  launch(machine, "adamw_" + name(low), flat_blocks(machine, a.count), ckernels_threads, a);
}

} // namespace ckernels::cuda
