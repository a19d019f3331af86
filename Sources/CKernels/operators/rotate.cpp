// RMS norm of each head (as in Qwen3) and rotary embedding (Su et al., 2021, arXiv:2104.09864) of queries and keys in one
// pass.
#include "cuda/host/kernels.h"
#include "operators/kernel.h"
#include "simd/row_kernels.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

using namespace ckernels;
using at::Tensor;

namespace {

// Calls body(first head, heads, weight) for queries, then for keys.
template <typename Body>
void each_kind(const ckernels_heads &heads, const Tensor &query_weight, const Tensor &key_weight, Body body) {
  if (heads.query > 0) body(0, heads.query, query_weight, 0);
  if (heads.key > 0) body(heads.query, heads.key, key_weight, 1);
}

ckernels_heads unpack(AutogradContext *context) {
  const auto list = context->saved_data["heads"].toIntVector();
  return {list[0], list[1], list[2], list[3]};
}

template <typename T> const T *pointer(const Tensor &tensor) {
  return tensor.defined() ? tensor.const_data_ptr<T>() : nullptr;
}

struct Rotate : torch::autograd::Function<Rotate> {
  static Tensor forward(AutogradContext *context, const Tensor &packed, const std::optional<Tensor> &query_norm,
                        const std::optional<Tensor> &key_norm, const Tensor &cosines, const Tensor &sines,
                        const ckernels_heads &heads, double epsilon) {
    const Tensor query_weight = query_norm.value_or(Tensor()), key_weight = key_norm.value_or(Tensor());
    const Tensor x = packed.contiguous(), c = cosines.contiguous(), s = sines.contiguous();
    const int64_t rows = x.size(0), stride = x.size(1), turned = heads.query + heads.key;
    Tensor out = at::empty_like(x), scale;
    if (query_weight.defined() || key_weight.defined()) scale = at::empty({rows, turned}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rotate", [&] {
      parallel_runs(rows, [&](int64_t, int64_t begin, int64_t end) {
        const scalar_t *from = x.const_data_ptr<scalar_t>() + begin * stride;
        scalar_t *to = out.data_ptr<scalar_t>() + begin * stride;
        const int64_t table = begin * heads.size / 2;
        each_kind(heads, query_weight, key_weight, [&](int64_t first, int64_t count, const Tensor &weight, int) {
          row_kernels<scalar_t>().rotate(
              end - begin, count, heads.size, stride, from + first * heads.size, pointer<scalar_t>(weight),
              static_cast<scalar_t>(epsilon), c.const_data_ptr<scalar_t>() + table,
              s.const_data_ptr<scalar_t>() + table, to + first * heads.size,
              weight.defined() ? scale.data_ptr<scalar_t>() + begin * turned + first : nullptr, turned);
        });
        for (int64_t row = 0; row < end - begin; ++row) {
          const int64_t values = row * stride + turned * heads.size;
          std::copy_n(from + values, heads.value * heads.size, to + values);
        }
      });
    });
    // Without norms the backward pass does not need the inputs.
    context->save_for_backward({scale.defined() ? x : Tensor(), query_weight, key_weight, c, s, scale});
    context->saved_data["heads"] = std::vector<int64_t>{heads.query, heads.key, heads.value, heads.size};
    return out;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &query_weight = saved[1], &key_weight = saved[2], &c = saved[3], &s = saved[4];
    const Tensor &scale = saved[5], incoming = gradients[0].contiguous();
    const ckernels_heads heads = unpack(context);
    const int64_t rows = incoming.size(0), stride = incoming.size(1), turned = heads.query + heads.key;
    Tensor gradient = at::empty_like(incoming);
    const bool learns[2] = {query_weight.defined() && context->needs_input_grad(1),
                            key_weight.defined() && context->needs_input_grad(query_weight.defined() ? 2 : 1)};
    Tensor parts = learns[0] || learns[1] ? at::zeros({run_count(rows), 2, heads.size}, incoming.options()) : Tensor();
    AT_DISPATCH_FLOATING_TYPES(incoming.scalar_type(), "rotate_backward", [&] {
      parallel_runs(rows, [&](int64_t run, int64_t begin, int64_t end) {
        const int64_t at = begin * stride, table = begin * heads.size / 2;
        const scalar_t *from = incoming.const_data_ptr<scalar_t>() + at;
        scalar_t *to = gradient.data_ptr<scalar_t>() + at;
        each_kind(heads, query_weight, key_weight, [&](int64_t first, int64_t count, const Tensor &weight, int kind) {
          const int64_t head = first * heads.size;
          row_kernels<scalar_t>().rotate_backward(
              end - begin, count, heads.size, stride, x.defined() ? x.const_data_ptr<scalar_t>() + at + head : from,
              pointer<scalar_t>(weight),
              weight.defined() ? scale.const_data_ptr<scalar_t>() + begin * turned + first : nullptr, turned,
              c.const_data_ptr<scalar_t>() + table, s.const_data_ptr<scalar_t>() + table, from + head, to + head,
              learns[kind] ? parts.data_ptr<scalar_t>() + (2 * run + kind) * heads.size : nullptr);
        });
        for (int64_t row = 0; row < end - begin; ++row) {
          const int64_t values = row * stride + turned * heads.size;
          std::copy_n(from + values, heads.value * heads.size, to + values);
        }
      });
    });
    auto sum = [&](const Tensor &weight, int kind) {
      if (!learns[kind]) return Tensor();
      return accumulate(weight, [&](Tensor &total) { total.add_(parts.select(1, kind).sum(0)); });
    };
    return {gradient, sum(query_weight, 0), sum(key_weight, 1), {}, {}, {}, {}};
  }
};

