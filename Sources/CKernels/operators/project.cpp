// Matmuls with weights, whose gradients are added directly to .grad.
//
// A weight may have a 16-bit copy. Matmuls then use the copy and give results of its type, while the gradient is summed in
// float32 and belongs to the master weight ("Mixed Precision Training", Micikevicius et al., 2018,
// arXiv:1710.03740).
#include "operators/swiglu.h"
#include "operators/kernel.h"
#include "matmul/linear.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/cat.h>

using namespace ckernels;
using at::Tensor;

namespace {

// Adds the gradient of x wᵀ with respect to w: gᵀ x, where g is the gradient of the product.
Tensor accumulate_product(const Tensor &weight, const Tensor &gradient, const Tensor &input) {
  return accumulate(weight, [&](Tensor &sum) { add_transposed_product(sum, gradient, input); });
}

// Tensors with the same number of columns that are adjacent in memory, such as parameters in one buffer, as one tensor of
// all their rows; undefined if they are not. Their matmuls are then one larger matmul.
Tensor joined(at::ArrayRef<Tensor> parts) {
  int64_t rows = 0;
  for (const Tensor &part : parts) {
    const bool follows = part.defined() && part.is_contiguous() && part.is_alias_of(parts[0]) &&
                         part.storage_offset() == parts[0].storage_offset() + rows * parts[0].size(1);
    if (!follows) return {};
    rows += part.size(0);
  }
  return parts[0].detach().as_strided({rows, parts[0].size(1)}, {parts[0].size(1), 1}, parts[0].storage_offset());
}

struct Project : torch::autograd::Function<Project> {
  // `copies`: 16-bit, one for each weight, or none. Autograd does not differentiate with respect to a list.
  static Tensor forward(AutogradContext *context, const Tensor &input, const Tensor &first,
                        const std::optional<Tensor> &second, const std::optional<Tensor> &third,
                        const std::vector<Tensor> &copies) {
    variable_list saved{input, first};
    if (second) saved.push_back(*second);
    if (third) saved.push_back(*third);
    saved.insert(saved.end(), copies.begin(), copies.end());
    context->save_for_backward(saved);
    context->saved_data["copies"] = static_cast<int64_t>(copies.size());
    const auto weights = copies.empty() ? at::ArrayRef<Tensor>(saved).slice(1) : at::ArrayRef<Tensor>(copies);
    if (const Tensor all = joined(weights); all.defined()) return linear_product(input, all);
    variable_list products;
    for (const Tensor &weight : weights) products.push_back(linear_product(input, weight));
    return at::cat(products, 1);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &input = saved[0];
    const Tensor incoming = gradients[0].contiguous();
    const size_t copies = context->saved_data["copies"].toInt();
    const auto weights = at::ArrayRef<Tensor>(saved).slice(1, saved.size() - 1 - copies);
    const auto factors = copies > 0 ? at::ArrayRef<Tensor>(saved).slice(saved.size() - copies) : weights;
    variable_list result(5);
    if (context->needs_input_grad(0)) {
      const Tensor all = joined(factors);
      result[0] = all.defined() ? linear_product(incoming, all.t()) : pass_each(factors, incoming);
    }
    if (Tensor sum = joined_gradients(context, weights); sum.defined()) {
      add_transposed_product(sum, incoming, input);
    } else {
      accumulate_each(context, weights, incoming, input, result);
    }
    return result;
  }

private:
  // The memory of all weights' gradients, if it is contiguous and all of it is added to.
  static Tensor joined_gradients(AutogradContext *context, at::ArrayRef<Tensor> weights) {
    variable_list gradients;
    for (size_t i = 0; i < weights.size(); ++i) {
      gradients.push_back(context->needs_input_grad(i + 1) ? gradient_in_place(weights[i]) : Tensor());
    }
    return joined(gradients);
  }

  static void accumulate_each(AutogradContext *context, at::ArrayRef<Tensor> weights, const Tensor &incoming,
                              const Tensor &input, variable_list &result) {
    int64_t start = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const Tensor part = incoming.narrow(1, start, weights[i].size(0));
      if (context->needs_input_grad(i + 1)) result[i + 1] = accumulate_product(weights[i], part, input);
      start += weights[i].size(0);
    }
  }

  static Tensor pass_each(at::ArrayRef<Tensor> weights, const Tensor &incoming) {
    Tensor sum;
    int64_t start = 0;
    for (const Tensor &weight : weights) {
      const Tensor part = wide_linear_product(incoming.narrow(1, start, weight.size(0)), weight.t());
      sum = sum.defined() ? sum.add_(part) : part;
      start += weight.size(0);
    }
    return sum.to(incoming.scalar_type());
  }
};

// Keeps only gate and up: their product is cheap to compute again.
struct SwiGLUProject : torch::autograd::Function<SwiGLUProject> {
  static Tensor forward(AutogradContext *context, const Tensor &input, const Tensor &weight,
                        const std::vector<Tensor> &copies) {
    const Tensor gate_up = input.contiguous(), factor = copies.empty() ? weight : copies[0];
    context->save_for_backward({gate_up, weight, factor});
    return linear_product(swiglu(gate_up), factor);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &gate_up = saved[0], &weight = saved[1], &factor = saved[2];
    const Tensor incoming = gradients[0].contiguous();
    // First the gradient of the product, then the product itself in its place.
    Tensor product = linear_product(incoming, factor.t()), gradient = swiglu_backward(gate_up, product);
    return {gradient, context->needs_input_grad(1) ? accumulate_product(weight, incoming, product) : Tensor(), {}};
  }
};

// The input in the compute dtype.
Tensor for_products(const Tensor &input, const Tensor &factor) { return input.to(factor.scalar_type()); }

} // namespace

ctorch_status ckernels_project(ctorch_tensor input, const ctorch_tensor *weights, const ctorch_tensor *copies,
                               size_t count, ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    TORCH_CHECK(count >= 1 && count <= 3, "projections take one to three weights, not ", count);
    const Tensor &x = input->value;
    Tensor w[3];
    for (size_t i = 0; i < count; ++i) {
      w[i] = weights[i]->value;
      TORCH_CHECK(x.dim() == 2 && w[i].dim() == 2 && w[i].size(1) == x.size(1), "rows of shape ", x.sizes(),
                  " do not fit a weight ", w[i].sizes());
    }
    const std::vector<Tensor> factors = copies ? ctorch::list_of(copies, count) : std::vector<Tensor>{};
    return Project::apply(for_products(x, factors.empty() ? w[0] : factors[0]), w[0], given(w[1]), given(w[2]),
                          factors);
  });
}

ctorch_status ckernels_swiglu_project(ctorch_tensor gate_up, ctorch_tensor weight, ctorch_tensor copy,
                                      ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &x = gate_up->value, &w = weight->value;
    TORCH_CHECK(x.dim() == 2 && w.dim() == 2 && x.size(1) == 2 * w.size(1), "gate and up, ", x.sizes(),
                ", do not fit a weight ", w.sizes());
    const std::vector<Tensor> factors = copy ? std::vector<Tensor>{copy->value} : std::vector<Tensor>{};
    return SwiGLUProject::apply(for_products(x, copy ? copy->value : w), w, factors);
  });
}
