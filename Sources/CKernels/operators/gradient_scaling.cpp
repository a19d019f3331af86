// The norm of all gradients and the scaling of an update, on the device of the gradients.
#include "ckernels.h"
#include "cuda/host/kernels.h"
#include "ctorch_handles.h"
#include "simd/row_kernels.h"
#include "threads/threads.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <numeric>
#include <vector>

using namespace ckernels;
using at::Tensor;

namespace {

// LibTorch's norm of a float32 tensor accumulates in float32. Over the 64 M gradients of a model it is 1.8 % too small,
// because single squares are too small to change a sum of millions. Here short parts are summed in double precision.

// On the CPU. The size of the parts does not depend on the number of threads, so the sum always has the same bits.
double sum_of_squares(const Tensor &buffer) {
  constexpr int64_t part = int64_t(1) << 16;
  const int64_t count = buffer.numel();
  const float *x = buffer.const_data_ptr<float>();
  std::vector<double> sums((count + part - 1) / part);
  parallel_items(static_cast<int64_t>(sums.size()), [&](int64_t index) {
    const int64_t first = index * part;
    sums[index] = row_kernels<float>().sum_of_squares(std::min(part, count - first), x + first);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// By LibTorch's operators, on a device without our kernels: the norms of short rows in float32, then their squares.
Tensor sum_of_squares_plainly(const Tensor &buffer) {
  constexpr int64_t part = 4096;
  const Tensor flat = buffer.flatten();
  const int64_t rows = flat.numel() / part;
  const Tensor norms = at::linalg_vector_norm(flat.narrow(0, 0, rows * part).view({rows, part}), 2, at::IntArrayRef{1});
  const Tensor rest = at::linalg_vector_norm(flat.narrow(0, rows * part, flat.numel() - rows * part));
  return norms.to(at::kDouble).square().sum().add(rest.to(at::kDouble).square());
}

Tensor sum_of_squares(at::TensorList buffers) {
  if (buffers[0].is_cpu()) {
    double sum = 0;
    for (const Tensor &buffer : buffers) sum += sum_of_squares(buffer.contiguous());
    return at::full({}, sum, at::kDouble);
  }
  Tensor sum = at::zeros({}, buffers[0].options().dtype(at::kDouble));
  for (const Tensor &buffer : buffers) sum.add_(sum_of_squares_plainly(buffer));
  return sum;
}

struct Scaling {
  Tensor norm, divisor, skips;
};

// By LibTorch's operators, with the arithmetic of clip_grad_norm_.
Scaling scaling(const Tensor &sum_of_squares, const Tensor &loss_scale, double maximum) {
  Tensor norm = sum_of_squares.sqrt().to(at::kFloat);
  if (loss_scale.defined()) norm = norm.div(loss_scale);
  // clip_grad_norm_ adds 1e-6 so that it does not divide by a norm of 0.
  Tensor divisor = maximum > 0 ? norm.add(1e-6).div(maximum).clamp_min(1) : at::full_like(norm, 1);
  if (loss_scale.defined()) divisor = divisor.mul(loss_scale);
  return {norm, divisor, at::isfinite(norm).logical_not().to(at::kFloat)};
}

void check_scalar(const Tensor &tensor, const char *what, at::ScalarType type) {
  TORCH_CHECK(tensor.numel() == 1 && tensor.scalar_type() == type, what, " must be a scalar of ", type, ", not ",
              tensor.scalar_type(), " of shape ", tensor.sizes());
}

} // namespace

ctorch_status ckernels_sum_of_squares(const ctorch_tensor *buffers, size_t count, ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&] {
    const c10::NoGradGuard no_gradients;
    const std::vector<Tensor> list = ctorch::list_of(buffers, count);
    TORCH_CHECK(!list.empty(), "the sum of squares needs at least one buffer");
    for (const Tensor &buffer : list) {
      TORCH_CHECK(buffer.scalar_type() == at::kFloat, "the sum of squares takes float32, not ", buffer.scalar_type());
      TORCH_CHECK(buffer.device() == list[0].device(), "one buffer is on ", buffer.device(), ", another on ",
                  list[0].device());
    }
    if (!cuda::available(list[0].device())) return sum_of_squares(list);
    const auto options = list[0].options().dtype(at::kDouble);
    Tensor sum = at::empty({}, options);
    cuda::sum_of_squares(list, at::empty({cuda::squares_partials(list)}, options), sum);
    return sum;
  });
}

ctorch_status ckernels_gradient_scaling(ctorch_tensor sum_of_squares, ctorch_tensor loss_scale, double maximum,
                                        ctorch_tensor *norm, ctorch_tensor *divisor, ctorch_tensor *skips,
                                        char **error) {
  return ctorch::guarded(error, [&] {
    const c10::NoGradGuard no_gradients;
    const Tensor &sum = sum_of_squares->value, scale = loss_scale ? loss_scale->value : Tensor();
    check_scalar(sum, "the sum of squares", at::kDouble);
    if (scale.defined()) check_scalar(scale, "the loss scale", at::kFloat);
    Scaling result;
    if (cuda::available(sum.device())) {
      const auto scalar = [&] { return at::empty({}, sum.options().dtype(at::kFloat)); };
      result = {scalar(), scalar(), scalar()};
      cuda::gradient_scaling(sum, scale, maximum, result.norm, result.divisor, result.skips);
    } else {
      result = scaling(sum, scale, maximum);
    }
    *norm = ctorch::handle(std::move(result.norm));
    *divisor = ctorch::handle(std::move(result.divisor));
    *skips = ctorch::handle(std::move(result.skips));
  });
}
