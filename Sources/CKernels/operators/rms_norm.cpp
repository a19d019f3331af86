// Root mean square layer normalization (Zhang & Sennrich, 2019, arXiv:1910.07467) after an addition.
#include "cuda/host/kernels.h"
#include "operators/kernel.h"
#include "simd/row_kernels.h"

#include <ATen/ops/add.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

using namespace ckernels;
using at::Tensor;

namespace {

struct RMSNorm : torch::autograd::Function<RMSNorm> {
  // Returns the sum (if there is a delta) and the normalized rows.
  static variable_list forward(AutogradContext *context, const Tensor &input, const std::optional<Tensor> &delta,
                               const Tensor &weight, double epsilon) {
    const Tensor x = input.contiguous(), d = delta ? delta->contiguous() : Tensor(), w = weight.contiguous();
    const int64_t rows = x.size(0), size = x.size(1);
    Tensor sum = d.defined() ? at::empty_like(x) : Tensor(), normed = at::empty_like(x);
    Tensor scale = at::empty({rows}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm", [&] {
      const auto &kernels = row_kernels<scalar_t>();
      parallel_runs(rows, [&](int64_t, int64_t begin, int64_t end) {
        const int64_t at = begin * size;
        kernels.rms_norm(end - begin, size, x.const_data_ptr<scalar_t>() + at,
                         d.defined() ? d.const_data_ptr<scalar_t>() + at : nullptr, w.const_data_ptr<scalar_t>(),
                         static_cast<scalar_t>(epsilon), sum.defined() ? sum.data_ptr<scalar_t>() + at : nullptr,
                         normed.data_ptr<scalar_t>() + at, scale.data_ptr<scalar_t>() + begin);
      });
    });
    context->save_for_backward({sum.defined() ? sum : x, weight, scale});
    context->saved_data["sums"] = d.defined();
    context->set_materialize_grads(false);
    return d.defined() ? variable_list{sum, normed} : variable_list{normed};
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const bool sums = context->saved_data["sums"].toBool();
    const Tensor &into_sum = sums ? gradients[0] : Tensor(), &into_normed = gradients[sums ? 1 : 0];
    if (!into_normed.defined()) return {into_sum, sums ? into_sum : Tensor(), {}, {}};
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &scale = saved[2];
    const Tensor w = weight.contiguous(), incoming = into_normed.contiguous();
    const Tensor passing = into_sum.defined() ? into_sum.contiguous() : Tensor();
    const int64_t rows = x.size(0), size = x.size(1);
    const bool learns = context->needs_input_grad(sums ? 2 : 1);
    Tensor gradient = at::empty_like(x);
    Tensor parts = learns ? at::zeros({run_count(rows), size}, x.options()) : Tensor();
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm_backward", [&] {
      const auto &kernels = row_kernels<scalar_t>();
      parallel_runs(rows, [&](int64_t run, int64_t begin, int64_t end) {
        const int64_t at = begin * size;
        kernels.rms_norm_backward(end - begin, size, x.const_data_ptr<scalar_t>() + at, w.const_data_ptr<scalar_t>(),
                                  scale.const_data_ptr<scalar_t>() + begin, incoming.const_data_ptr<scalar_t>() + at,
                                  passing.defined() ? passing.const_data_ptr<scalar_t>() + at : nullptr,
                                  gradient.data_ptr<scalar_t>() + at,
                                  learns ? parts.data_ptr<scalar_t>() + run * size : nullptr);
      });
    });
    Tensor weight_gradient = learns ? accumulate(weight, [&](Tensor &total) { total.add_(parts.sum(0)); }) : Tensor();
    // One tensor for both summands: an accumulation into it copies it first.
    return {gradient, sums ? gradient : Tensor(), weight_gradient, {}};
  }
};

