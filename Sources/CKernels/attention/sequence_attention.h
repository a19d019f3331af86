// Attention over sequences of different lengths, by LibTorch's kernels.
//
// Sequence i has the rows starts[i] ..< starts[i + 1] of queries and of keys. Its last query attends to all its keys, and
// each query before to one key less: a causal mask aligned bottom-right.
#pragma once

#include <ATen/core/Tensor.h>

namespace ckernels {

struct Sequences {
  at::Tensor query_starts, key_starts; // [sequences + 1], int32
  int64_t longest_queries, longest_keys;
};

// What the backward pass needs besides the operands.
struct SequenceResult {
  at::Tensor out; // [queries, query heads, size]
  at::Tensor log_sums, first_state, second_state;
};

struct SequenceGradients {
  at::Tensor query, key, value;
};

// Queries [queries, query heads, size]; keys and values [key rows, key heads, size], which groups of query heads share.
// Gradients of key rows that belong to no sequence are unspecified.
SequenceResult attend_sequences(const at::Tensor &query, const at::Tensor &key, const at::Tensor &value,
                                const Sequences &sequences, double scale);
SequenceGradients attend_sequences_backward(const at::Tensor &out_gradient, const at::Tensor &query,
                                            const at::Tensor &key, const at::Tensor &value,
                                            const SequenceResult &result, const Sequences &sequences, double scale);

} // namespace ckernels
