// Attention over packed trees: each token attends to itself and to the tokens before it on its side.
//
// As in FlashAttention (Dao et al., 2022, arXiv:2205.14135), scores exist for only a few queries at a time, and the
// backward pass recomputes them from the logarithms of their sums. Trees have at most a few thousand tokens, so a block can
// keep all its scores: no running maximum is needed, and the matmuls are large.
#include "attention/tree_list.h"
#include "operators/kernel.h"
#include "matmul/small_gemm.h"
#include "simd/row_kernels.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>

#include <atomic>
#include <numeric>

using namespace ckernels;
using at::Tensor;

namespace {

constexpr int64_t kQueriesPerBlock = 64;

// Neighbouring queries of one tree and branch, and the one or two runs of keys that they attend to.
struct Block {
  int64_t query, queries;       // rows of the queries
  int64_t tree;                 // the number of the tree
  int64_t branch;               // the number of the part; 0 for prefix and first branch
  int64_t trunk_keys;           // keys from the tree's start
  int64_t tail, tail_keys;      // keys of a further branch: their start and number
  std::vector<int64_t> visible; // for each query, the number of these keys that it attends to
  int64_t keys() const { return trunk_keys + tail_keys; }
};

struct Plan {
  std::vector<Block> blocks;   // ordered by tree
  std::vector<int64_t> starts; // of the trees, and where the last one ends
  int64_t most_keys = 0;
};

// `rows`: the token of each query; null for all tokens.
Plan make_plan(const TreeList &trees, const int64_t *rows, int64_t queries) {
  Plan plan;
  std::vector<const int64_t *> parts;
  trees.each([&](int64_t start, const int64_t *first, int64_t) {
    plan.starts.push_back(start);
    parts.push_back(first);
  });
  plan.starts.push_back(trees.tokens());
  for (int64_t query = 0; query < queries; ++query) {
    const int64_t token = rows ? rows[query] : query;
    TORCH_CHECK(token >= 0 && token < plan.starts.back(), "there is no token ", token, " among ", plan.starts.back());
    const int64_t tree = std::upper_bound(plan.starts.begin(), plan.starts.end(), token) - plan.starts.begin() - 1;
    const int64_t *part = parts[tree], place = token - plan.starts[tree];
    // The part that the token lies in, and the tokens of the tree before that part.
    int64_t branch = 0, before = 0;
    while (place >= before + part[branch]) before += part[branch++];
    if (branch == 1) branch = before = 0;
    Block *block = plan.blocks.empty() ? nullptr : &plan.blocks.back();
    if (!block || block->tree != tree || block->branch != branch || block->queries == kQueriesPerBlock) {
      plan.blocks.push_back({query, 0, tree, branch, branch > 0 ? part[0] : 0, plan.starts[tree] + before, 0, {}});
      block = &plan.blocks.back();
    }
    ++block->queries;
    if (branch > 0) {
      block->tail_keys = std::max(block->tail_keys, place - before + 1);
      block->visible.push_back(part[0] + place - before + 1);
    } else {
      block->trunk_keys = std::max(block->trunk_keys, place + 1);
      block->visible.push_back(place + 1);
    }
    plan.most_keys = std::max(plan.most_keys, block->keys());
  }
  return plan;
}

// Where queries, keys and values of a call lie.
template <typename T> struct Operands {
  const T *query, *key, *value;
  int64_t query_stride, stride; // between tokens
};

template <typename T> Operands<T> operands(const Tensor &packed, const Tensor &queries, const ckernels_heads &heads) {
  const T *base = packed.const_data_ptr<T>();
  const int64_t keys = queries.defined() ? 0 : heads.query * heads.size;
  return {queries.defined() ? queries.const_data_ptr<T>() : base, base + keys, base + keys + heads.key * heads.size,
          queries.defined() ? queries.size(1) : packed.size(1), packed.size(1)};
}

// out[queries, keys] = rows · keysᵀ over a block's runs of keys.
template <typename T>
void score(const Block &block, int64_t start, int64_t size, Matrix<T> rows, const T *keys, int64_t stride, T *out,
           int64_t out_stride) {
  multiply<T>(block.queries, block.trunk_keys, size, rows, Matrix<T>{keys + start * stride, stride}.t(), out,
              out_stride);
  multiply<T>(block.queries, block.tail_keys, size, rows, Matrix<T>{keys + block.tail * stride, stride}.t(),
              out + block.trunk_keys, out_stride);
}

// out[queries, size] = weights · values over a block's runs of keys.
template <typename T>
void mix(const Block &block, int64_t start, int64_t size, Matrix<T> weights, const T *values, int64_t stride, T *out,
         int64_t out_stride) {
  multiply<T>(block.queries, size, block.trunk_keys, weights, {values + start * stride, stride}, out, out_stride);
  multiply<T>(block.queries, size, block.tail_keys, {weights.data + block.trunk_keys, weights.stride},
              {values + block.tail * stride, stride}, out, out_stride, block.trunk_keys > 0);
}

// out[keys, size] += weightsᵀ · rows over a block's runs of keys.
template <typename T>
void spread(const Block &block, int64_t start, int64_t size, Matrix<T> weights, Matrix<T> rows, T *out,
            int64_t stride) {
  multiply<T>(block.trunk_keys, size, block.queries, weights.t(), rows, out + start * stride, stride, true);
  multiply<T>(block.tail_keys, size, block.queries, Matrix<T>{weights.data + block.trunk_keys, weights.stride}.t(),
              rows, out + block.tail * stride, stride, true);
}

// Hands tasks to the threads one by one. Each thread has its own workspace; tasks write to different places.
template <typename T, typename Body> void parallel_tasks(int64_t tasks, int64_t workspace, Body body) {
  std::atomic<int64_t> next{0};
  const int64_t threads = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), tasks));
  Tensor memory = at::empty({threads, workspace}, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  T *workspaces = memory.data_ptr<T>();
  parallel_items(threads, [&](int64_t thread) {
    for (int64_t task = next++; task < tasks; task = next++) body(task, workspaces + thread * workspace);
  });
}