// The same by a CUDA kernel, for rows of any type; norms and tables are float32.
struct DeviceRotate : torch::autograd::Function<DeviceRotate> {
  static Tensor forward(AutogradContext *context, const Tensor &packed, const std::optional<Tensor> &query_norm,
                        const std::optional<Tensor> &key_norm, const Tensor &cosines, const Tensor &sines,
                        const ckernels_heads &heads, double epsilon) {
    const Tensor query_weight = query_norm.value_or(Tensor()), key_weight = key_norm.value_or(Tensor());
    const Tensor x = packed.contiguous(), c = cosines.contiguous(), s = sines.contiguous();
    const bool norms = query_weight.defined() || key_weight.defined();
    Tensor out = at::empty_like(x);
    Tensor scale = norms ? at::empty({x.size(0), heads.query + heads.key}, c.options()) : Tensor();
    cuda::rotate(x, query_weight, key_weight, c, s, {heads.query, heads.key, heads.value, heads.size}, epsilon, out,
                 scale);
    context->save_for_backward({norms ? x : Tensor(), query_weight, key_weight, c, s, scale});
    context->saved_data["heads"] = std::vector<int64_t>{heads.query, heads.key, heads.value, heads.size};
    return out;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &query_weight = saved[1], &key_weight = saved[2], &c = saved[3], &s = saved[4];
    const Tensor &scale = saved[5], incoming = gradients[0].contiguous();
    const ckernels_heads all = unpack(context);
    const cuda::Heads heads{all.query, all.key, all.value, all.size};
    const bool learns[2] = {query_weight.defined() && context->needs_input_grad(1),
                            key_weight.defined() && context->needs_input_grad(query_weight.defined() ? 2 : 1)};
    Tensor gradient = at::empty_like(incoming), partials, result[2], totals[2];
    if (learns[0] || learns[1]) {
      partials =
          at::empty({cuda::rotate_partials(incoming.device(), incoming.size(0), heads), 2, all.size}, c.options());
    }
    for (int kind : {0, 1}) {
      if (!learns[kind]) continue;
      const Tensor &weight = kind == 0 ? query_weight : key_weight;
      totals[kind] = gradient_in_place(weight);
      if (!totals[kind].defined()) totals[kind] = result[kind] = at::zeros_like(weight);
    }
    cuda::rotate_backward(x, query_weight, key_weight, c, s, scale, heads, incoming, gradient, partials, totals[0],
                          totals[1]);
    return {gradient, result[0], result[1], {}, {}, {}, {}};
  }
};

bool fits_device(const Tensor &x, const Tensor &tables, const ckernels_heads &heads) {
  return x.is_cuda() && tables.scalar_type() == at::kFloat && heads.size <= 512 && x.scalar_type() != at::kDouble &&
         cuda::available(x.device());
}

Tensor rotate_plainly(const Tensor &x, const Tensor &cosines, const Tensor &sines) {
  const int64_t half = x.size(2) / 2;
  const Tensor first = x.narrow(2, 0, half), second = x.narrow(2, half, half);
  const Tensor c = cosines.unsqueeze(1), s = sines.unsqueeze(1);
  return at::cat({first.mul(c).sub(second.mul(s)), second.mul(c).add(first.mul(s))}, 2);
}

} // namespace

ctorch_status ckernels_rotate(ctorch_tensor packed, ctorch_tensor query_weight, ctorch_tensor key_weight,
                              ctorch_tensor cosines, ctorch_tensor sines, ckernels_heads heads, double epsilon,
                              ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &x = packed->value, &c = cosines->value, &s = sines->value;
    const Tensor q = query_weight ? query_weight->value : Tensor(), k = key_weight ? key_weight->value : Tensor();
    const int64_t all = heads.query + heads.key + heads.value;
    TORCH_CHECK(x.dim() == 2 && heads.size % 2 == 0 && x.size(1) == all * heads.size, "rows of shape ", x.sizes(),
                " do not hold ", all, " heads of ", heads.size);
    TORCH_CHECK(c.dim() == 2 && c.size(0) == x.size(0) && c.size(1) == heads.size / 2 && s.sizes() == c.sizes(),
                "tables ", c.sizes(), " and ", s.sizes(), " do not fit rows ", x.sizes(), " with heads of ",
                heads.size);
    for (const Tensor &weight : {q, k}) {
      TORCH_CHECK(!weight.defined() || (weight.dim() == 1 && weight.size(0) == heads.size && weight.is_contiguous()),
                  "heads of ", heads.size, " do not fit a norm of ", weight.sizes());
    }
    if (fits_device(x, c, heads)) return DeviceRotate::apply(x, given(q), given(k), c, s, heads, epsilon);
    if (is_native({x, q, k, c, s})) return Rotate::apply(x, given(q), given(k), c, s, heads, epsilon);
    std::vector<Tensor> parts;
    each_kind(heads, q, k, [&](int64_t first, int64_t count, const Tensor &weight, int) {
      Tensor part = x.narrow(1, first * heads.size, count * heads.size).unflatten(1, {count, heads.size});
      // In the type of the tables.
      part = part.to(c.scalar_type());
      if (weight.defined()) part = at::rms_norm(part, weight.sizes(), weight, epsilon);
      parts.push_back(rotate_plainly(part, c, s).flatten(1).to(x.scalar_type()));
    });
    if (heads.value > 0) parts.push_back(x.narrow(1, (heads.query + heads.key) * heads.size, heads.value * heads.size));
    return at::cat(parts, 1);
  });
}