// The same by a CUDA kernel. The residual stream is float32; delta and norm may be 16-bit.
struct DeviceRMSNorm : torch::autograd::Function<DeviceRMSNorm> {
  static variable_list forward(AutogradContext *context, const Tensor &input, const std::optional<Tensor> &delta,
                               const Tensor &weight, double epsilon, at::ScalarType type) {
    const Tensor x = input.contiguous(), d = delta ? delta->contiguous() : Tensor();
    Tensor sum = d.defined() ? at::empty_like(x) : Tensor(), normed = at::empty(x.sizes(), x.options().dtype(type));
    Tensor scale = at::empty({x.size(0)}, x.options());
    cuda::rms_norm(x, d, weight, epsilon, sum, normed, scale);
    context->save_for_backward({d.defined() ? sum : x, weight, scale});
    context->saved_data["delta"] = d.defined() ? static_cast<int64_t>(d.scalar_type()) : int64_t(-1);
    context->set_materialize_grads(false);
    return d.defined() ? variable_list{sum, normed} : variable_list{normed};
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const int64_t type = context->saved_data["delta"].toInt();
    const bool sums = type >= 0;
    const Tensor &into_sum = sums ? gradients[0] : Tensor(), &into_normed = gradients[sums ? 1 : 0];
    if (!into_normed.defined()) return {into_sum, sums ? into_sum : Tensor(), {}, {}, {}};
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &scale = saved[2];
    const Tensor passing = into_sum.defined() ? into_sum.contiguous() : Tensor();
    const bool learns = context->needs_input_grad(sums ? 2 : 1);
    Tensor gradient = at::empty_like(x), delta_gradient = sums ? gradient : Tensor(), copy;
    if (sums && type != static_cast<int64_t>(at::kFloat)) {
      copy = delta_gradient = at::empty(x.sizes(), x.options().dtype(static_cast<at::ScalarType>(type)));
    }
    Tensor partials =
        learns ? at::empty({cuda::rms_norm_partials(x.device(), x.size(0), x.size(1)), x.size(1)}, x.options())
               : Tensor();
    auto run = [&](const Tensor &total) {
      cuda::rms_norm_backward(x, weight, scale, into_normed.contiguous(), passing, gradient, copy, partials, total);
    };
    Tensor weight_gradient;
    if (learns) {
      weight_gradient = accumulate(weight, run);
    } else {
      run(Tensor());
    }
    return {gradient, delta_gradient, weight_gradient, {}, {}};
  }
};

bool fits_device(const Tensor &x, const Tensor &weight) {
  return x.is_cuda() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && weight.is_contiguous() &&
         x.size(1) <= 8192 && cuda::available(x.device());
}

} // namespace

ctorch_status ckernels_rms_norm(ctorch_tensor input, ctorch_tensor delta, ctorch_tensor weight, double epsilon,
                                ctorch_dtype type, ctorch_tensor *sum, ctorch_tensor *normed, char **error) {
  return ctorch::guarded(error, [&] {
    const Tensor &x = input->value, d = delta ? delta->value : Tensor(), &w = weight->value;
    const at::ScalarType wanted = ctorch::dtype_of(type);
    TORCH_CHECK(x.dim() == 2 && w.dim() == 1 && w.size(0) == x.size(1), "rows of shape ", x.sizes(),
                " do not fit a norm of ", w.sizes());
    TORCH_CHECK(!d.defined() || d.sizes() == x.sizes(), "rows ", x.sizes(), " and their delta ", d.sizes(),
                " differ in shape");
    if (fits_device(x, w)) {
      variable_list result = DeviceRMSNorm::apply(x, given(d), w, epsilon, wanted);
      *normed = ctorch::handle(result.back());
      *sum = d.defined() ? ctorch::handle(result.front()) : nullptr;
      return;
    }
    if (!is_native({x, d, w}) || wanted != x.scalar_type()) {
      // A sum of float32 and a 16-bit type is float32.
      Tensor total = d.defined() ? x.add(d) : x;
      *normed = ctorch::handle(at::rms_norm(total.to(w.scalar_type()), w.sizes(), w, epsilon).to(wanted));
      *sum = d.defined() ? ctorch::handle(total) : nullptr;
      return;
    }
    variable_list result = RMSNorm::apply(x, given(d), w, epsilon);
    *normed = ctorch::handle(result.back());
    *sum = d.defined() ? ctorch::handle(result.front()) : nullptr;
  });
}