template <typename T>
void attend(const Plan &plan, const Operands<T> &in, const ckernels_heads &heads, T scale, T *out, T *log_sum) {
  const int64_t size = heads.size, blocks = static_cast<int64_t>(plan.blocks.size()), group = heads.query / heads.key;
  const int64_t scores = kQueriesPerBlock * plan.most_keys, out_stride = heads.query * size;
  const auto &kernels = row_kernels<T>();
  parallel_tasks<T>(heads.query * blocks, scores + 2 * kQueriesPerBlock, [&](int64_t task, T *workspace) {
    const Block &block = plan.blocks[task % blocks];
    const int64_t head = task / blocks, key_head = head / group * size, start = plan.starts[block.tree];
    T *sums = workspace + scores, *logarithms = sums + kQueriesPerBlock;
    const Matrix<T> query{in.query + block.query * in.query_stride + head * size, in.query_stride};
    score<T>(block, start, size, query, in.key + key_head, in.stride, workspace, block.keys());
    kernels.softmax(block.queries, block.keys(), block.keys(), block.visible.data(), scale, workspace, sums,
                    logarithms);
    T *to = out + block.query * out_stride + head * size;
    mix<T>(block, start, size, {workspace, block.keys()}, in.value + key_head, in.stride, to, out_stride);
    kernels.divide(block.queries, size, out_stride, sums, to);
    for (int64_t i = 0; i < block.queries; ++i) log_sum[(block.query + i) * heads.query + head] = logarithms[i];
  });
}

template <typename T>
void attend_backward(const Plan &plan, const Operands<T> &in, const ckernels_heads &heads, T scale, const T *out,
                     const T *log_sum, const T *out_gradient, T *query_gradient, T *key_gradient, T *value_gradient) {
  const int64_t size = heads.size, trees = static_cast<int64_t>(plan.starts.size()) - 1;
  const int64_t scores = kQueriesPerBlock * plan.most_keys, out_stride = heads.query * size;
  const int64_t group = heads.query / heads.key;
  const auto &kernels = row_kernels<T>();
  std::vector<std::vector<const Block *>> blocks(trees);
  for (const Block &block : plan.blocks) blocks[block.tree].push_back(&block);
  // The largest first, so that the threads do not wait for one that took it last.
  std::vector<int64_t> order(trees);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return plan.starts[a + 1] - plan.starts[a] > plan.starts[b + 1] - plan.starts[b];
  });
  // A task owns the gradients of one tree's keys of one head and of the queries that attend to them.
  parallel_tasks<T>(heads.key * trees, 2 * scores + 2 * kQueriesPerBlock, [&](int64_t task, T *workspace) {
    const int64_t tree = order[task / heads.key], key_head = task % heads.key, start = plan.starts[tree];
    const T *key = in.key + key_head * size, *value = in.value + key_head * size;
    T *at_key = key_gradient + key_head * size, *at_value = value_gradient + key_head * size;
    for (int64_t token = start; token < plan.starts[tree + 1]; ++token) {
      std::fill_n(at_key + token * in.stride, size, T(0));
      std::fill_n(at_value + token * in.stride, size, T(0));
    }
    T *gradients = workspace + scores, *means = gradients + scores, *logarithms = means + kQueriesPerBlock;
    for (const Block *each : blocks[tree]) {
      const Block &block = *each;
      const int64_t keys = block.keys();
      for (int64_t head = key_head * group; head < (key_head + 1) * group; ++head) {
        const int64_t row = block.query * out_stride + head * size;
        const Matrix<T> query{in.query + block.query * in.query_stride + head * size, in.query_stride};
        const Matrix<T> incoming{out_gradient + row, out_stride};
        score<T>(block, start, size, query, key, in.stride, workspace, keys);
        score<T>(block, start, size, incoming, value, in.stride, gradients, keys);
        // Σ p ∂L/∂p is the product of a query's output and that output's gradient.
        kernels.dot(block.queries, size, out_stride, out + row, out_gradient + row, means);
        for (int64_t i = 0; i < block.queries; ++i) logarithms[i] = log_sum[(block.query + i) * heads.query + head];
        kernels.softmax_backward(block.queries, keys, keys, block.visible.data(), scale, logarithms, means, workspace,
                                 gradients);
        spread<T>(block, start, size, {workspace, keys}, incoming, at_value, in.stride);
        spread<T>(block, start, size, {gradients, keys}, query, at_key, in.stride);
        mix<T>(block, start, size, {gradients, keys}, key, in.stride,
               query_gradient + block.query * in.query_stride + head * size, in.query_stride);
      }
    }
  });
}

