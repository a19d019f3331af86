// The trees of a batch: for each a prefix and its branches, by their numbers of tokens.
#pragma once

#include "ckernels.h"

#include <c10/util/Exception.h>

#include <cstdint>
#include <vector>

namespace ckernels {

struct TreeList {
  std::vector<int64_t> parts;  // of all trees, in order
  std::vector<int64_t> counts; // parts of each tree

  TreeList(std::vector<int64_t> parts, std::vector<int64_t> counts)
      : parts(std::move(parts)), counts(std::move(counts)) {}

  explicit TreeList(const ckernels_trees &trees) : counts(trees.counts, trees.counts + trees.count) {
    int64_t all = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      TORCH_CHECK(counts[i] >= 1, "tree ", i, " has ", counts[i], " parts; it needs at least a prefix");
      for (int64_t part = 0; part < counts[i]; ++part) {
        TORCH_CHECK(trees.parts[all + part] >= 0, "a part of tree ", i, " has ", trees.parts[all + part], " tokens");
      }
      all += counts[i];
    }
    parts.assign(trees.parts, trees.parts + all);
  }

  int64_t tokens() const {
    int64_t sum = 0;
    for (int64_t part : parts) sum += part;
    return sum;
  }

  // Calls body(first token, parts, number of parts) for each tree.
  template <typename Body> void each(Body body) const {
    int64_t start = 0;
    const int64_t *first = parts.data();
    for (int64_t count : counts) {
      body(start, first, count);
      for (int64_t part = 0; part < count; ++part) start += first[part];
      first += count;
    }
  }
};

// The tokens before the first branch ends: the prefix and that branch see each other as one sequence does.
inline int64_t trunk_length(const int64_t *parts, int64_t count) { return parts[0] + (count > 1 ? parts[1] : 0); }

} // namespace ckernels
