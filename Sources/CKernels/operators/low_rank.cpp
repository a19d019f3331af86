// Low-rank additions to weights (LoRA: Hu et al., 2021, arXiv:2106.09685): y += s · drop(x) Aᵀ Bᵀ, beside matmuls with weights
// that may be frozen.
#include "matmul/linear.h"
#include "operators/dropout.h"
#include "operators/kernel.h"
#include "operators/swiglu.h"

using namespace ckernels;
using at::Tensor;

namespace {

// The numbers of an addition, and what its matmuls multiply by: A and B or their 16-bit copies.
struct Term {
  double scale;
  Dropout dropout;
  Tensor down, up;

  explicit Term(const ckernels_low_rank &term)
      : scale(term.scale), dropout{term.dropout, term.key ? term.key->value : Tensor(), term.stream},
        down((term.down_copy ? term.down_copy : term.down)->value.detach()),
        up((term.up_copy ? term.up_copy : term.up)->value.detach()) {}

  // s · drop(x) Aᵀ, [tokens, rank]
  Tensor low(const Tensor &x) const { return linear_product(dropout.apply(x), down).mul_(scale); }

  // y += low Bᵀ
  void add_up(Tensor y, const Tensor &low) const { add_product(y, low, up.t()); }

  // The gradient of drop(x) Aᵀ, [tokens, rank], from that of y.
  Tensor low_gradient(const Tensor &incoming) const { return linear_product(incoming, up.t()).mul_(scale); }

  // The gradient of x is added to `sum`.
  void add_input_gradient(Tensor &sum, const Tensor &at_low) const {
    if (dropout.probability > 0) {
      sum.add_(dropout.apply(linear_product(at_low, down.t())));
    } else {
      add_product(sum, at_low, down);
    }
  }

