// Trees as sequences (Wang & Hegde, 2024, arXiv:2410.20305, but without a custom kernel). Prefix and first branch are one
// sequence with the same queries and keys; each further branch is another, whose queries also attend to the prefix's keys.
// A sequence's queries are consecutive packed tokens; keys and values are gathered, those of a prefix once for each branch.
#include "attention/tree_plan.h"

#include "ctorch_handles.h"
#include "memory/refill.h"

#include <algorithm>
#include <limits>
#include <memory>

namespace ckernels {

// Calls body(tokens before its queries, number of queries, tree's start, prefix tokens before its own as keys, the
// number of such a sequence in its tree).
template <typename Body> static void each_sequence(const TreeList &trees, Body body) {
  trees.each([&](int64_t start, const int64_t *parts, int64_t count) {
    const int64_t trunk = trunk_length(parts, count);
    if (trunk > 0) body(start, trunk, start, int64_t(0), int64_t(0));
    int64_t at = start + trunk, copy = 0;
    for (int64_t part = 2; part < count; ++part) {
      if (parts[part] > 0) body(at, parts[part], start, parts[0], copy++);
      at += parts[part];
    }
  });
}

ckernels_plan_size plan_size(const TreeList &trees) {
  ckernels_plan_size size{};
  each_sequence(trees, [&](int64_t, int64_t queries, int64_t, int64_t before, int64_t copy) {
    size.tokens += queries;
    size.key_rows += before + queries;
    size.sequences += 1;
    size.longest_queries = std::max(size.longest_queries, queries);
    size.longest_keys = std::max(size.longest_keys, before + queries);
    if (before > 0) size.copies = std::max(size.copies, copy + 1);
  });
  return size;
}

void fill_plan(const PlanLayout &layout, const TreeList &trees, int32_t *numbers) {
  const auto &size = layout.size;
  int32_t *query_starts = numbers, *key_starts = query_starts + layout.starts();
  int32_t *key_tokens = key_starts + layout.starts(), *own = key_tokens + size.key_rows, *others = own + size.tokens;
  const auto none = static_cast<int32_t>(size.key_rows);
  std::fill_n(others, size.copies * size.tokens, none);
  int64_t sequence = 0, query = 0, key = 0;
  query_starts[0] = key_starts[0] = 0;
  each_sequence(trees, [&](int64_t first, int64_t queries, int64_t start, int64_t before, int64_t copy) {
    for (int64_t i = 0; i < before; ++i, ++key) {
      key_tokens[key] = static_cast<int32_t>(start + i);
      // A prefix without a first branch is a sequence too, before this one.
      others[copy * size.tokens + start + i] = static_cast<int32_t>(key);
    }
    for (int64_t i = 0; i < queries; ++i, ++key) {
      key_tokens[key] = static_cast<int32_t>(first + i);
      own[first + i] = static_cast<int32_t>(key);
    }
    query += queries;
    ++sequence;
    query_starts[sequence] = static_cast<int32_t>(query);
    key_starts[sequence] = static_cast<int32_t>(key);
  });
  // Padding after a smaller batch: sequences without tokens, and key rows that no sequence has.
  std::fill(query_starts + sequence + 1, query_starts + layout.starts(), static_cast<int32_t>(query));
  std::fill(key_starts + sequence + 1, key_starts + layout.starts(), static_cast<int32_t>(key));
  std::fill(key_tokens + key, key_tokens + size.key_rows, 0);
}

// Kernels get the sizes of the plan once, and the trees at every refill.
static void check_fit(const ckernels_plan_size &needed, const ckernels_plan_size &size) {
  TORCH_CHECK(needed.tokens == size.tokens, "trees of ", needed.tokens, " tokens do not cover a plan's ", size.tokens,
              "; add trees for the rest");
  const auto within = [](const char *what, int64_t needed, int64_t capacity) {
    TORCH_CHECK(needed <= capacity, "these trees have ", what, " ", needed, ", the plan holds ", capacity,
                "; make a plan of larger capacity");
  };
  within("sequences:", needed.sequences, size.sequences);
  within("key rows:", needed.key_rows, size.key_rows);
  within("longest queries:", needed.longest_queries, size.longest_queries);
  within("longest keys:", needed.longest_keys, size.longest_keys);
  within("copies of a prefix:", needed.copies, size.copies);
}

} // namespace ckernels

using namespace ckernels;

ctorch_status ckernels_tree_plan_size(ckernels_trees trees, ckernels_plan_size *out, char **error) {
  return ctorch::guarded(error, [&] { *out = plan_size(TreeList(trees)); });
}

ctorch_status ckernels_tree_plan(ckernels_trees trees, ckernels_plan_size size, ctorch_device device,
                                 ckernels_plan *out, char **error) {
  return ctorch::guarded(error, [&] {
    const TreeList list(trees);
    check_fit(plan_size(list), size);
    const PlanLayout layout{size};
    TORCH_CHECK(layout.count() < std::numeric_limits<int32_t>::max(), "a plan for ", size.tokens,
                " tokens is too large: use smaller micro-batches");
    const auto options = at::TensorOptions().dtype(at::kInt).device(ctorch::device_of(device));
    auto plan = std::make_unique<ckernels_tree_plan_s>(layout, at::empty({layout.count()}, options));
    refill<int32_t>(plan->numbers, [&](int32_t *numbers) { fill_plan(layout, list, numbers); });
    *out = plan.release();
  });
}

ctorch_status ckernels_tree_plan_update(ckernels_plan plan, ckernels_trees trees, char **error) {
  return ctorch::guarded(error, [&] {
    const TreeList list(trees);
    check_fit(plan_size(list), plan->layout.size);
    refill<int32_t>(plan->numbers, [&](int32_t *numbers) { fill_plan(plan->layout, list, numbers); });
  });
}

void ckernels_tree_plan_free(ckernels_plan plan) { delete plan; }