struct TreeAttention : torch::autograd::Function<TreeAttention> {
  static Tensor forward(AutogradContext *context, const Tensor &packed_in, const std::optional<Tensor> &some_queries,
                        const std::optional<Tensor> &rows, const TreeList &trees, const ckernels_heads &heads,
                        double scale) {
    const Tensor packed = packed_in.contiguous();
    const Tensor queries = some_queries ? some_queries->contiguous() : Tensor();
    const int64_t count = queries.defined() ? queries.size(0) : packed.size(0);
    const Tensor tokens = rows ? rows->contiguous() : Tensor();
    const Plan plan = make_plan(trees, tokens.defined() ? tokens.const_data_ptr<int64_t>() : nullptr, count);
    Tensor out = at::empty({count, heads.query * heads.size}, packed.options());
    Tensor log_sum = at::empty({count, heads.query}, packed.options());
    AT_DISPATCH_FLOATING_TYPES(packed.scalar_type(), "tree_attention", [&] {
      attend<scalar_t>(plan, operands<scalar_t>(packed, queries, heads), heads, static_cast<scalar_t>(scale),
                       out.data_ptr<scalar_t>(), log_sum.data_ptr<scalar_t>());
    });
    context->save_for_backward({packed, queries, tokens, out, log_sum});
    context->saved_data["parts"] = trees.parts;
    context->saved_data["counts"] = trees.counts;
    context->saved_data["heads"] = std::vector<int64_t>{heads.query, heads.key, heads.value, heads.size};
    context->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &packed = saved[0], &queries = saved[1], &tokens = saved[2], &out = saved[3], &log_sum = saved[4];
    const auto list = context->saved_data["heads"].toIntVector();
    const ckernels_heads heads{list[0], list[1], list[2], list[3]};
    const Tensor incoming = gradients[0].contiguous();
    const TreeList trees(context->saved_data["parts"].toIntVector(), context->saved_data["counts"].toIntVector());
    const Plan plan = make_plan(trees, tokens.defined() ? tokens.const_data_ptr<int64_t>() : nullptr, out.size(0));
    Tensor packed_gradient = at::empty_like(packed), query_gradient;
    if (queries.defined()) query_gradient = at::empty_like(queries);
    AT_DISPATCH_FLOATING_TYPES(packed.scalar_type(), "tree_attention_backward", [&] {
      scalar_t *base = packed_gradient.data_ptr<scalar_t>();
      scalar_t *keys = base + (queries.defined() ? 0 : heads.query * heads.size);
      attend_backward<scalar_t>(
          plan, operands<scalar_t>(packed, queries, heads), heads,
          static_cast<scalar_t>(context->saved_data["scale"].toDouble()), out.const_data_ptr<scalar_t>(),
          log_sum.const_data_ptr<scalar_t>(), incoming.const_data_ptr<scalar_t>(),
          queries.defined() ? query_gradient.data_ptr<scalar_t>() : base, keys, keys + heads.key * heads.size);
    });
    return {packed_gradient, query_gradient, {}, {}, {}, {}};
  }
};

// The same by LibTorch's operators.
struct PlainAttention {
  const Tensor &packed;
  const TreeList &trees;
  const ckernels_heads &heads;
  double scale;

  // Heads of a row, from the first one on: [tokens, count, size].
  Tensor part(const Tensor &x, int64_t first, int64_t count) const {
    return x.narrow(1, first * heads.size, count * heads.size).unflatten(1, {count, heads.size});
  }

