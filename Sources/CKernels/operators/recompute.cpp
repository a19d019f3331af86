// Gradient checkpointing (Chen et al., 2016, arXiv:1604.06174): a block keeps only its inputs; the backward pass runs it
// again with a separate graph.
#include "operators/kernel.h"

#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>

using namespace ckernels;
using at::Tensor;

struct ckernels_results_s {
  variable_list values;
};

void ckernels_put_result(ckernels_results results, ctorch_tensor tensor) { results->values.push_back(tensor->value); }

namespace {

// The caller's function, released with the last node that may call it.
struct Block : torch::CustomClassHolder {
  ckernels_block function;

  explicit Block(ckernels_block function) : function(function) {}
  ~Block() override { function.release(function.context); }

  variable_list run(const variable_list &inputs) const {
    std::vector<ctorch_tensor> handles;
    for (const Tensor &input : inputs) handles.push_back(ctorch::handle(input)); // the callee frees them
    ckernels_results_s results;
    char *error = nullptr;
    const bool succeeded = function.run(function.context, handles.data(), handles.size(), &results, &error);
    if (!succeeded) {
      const std::string reason = error ? error : "a block failed without a reason";
      ::free(error);
      TORCH_CHECK(false, reason);
    }
    return std::move(results.values);
  }
};

struct Recompute : torch::autograd::Function<Recompute> {
  // Parameters of the block are not inputs of its node: they get their gradients once, when the block's own graph runs
  // backward. `anchor` requires a gradient, so that there is a node even if no input requires one.
  static variable_list forward(AutogradContext *context, const Tensor &, const Tensor &first,
                               const std::optional<Tensor> &second, const c10::intrusive_ptr<Block> &block) {
    variable_list inputs{first};
    if (second) inputs.push_back(*second);
    context->save_for_backward(inputs);
    context->saved_data["block"] = c10::IValue::make_capsule(block);
    context->set_materialize_grads(false);
    for (Tensor &input : inputs) input = input.detach();
    return block->run(inputs);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto block = c10::static_intrusive_pointer_cast<Block>(context->saved_data["block"].toCapsule());
    variable_list inputs = context->get_saved_variables();
    for (Tensor &input : inputs) {
      const bool differentiable = input.requires_grad();
      input = input.detach();
      input.requires_grad_(differentiable);
    }
    variable_list outputs, incoming;
    {
      c10::AutoGradMode recording(true);
      variable_list all = block->run(inputs);
      for (size_t i = 0; i < all.size(); ++i) {
        if (!gradients[i].defined() || !all[i].requires_grad()) continue;
        outputs.push_back(all[i]);
        incoming.push_back(gradients[i]);
      }
    }
    if (!outputs.empty()) torch::autograd::backward(outputs, incoming);
    return {{}, inputs[0].grad(), inputs.size() > 1 ? inputs[1].grad() : Tensor(), {}};
  }
};

} // namespace

ctorch_status ckernels_recompute(ctorch_tensor first, ctorch_tensor second, ckernels_block block, ctorch_tensor *out,
                                 size_t count, char **error) {
  return ctorch::guarded(error, [&] {
    auto owner = c10::make_intrusive<Block>(block);
    Tensor anchor = at::empty({0}, first->value.options());
    anchor.requires_grad_(true);
    const variable_list results =
        Recompute::apply(anchor, first->value, given(second ? second->value : Tensor()), owner);
    TORCH_CHECK(results.size() == count, "a block gave ", results.size(), " results, not ", count);
    for (size_t i = 0; i < count; ++i) out[i] = ctorch::handle(results[i]);
  });
}
