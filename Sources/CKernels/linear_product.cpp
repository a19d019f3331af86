#include "linear_product.h"

#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/LegacyTypeDispatch.h>
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

} // namespace

Tensor ckernels::linear_product(const Tensor &x, const Tensor &weight) {
  static const auto linear = find();
  const bool is_large = x.size(0) * weight.size(0) * weight.size(1) >= kFewMultiplications;
  if (!linear || !is_large || x.scalar_type() != at::kFloat || !x.device().is_cpu()) return at::mm(x, weight.t());
  const at::AutoDispatchBelowAutograd guard;
  return linear->call(x, weight, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), "");
}
