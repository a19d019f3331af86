// The trees of a batch as sequences for a variable-length attention kernel.
#pragma once

#include "attention/tree_list.h"

#include <ATen/core/Tensor.h>

namespace ckernels {

// The lengths and places of the lists of a plan, which follow one another in one int32 tensor.
struct PlanLayout {
  ckernels_plan_size size;

  int64_t starts() const { return size.sequences + 1; }
  int64_t count() const { return 2 * starts() + size.key_rows + (1 + size.copies) * size.tokens; }

  // Where the queries of each sequence begin among the tokens, and where the last ones end.
  at::Tensor query_starts(const at::Tensor &numbers) const { return numbers.narrow(0, 0, starts()); }
  // Where the keys of each sequence begin among the key rows, and where the last ones end.
  at::Tensor key_starts(const at::Tensor &numbers) const { return numbers.narrow(0, starts(), starts()); }
  // The token of each key row.
  at::Tensor key_tokens(const at::Tensor &numbers) const { return numbers.narrow(0, 2 * starts(), size.key_rows); }
  // For each token, its key row in its own sequence.
  at::Tensor own_rows(const at::Tensor &numbers) const {
    return numbers.narrow(0, 2 * starts() + size.key_rows, size.tokens);
  }
  // For each token of a prefix, another of its key rows, before a further branch, the copies counted from 0;
  // `size.key_rows` if there is none.
  at::Tensor other_rows(const at::Tensor &numbers, int64_t copy) const {
    return numbers.narrow(0, 2 * starts() + size.key_rows + (1 + copy) * size.tokens, size.tokens);
  }
};

// The size that these trees need.
ckernels_plan_size plan_size(const TreeList &trees);

// Writes the lists.
void fill_plan(const PlanLayout &layout, const TreeList &trees, int32_t *numbers);

} // namespace ckernels

struct ckernels_tree_plan_s {
  ckernels::PlanLayout layout;
  at::Tensor numbers;
};