  // The same into memory of its own.
  Tensor input_gradient(const Tensor &at_low) const { return dropout.apply(linear_product(at_low, down.t())); }

private:
  // y += a b
  static void add_product(Tensor &y, const Tensor &a, const Tensor &b) {
    const bool is_wide = a.scalar_type() == at::kFloat || a.scalar_type() == at::kDouble;
    // Processors without 16-bit instructions multiply 16-bit numbers hundreds of times slower than float32.
    if (is_wide || !a.device().is_cpu()) {
      y.addmm_(a, b);
    } else {
      y.add_(linear_product(a, b.t()));
    }
  }
};

// The gradients of A and B, each added in place where it can be.
std::pair<Tensor, Tensor> accumulate_factors(AutogradContext *context, size_t first, const Tensor &down,
                                             const Tensor &up, const Term &term, const Tensor &input, const Tensor &low,
                                             const Tensor &at_low, const Tensor &incoming) {
  Tensor at_down, at_up;
  if (context->needs_input_grad(first)) {
    const Tensor kept = term.dropout.apply(input);
    at_down = accumulate(down, [&](Tensor &sum) { add_transposed_product(sum, at_low, kept); });
  }
  if (context->needs_input_grad(first + 1)) {
    at_up = accumulate(up, [&](Tensor &sum) { add_transposed_product(sum, incoming, low); });
  }
  return {at_down, at_up};
}

// What a node keeps of a term for its backward pass besides tensors.
struct TermHolder : torch::CustomClassHolder {
  Term term;
  explicit TermHolder(const Term &term) : term(term) {}
};

void keep(AutogradContext *context, const Term &term) {
  context->saved_data["term"] = c10::IValue::make_capsule(c10::make_intrusive<TermHolder>(term));
}

c10::intrusive_ptr<TermHolder> kept_term(AutogradContext *context) {
  return c10::static_intrusive_pointer_cast<TermHolder>(context->saved_data["term"].toCapsule());
}

struct AddLowRank : torch::autograd::Function<AddLowRank> {
  static Tensor forward(AutogradContext *context, const Tensor &products, const Tensor &input, const Tensor &down,
                        const Tensor &up, const Term &term, int64_t column) {
    const Tensor low = term.low(input);
    term.add_up(products.narrow(1, column, up.size(0)), low);
    context->mark_dirty({products});
    context->save_for_backward({input, down, up, low});
    context->saved_data["column"] = column;
    keep(context, term);
    return products;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &input = saved[0], &down = saved[1], &up = saved[2], &low = saved[3];
    const auto holder = kept_term(context);
    const Term &term = holder->term;
    const Tensor part = gradients[0].narrow(1, context->saved_data["column"].toInt(), up.size(0));
    const Tensor at_low = term.low_gradient(part);
    const auto [at_down, at_up] = accumulate_factors(context, 2, down, up, term, input, low, at_low, part);
    const Tensor at_input = context->needs_input_grad(1) ? term.input_gradient(at_low) : Tensor();
    return {gradients[0], at_input, at_down, at_up, {}, {}};
  }
};

// As SwiGLUProject, keeps only gate and up: their product is cheap to compute again.
struct SwiGLULowRank : torch::autograd::Function<SwiGLULowRank> {
  static Tensor forward(AutogradContext *context, const Tensor &input, const Tensor &weight, const Tensor &down,
                        const Tensor &up, const Tensor &factor, const Term &term) {
    const Tensor gate_up = input.contiguous(), product = swiglu(gate_up), low = term.low(product);
    Tensor result = linear_product(product, factor);
    term.add_up(result, low);
    context->save_for_backward({gate_up, weight, down, up, factor, low});
    keep(context, term);
    return result;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &gate_up = saved[0], &weight = saved[1], &down = saved[2], &up = saved[3], &factor = saved[4];
    const Tensor &low = saved[5], incoming = gradients[0].contiguous();
    const auto holder = kept_term(context);
    const Term &term = holder->term;
    const Tensor at_low = term.low_gradient(incoming);
    // First the gradient of the product, then the product itself in its place.
    Tensor product = linear_product(incoming, factor.t());
    term.add_input_gradient(product, at_low);
    const Tensor at_gate_up = swiglu_backward(gate_up, product);
    const auto [at_down, at_up] = accumulate_factors(context, 2, down, up, term, product, low, at_low, incoming);
    Tensor at_weight;
    if (context->needs_input_grad(1)) {
      at_weight = accumulate(weight, [&](Tensor &sum) { add_transposed_product(sum, incoming, product); });
    }
    return {at_gate_up, at_weight, at_down, at_up, {}, {}};
  }
};

void check(const ckernels_low_rank &term, int64_t inputs, int64_t outputs) {
  const Tensor &down = term.down->value, &up = term.up->value;
  TORCH_CHECK(down.dim() == 2 && up.dim() == 2 && down.size(1) == inputs && up.size(0) <= outputs &&
                  up.size(1) == down.size(0),
              "a low-rank addition of ", down.sizes(), " and ", up.sizes(), " does not fit ", inputs, " inputs and ",
              outputs, " outputs");
  TORCH_CHECK(term.dropout >= 0 && term.dropout < 1, "a dropout of ", term.dropout, " is not in [0, 1)");
  TORCH_CHECK(term.dropout == 0 || term.key, "dropout needs a key");
}

} // namespace

ctorch_status ckernels_add_low_rank(ctorch_tensor products, ctorch_tensor input, ckernels_low_rank term, int64_t column,
                                    ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &y = products->value, &x = input->value;
    TORCH_CHECK(y.dim() == 2 && x.dim() == 2 && x.size(0) == y.size(0), "products ", y.sizes(), " are not of inputs ",
                x.sizes());
    check(term, x.size(1), y.size(1) - column);
    const Term numbers(term);
    return AddLowRank::apply(y, x.to(numbers.down.scalar_type()), term.down->value, term.up->value, numbers, column);
  });
}

ctorch_status ckernels_swiglu_low_rank(ctorch_tensor gate_up, ctorch_tensor weight, ctorch_tensor copy,
                                       ckernels_low_rank term, ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &x = gate_up->value, &w = weight->value, factor = (copy ? copy : weight)->value.detach();
    TORCH_CHECK(x.dim() == 2 && w.dim() == 2 && x.size(1) == 2 * w.size(1), "gate and up, ", x.sizes(),
                ", do not fit a weight ", w.sizes());
    check(term, w.size(1), w.size(0));
    TORCH_CHECK(term.up->value.size(0) == w.size(0), "a low-rank addition of ", term.up->value.size(0),
                " outputs does not fit a weight ", w.sizes());
    return SwiGLULowRank::apply(x.to(factor.scalar_type()), w, term.down->value, term.up->value, factor, Term(term));
  });
}