  // `mask` is true where a query attends to a key; without a mask, attention is causal and aligned bottom-right.
  Tensor attend(const Tensor &query, const Tensor &key, const Tensor &value, Tensor mask = {}) const {
    auto heads_first = [](const Tensor &x) { return x.transpose(0, 1).unsqueeze(0); };
    const int64_t queries = query.size(0), keys = key.size(0);
    if (!mask.defined()) mask = at::ones({queries, keys}, query.options().dtype(at::kBool)).tril(keys - queries);
    return at::scaled_dot_product_attention(heads_first(query), heads_first(key), heads_first(value), mask, 0.0, false,
                                            scale, heads.query != heads.key)
        .squeeze(0)
        .transpose(0, 1)
        .flatten(1);
  }

  // Queries of all tokens: tree by tree, branch by branch.
  Tensor all() const {
    const Tensor query = part(packed, 0, heads.query), key = part(packed, heads.query, heads.key);
    const Tensor value = part(packed, heads.query + heads.key, heads.value);
    std::vector<Tensor> outs;
    trees.each([&](int64_t start, const int64_t *parts, int64_t count) {
      const int64_t trunk = trunk_length(parts, count);
      if (trunk > 0) {
        auto seen = [&](const Tensor &x) { return x.narrow(0, start, trunk); };
        outs.push_back(attend(seen(query), seen(key), seen(value)));
      }
      int64_t at = start + trunk;
      for (int64_t part = 2; part < count; ++part) {
        const int64_t length = parts[part];
        if (length > 0) {
          auto seen = [&](const Tensor &x) { return at::cat({x.narrow(0, start, parts[0]), x.narrow(0, at, length)}); };
          outs.push_back(attend(query.narrow(0, at, length), seen(key), seen(value)));
        }
        at += length;
      }
    });
    return outs.empty() ? at::zeros({0, heads.query * heads.size}, packed.options()) : at::cat(outs);
  }

  // Queries of some tokens: with a mask over all keys.
  Tensor some(const Tensor &queries, const Tensor &rows) const {
    const Tensor tokens = rows.to(at::kCPU).contiguous();
    const int64_t count = queries.size(0), keys = packed.size(0);
    const Plan plan = make_plan(trees, tokens.const_data_ptr<int64_t>(), count);
    Tensor mask = at::zeros({count, keys}, at::TensorOptions().dtype(at::kBool));
    bool *sees = mask.data_ptr<bool>();
    for (const Block &block : plan.blocks) {
      const int64_t start = plan.starts[block.tree];
      for (int64_t i = 0; i < block.queries; ++i) {
        bool *row = sees + (block.query + i) * keys;
        const int64_t trunk = std::min(block.visible[i], block.trunk_keys);
        std::fill_n(row + start, trunk, true);
        std::fill_n(row + block.tail, block.visible[i] - trunk, true);
      }
    }
    return attend(part(queries, 0, heads.query), part(packed, 0, heads.key), part(packed, heads.key, heads.value),
                  mask.to(packed.device()));
  }
};

} // namespace

ctorch_status ckernels_tree_attention(ctorch_tensor packed, ctorch_tensor queries, ctorch_tensor rows,
                                      ckernels_trees trees, ckernels_heads heads, double scale, ctorch_tensor *out,
                                      char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &x = packed->value, q = queries ? queries->value : Tensor(), r = rows ? rows->value : Tensor();
    const int64_t width = (queries ? 0 : heads.query) + heads.key + heads.value;
    TORCH_CHECK(heads.key == heads.value && heads.key > 0 && heads.query % heads.key == 0, heads.query,
                " query heads cannot be shared by ", heads.key, " key and ", heads.value, " value heads");
    TORCH_CHECK(x.dim() == 2 && x.size(1) == width * heads.size, "rows of shape ", x.sizes(), " do not hold ", width,
                " heads of ", heads.size);
    TORCH_CHECK(q.defined() == r.defined(), "separate queries and their tokens must be given together");
    TORCH_CHECK(!q.defined() || (q.dim() == 2 && q.size(1) == heads.query * heads.size && r.dim() == 1 &&
                                 r.size(0) == q.size(0) && r.scalar_type() == at::kLong),
                "separate queries must be [n, ", heads.query * heads.size, "] with n int64 tokens");
    const TreeList list(trees);
    TORCH_CHECK(list.tokens() == x.size(0), "trees of ", list.tokens(), " tokens do not cover the ", x.size(0),
                " rows");
    if (is_native({x, q})) return TreeAttention::apply(x, given(q), given(r), list, heads, scale);
    const PlainAttention plain{x, list, heads, scale};
    return q.defined() ? plain.some(q, r) : plain.all();
  });
}
