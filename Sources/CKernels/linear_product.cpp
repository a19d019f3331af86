#include "linear_product.h"

#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include <string_view>

using at::Tensor;

namespace {

// LibTorch's own operator for layers of models that it has compiled: oneDNN's product of plain tensors.
using Linear = Tensor(const Tensor &, const Tensor &, const std::optional<Tensor> &, std::string_view,
                      c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);

std::optional<c10::TypedOperatorHandle<Linear>> find() {
  if (!at::get_cpu_capability().starts_with("AVX512")) return std::nullopt;
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found || !found->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return std::nullopt;
  return found->typed<Linear>();
}

// A product of a new shape is prepared first, which smaller ones would not win back.
constexpr int64_t kFewMultiplications = int64_t(1) << 28;

bool is_narrow(const Tensor &x) { return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf; }

} // namespace

Tensor ckernels::linear_product(const Tensor &x, const Tensor &weight) {
  // Processors without units for them multiply 16-bit numbers hundreds of times slower than float32.
  if (is_narrow(x) && x.device().is_cpu()) return wide_linear_product(x, weight).to(x.scalar_type());
  static const auto linear = find();
  const bool is_large = x.size(0) * weight.size(0) * weight.size(1) >= kFewMultiplications;
  if (!linear || !is_large || x.scalar_type() != at::kFloat || !x.device().is_cpu()) return at::mm(x, weight.t());
  const at::AutoDispatchBelowAutograd guard;
  return linear->call(x, weight, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), "");
}

Tensor ckernels::wide_linear_product(const Tensor &x, const Tensor &weight) {
  if (!is_narrow(x)) return linear_product(x, weight);
  if (x.device().is_cpu()) return linear_product(x.to(at::kFloat), weight.to(at::kFloat));
  return at::mm(x, weight.t(), at::kFloat);
}

void ckernels::add_transposed_product(Tensor &sum, const Tensor &a, const Tensor &b) {
  if (!is_narrow(a)) {
    sum.addmm_(a.t(), b);
  } else if (a.device().is_cpu()) {
    sum.addmm_(a.to(at::kFloat).t(), b.to(at::kFloat));
  } else {
    at::addmm_out(sum, sum, a.t(), b, at::kFloat);
  }
}
