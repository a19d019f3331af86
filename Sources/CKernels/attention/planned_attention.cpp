// Attention over packed trees by a kernel for sequences of different lengths; see attention/tree_plan.cpp.
#include "operators/kernel.h"
#include "attention/sequence_attention.h"
#include "attention/tree_plan.h"

#include <ATen/ops/add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

using namespace ckernels;
using at::Tensor;

namespace {

Sequences sequences(const PlanLayout &layout, const Tensor &numbers) {
  const auto &size = layout.size;
  // The kernels check that a sequence is not longer than all sequences together.
  return {layout.query_starts(numbers), layout.key_starts(numbers),
          std::clamp<int64_t>(size.longest_queries, 1, size.tokens),
          std::clamp<int64_t>(size.longest_keys, 1, size.key_rows)};
}

// Queries, keys and values of the sequences, [rows, heads, size].
struct SequenceOperands {
  Tensor query, key, value;

  SequenceOperands(const Tensor &packed, const PlanLayout &layout, const Tensor &numbers, const ckernels_heads &heads) {
    auto as_heads = [&](const Tensor &x) { return x.unflatten(1, {x.size(1) / heads.size, heads.size}); };
    const int64_t queries = heads.query * heads.size;
    query = as_heads(packed.narrow(1, 0, queries));
    const Tensor rows =
        as_heads(at::index_select(packed.narrow(1, queries, packed.size(1) - queries), 0, layout.key_tokens(numbers)));
    key = rows.narrow(1, 0, heads.key);
    value = rows.narrow(1, heads.key, heads.value);
  }
};

struct PlannedAttention : torch::autograd::Function<PlannedAttention> {
  static Tensor forward(AutogradContext *context, const Tensor &packed, const Tensor &numbers, const PlanLayout &layout,
                        ckernels_heads heads, double scale) {
    const SequenceOperands in(packed, layout, numbers, heads);
    const SequenceResult result = attend_sequences(in.query, in.key, in.value, sequences(layout, numbers), scale);
    const Tensor out = result.out.reshape({packed.size(0), heads.query * heads.size});
    // Gathered again instead of kept: keys and values would double a layer's memory to save one pass over them.
    context->save_for_backward({packed, numbers, out, result.log_sums, result.first_state, result.second_state});
    const auto &size = layout.size;
    context->saved_data["size"] = std::vector<int64_t>{size.tokens,          size.key_rows,     size.sequences,
                                                       size.longest_queries, size.longest_keys, size.copies};
    context->saved_data["heads"] = std::vector<int64_t>{heads.query, heads.key, heads.value, heads.size};
    context->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &packed = saved[0], &numbers = saved[1];
    const auto size = context->saved_data["size"].toIntVector(), counts = context->saved_data["heads"].toIntVector();
    const PlanLayout layout{{size[0], size[1], size[2], size[3], size[4], size[5]}};
    const ckernels_heads heads{counts[0], counts[1], counts[2], counts[3]};
    const SequenceOperands in(packed, layout, numbers, heads);
    auto as_heads = [&](const Tensor &x) { return x.unflatten(1, {heads.query, heads.size}); };
    const SequenceGradients of =
        attend_sequences_backward(as_heads(gradients[0].contiguous()), in.query, in.key, in.value,
                                  {as_heads(saved[2]), saved[3], saved[4], saved[5]}, sequences(layout, numbers),
                                  context->saved_data["scale"].toDouble());
    Tensor packed_gradient = at::empty_like(packed);
    const int64_t queries = heads.query * heads.size, keys = heads.key * heads.size;
    packed_gradient.narrow(1, 0, queries).copy_(of.query.flatten(1));
    // A token's key has one row or more; where one is missing, the row of zeros after all others is taken.
    Tensor rows = at::empty({layout.size.key_rows + 1, 2 * keys}, packed.options());
    rows.select(0, layout.size.key_rows).zero_();
    Tensor used = rows.narrow(0, 0, layout.size.key_rows);
    used.narrow(1, 0, keys).copy_(of.key.flatten(1));
    used.narrow(1, keys, keys).copy_(of.value.flatten(1));
    Tensor into = packed_gradient.narrow(1, queries, 2 * keys);
    const Tensor own = at::index_select(rows, 0, layout.own_rows(numbers));
    if (layout.size.copies == 0) into.copy_(own);
    for (int64_t copy = 0; copy < layout.size.copies; ++copy) {
      at::add_out(into, copy == 0 ? own : into, at::index_select(rows, 0, layout.other_rows(numbers, copy)));
    }
    return {packed_gradient, {}, {}, {}, {}};
  }
};

} // namespace

ctorch_status ckernels_tree_attention_planned(ctorch_tensor packed, ckernels_plan plan, ckernels_heads heads,
                                              double scale, ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &x = packed->value, &numbers = plan->numbers;
    const int64_t width = heads.query + heads.key + heads.value;
    TORCH_CHECK(heads.key == heads.value && heads.key > 0 && heads.query % heads.key == 0, heads.query,
                " query heads cannot be shared by ", heads.key, " key and ", heads.value, " value heads");
    TORCH_CHECK(x.dim() == 2 && x.size(1) == width * heads.size, "rows of shape ", x.sizes(), " do not hold ", width,
                " heads of ", heads.size);
    TORCH_CHECK(x.size(0) == plan->layout.size.tokens, "a plan for ", plan->layout.size.tokens,
                " tokens does not cover the ", x.size(0), " rows");
    TORCH_CHECK(x.device() == numbers.device(), "rows are on ", x.device(), ", their plan on ", numbers.device());
    if (x.size(0) == 0) return at::zeros({0, heads.query * heads.size}, x.options());
    return PlannedAttention::apply(x.contiguous(), numbers, plan->layout, heads, scale);
  });
}
