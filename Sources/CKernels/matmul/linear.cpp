#include "matmul/linear.h"

#include "ckernels.h"
#include "ctorch_handles.h"
#include "matmul/strassen.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <optional>

using at::Tensor;
using ckernels::Matrix;

namespace {

bool is_narrow(const Tensor &x) { return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf; }

// A tensor whose rows or columns are each contiguous.
std::optional<Matrix<float>> matrix(const Tensor &x) {
  if (!x.device().is_cpu() || x.scalar_type() != at::kFloat || x.dim() != 2) return std::nullopt;
  if (x.stride(1) == 1) return Matrix<float>{x.const_data_ptr<float>(), x.stride(0)};
  if (x.stride(0) == 1) return Matrix<float>{x.const_data_ptr<float>(), x.stride(1), true};
  return std::nullopt;
}

// out = a b, or out += a b, if `strassen_matmul` applies. LibTorch handles all other cases, including errors.
bool multiplied_large(Tensor &out, const Tensor &a, const Tensor &b, bool adds) {
  const auto left = matrix(a), right = matrix(b), result = matrix(out);
  if (!left || !right || !result || result->transposed) return false;
  const int64_t m = a.size(0), n = b.size(1), k = a.size(1);
  if (b.size(0) != k || out.size(0) != m || out.size(1) != n) return false;
  const ckernels::GemmKernels *kernels = ckernels::kernels_for_matmul(m, n, k);
  if (!kernels) return false;
  ckernels::strassen_matmul(*kernels, m, n, k, *left, *right, out.data_ptr<float>(), out.stride(0), adds);
  return true;
}

} // namespace

void ckernels::linear_product_into(Tensor &out, const Tensor &x, const Tensor &weight) {
  if (!multiplied_large(out, x, weight.t(), false)) at::mm_out(out, x, weight.t());
}

Tensor ckernels::linear_product(const Tensor &x, const Tensor &weight) {
  // Processors without 16-bit instructions multiply 16-bit numbers hundreds of times slower than float32.
  if (is_narrow(x) && x.device().is_cpu()) return wide_linear_product(x, weight).to(x.scalar_type());
  Tensor out = at::empty({x.size(0), weight.size(0)}, x.options());
  linear_product_into(out, x, weight);
  return out;
}

Tensor ckernels::wide_linear_product(const Tensor &x, const Tensor &weight) {
  if (!is_narrow(x)) return linear_product(x, weight);
  if (x.device().is_cpu()) return linear_product(x.to(at::kFloat), weight.to(at::kFloat));
  return at::mm(x, weight.t(), at::kFloat);
}

void ckernels::add_transposed_product(Tensor &sum, const Tensor &a, const Tensor &b) {
  if (is_narrow(a) && a.device().is_cpu()) return add_transposed_product(sum, a.to(at::kFloat), b.to(at::kFloat));
  if (!multiplied_large(sum, a.t(), b, true)) add_transposed_product_plainly(sum, a, b);
}

void ckernels::add_transposed_product_plainly(Tensor &sum, const Tensor &a, const Tensor &b) {
  if (!is_narrow(a)) {
    sum.addmm_(a.t(), b);
  } else if (a.device().is_cpu()) {
    sum.addmm_(a.to(at::kFloat).t(), b.to(at::kFloat));
  } else {
    at::addmm_out(sum, sum, a.t(), b, at::kFloat);
  }
}

static_assert(static_cast<int>(ckernels::InstructionSet::portable) == CKERNELS_PORTABLE);
static_assert(static_cast<int>(ckernels::InstructionSet::avx2) == CKERNELS_AVX2);
static_assert(static_cast<int>(ckernels::InstructionSet::avx512) == CKERNELS_AVX512);

ctorch_status ckernels_strassen_matmul(ctorch_tensor a, ctorch_tensor b, ctorch_tensor out, bool adds,
                                       ckernels_instruction_set set, char **error) {
  return ctorch::guarded(error, [&] {
    const auto left = matrix(a->value), right = matrix(b->value), result = matrix(out->value);
    TORCH_CHECK(left && right && result && !result->transposed,
                "the Strassen matmul takes float32 matrices on the CPU");
    const int64_t m = a->value.size(0), n = b->value.size(1), k = a->value.size(1);
    TORCH_CHECK(b->value.size(0) == k && out->value.size(0) == m && out->value.size(1) == n, "the product of ",
                a->value.sizes(), " and ", b->value.sizes(), " is not ", out->value.sizes());
    TORCH_CHECK(m > 0 && n > 0 && k > 0, "the Strassen matmul takes matrices that are not empty");
    TORCH_CHECK(m == 1 || out->value.stride(0) >= n, "rows of the result overlap each other");
    const auto wanted = static_cast<ckernels::InstructionSet>(set);
    const ckernels::GemmKernels *kernels = ckernels::gemm_kernels(wanted);
    TORCH_CHECK(kernels && wanted <= ckernels::instruction_set(),
                "this processor does not have the requested instruction set");
    ckernels::strassen_matmul(*kernels, m, n, k, *left, *right, out->value.data_ptr<float>(), out->value.stride(0),
                              adds);
  });
}

ckernels_instruction_set ckernels_processor(void) {
  return static_cast<ckernels_instruction_set>(ckernels::instruction_set());
}
