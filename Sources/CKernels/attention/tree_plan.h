// The trees of a batch as the sequences that a variable-length attention kernel wants.
#pragma once

#include "ckernels.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace ckernels {

// How long the five lists of a plan are that lie one behind the other in one tensor of int32, and where.
struct PlanLayout {
  ckernels_plan_size size;

  int64_t starts() const { return size.sequences + 1; }
  int64_t count() const { return 2 * starts() + size.key_rows + 2 * size.tokens; }

  // Where the queries of each sequence begin among the tokens, and the last ones end.
  at::Tensor query_starts(const at::Tensor &numbers) const { return numbers.narrow(0, 0, starts()); }
  // Where the keys of each sequence begin among the key rows, and the last ones end.
  at::Tensor key_starts(const at::Tensor &numbers) const { return numbers.narrow(0, starts(), starts()); }
  // The token of each key row.
  at::Tensor key_tokens(const at::Tensor &numbers) const { return numbers.narrow(0, 2 * starts(), size.key_rows); }
  // For each token the key row among those of its own sequence.
  at::Tensor own_rows(const at::Tensor &numbers) const {
    return numbers.narrow(0, 2 * starts() + size.key_rows, size.tokens);
  }
  // For each token its other key row, that of a prefix before a second tail; `size.key_rows` where there is none.
  at::Tensor other_rows(const at::Tensor &numbers) const {
    return numbers.narrow(0, 2 * starts() + size.key_rows + size.tokens, size.tokens);
  }
};

// What these trees need at least.
ckernels_plan_size plan_size(const ckernels_tree *trees, size_t count);

// Writes the five lists.
void fill_plan(const PlanLayout &layout, const ckernels_tree *trees, size_t count, int32_t *numbers);

} // namespace ckernels

struct ckernels_tree_plan_s {
  ckernels::PlanLayout layout;
  at::Tensor numbers;
};
