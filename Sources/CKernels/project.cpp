// Matrix products with weights, whose gradients go straight to where they are summed.
#include "kernel.h"
#include "linear_product.h"
#include "row_kernels.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/as_strided.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/silu.h>

using namespace ckernels;
using at::Tensor;

namespace {

// The gradient of x wᵀ at w, for the gradient g of the product: gᵀ x.
Tensor accumulate_product(const Tensor &weight, const Tensor &gradient, const Tensor &input) {
  if (Tensor sum = gradient_in_place(weight); sum.defined()) {
    sum.addmm_(gradient.t(), input);
    return {};
  }
  return at::mm(gradient.t(), input);
}

// Tensors of as many columns that lie one behind another in memory, as parameters of one buffer do, as one tensor of all
// their rows; undefined where they do not. `linear_product` makes a tensor of its own, so several products side by side must
// be one.
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
  static Tensor forward(AutogradContext *context, const Tensor &input, const Tensor &first,
                        const std::optional<Tensor> &second, const std::optional<Tensor> &third) {
    variable_list weights{first};
    if (second) weights.push_back(*second);
    if (third) weights.push_back(*third);
    Tensor out;
    if (const Tensor all = joined(weights); all.defined()) {
      out = linear_product(input, all);
    } else {
      int64_t columns = 0;
      for (const Tensor &weight : weights) columns += weight.size(0);
      out = at::empty({input.size(0), columns}, input.options());
      int64_t start = 0;
      for (const Tensor &weight : weights) {
        Tensor part = out.narrow(1, start, weight.size(0));
        at::mm_out(part, input, weight.t());
        start += weight.size(0);
      }
    }
    weights.insert(weights.begin(), input);
    context->save_for_backward(weights);
    return out;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &input = saved[0];
    const Tensor incoming = gradients[0].contiguous();
    const auto weights = at::ArrayRef<Tensor>(saved).slice(1);
    variable_list result(4);
    const Tensor all = context->needs_input_grad(0) ? joined(weights) : Tensor();
    if (all.defined()) {
      result[0] = linear_product(incoming, all.t());
    } else if (context->needs_input_grad(0)) {
      result[0] = pass_each(weights, incoming);
    }
    if (Tensor sum = joined_gradients(context, weights); sum.defined()) {
      sum.addmm_(incoming.t(), input);
    } else {
      accumulate_each(context, weights, incoming, input, result);
    }
    return result;
  }

private:
  // The memory of all weights' gradients where it lies together and all of it is to be added to.
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
    Tensor sum = at::mm(incoming.narrow(1, 0, weights[0].size(0)), weights[0]);
    int64_t start = weights[0].size(0);
    for (const Tensor &weight : weights.slice(1)) {
      sum.addmm_(incoming.narrow(1, start, weight.size(0)), weight);
      start += weight.size(0);
    }
    return sum;
  }
};

// Keeps gate and up alone: their product is cheap to make again.
struct SwiGLUProject : torch::autograd::Function<SwiGLUProject> {
  static Tensor forward(AutogradContext *context, const Tensor &input, const Tensor &weight) {
    const Tensor gate_up = input.contiguous();
    const int64_t rows = gate_up.size(0), size = gate_up.size(1) / 2;
    Tensor product = at::empty({rows, size}, gate_up.options());
    AT_DISPATCH_FLOATING_TYPES(gate_up.scalar_type(), "swiglu", [&] {
      parallel_runs(rows, [&](int64_t, int64_t begin, int64_t end) {
        row_kernels<scalar_t>().swiglu(end - begin, size, gate_up.const_data_ptr<scalar_t>() + begin * 2 * size,
                                       product.data_ptr<scalar_t>() + begin * size);
      });
    });
    context->save_for_backward({gate_up, weight});
    return linear_product(product, weight);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &gate_up = saved[0], &weight = saved[1];
    const Tensor incoming = gradients[0].contiguous();
    const int64_t rows = gate_up.size(0), size = gate_up.size(1) / 2;
    // First the gradient of the product, then in its place the product itself.
    Tensor product = linear_product(incoming, weight.t()), gradient = at::empty_like(gate_up);
    AT_DISPATCH_FLOATING_TYPES(gate_up.scalar_type(), "swiglu_backward", [&] {
      parallel_runs(rows, [&](int64_t, int64_t begin, int64_t end) {
        row_kernels<scalar_t>().swiglu_backward(
            end - begin, size, gate_up.const_data_ptr<scalar_t>() + begin * 2 * size,
            product.data_ptr<scalar_t>() + begin * size, gradient.data_ptr<scalar_t>() + begin * 2 * size);
      });
    });
    return {gradient, context->needs_input_grad(1) ? accumulate_product(weight, incoming, product) : Tensor()};
  }
};

} // namespace

ctorch_status ckernels_project(ctorch_tensor input, const ctorch_tensor *weights, size_t count, ctorch_tensor *out,
                               char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    TORCH_CHECK(count >= 1 && count <= 3, "one to three weights can be projected with, not ", count);
    const Tensor &x = input->value;
    Tensor w[3];
    for (size_t i = 0; i < count; ++i) {
      w[i] = weights[i]->value;
      TORCH_CHECK(x.dim() == 2 && w[i].dim() == 2 && w[i].size(1) == x.size(1), "rows of shape ", x.sizes(),
                  " do not fit a weight ", w[i].sizes());
    }
    if (!is_native({x, w[0], w[1], w[2]})) {
      std::vector<Tensor> products;
      for (size_t i = 0; i < count; ++i) products.push_back(at::linear(x, w[i]));
      return count == 1 ? products[0] : at::cat(products, 1);
    }
    return Project::apply(x, w[0], given(w[1]), given(w[2]));
  });
}

ctorch_status ckernels_swiglu_project(ctorch_tensor gate_up, ctorch_tensor weight, ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &x = gate_up->value, &w = weight->value;
    TORCH_CHECK(x.dim() == 2 && w.dim() == 2 && x.size(1) == 2 * w.size(1), "gate and up, ", x.sizes(),
                ", do not fit a weight ", w.sizes());
    if (is_native({x, w})) return SwiGLUProject::apply(x, w);
    const int64_t size = w.size(1);
    return at::linear(at::silu(x.narrow(1, 0, size)).mul(x.narrow(1, size, size)), w);
  });
}
