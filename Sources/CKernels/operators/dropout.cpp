#include "operators/dropout.h"
#include "operators/kernel.h"

#include <ATen/ops/arange.h>

using namespace ckernels;
using at::Tensor;

namespace {

// Of numbers that follow one another, mixed ones are as good as random: multiplications and shifts by half of the bits.
constexpr uint64_t kFactor = 0xD6E8FEB86659FD93u, kStep = 0x9E3779B97F4A7C15u;
constexpr int kBits = 24;

inline uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 32)) * kFactor;
  x = (x ^ (x >> 32)) * kFactor;
  return x ^ (x >> 32);
}

// The same by LibTorch's operators: its shifts to the right repeat the sign.
Tensor mixed(Tensor x) {
  const auto halves = [](const Tensor &x) { return x.bitwise_xor(x.bitwise_right_shift(32).bitwise_and(0xFFFFFFFF)); };
  x = halves(x).mul(static_cast<int64_t>(kFactor));
  x = halves(x).mul(static_cast<int64_t>(kFactor));
  return halves(x);
}

} // namespace

Tensor ckernels::Dropout::apply(const Tensor &rows) const {
  if (probability == 0) return rows;
  const auto threshold = static_cast<int64_t>(probability * (int64_t(1) << kBits));
  const double factor = 1 / (1 - probability);
  if (!is_native({rows})) {
    const Tensor begin = mixed(key.add(stream));
    const Tensor place = at::arange(rows.numel(), key.options()).mul(static_cast<int64_t>(kStep)).add(begin);
    const Tensor number = mixed(place).bitwise_and((int64_t(1) << kBits) - 1);
    return rows.mul(number.ge(threshold).view(rows.sizes())).mul(factor);
  }
  const uint64_t begin = mixed(static_cast<uint64_t>(key.item<int64_t>()) + static_cast<uint64_t>(stream));
  const Tensor x = rows.contiguous();
  Tensor out = at::empty_like(x);
  const int64_t size = x.size(1);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "dropout", [&] {
    const scalar_t kept = static_cast<scalar_t>(factor);
    parallel_runs(x.size(0), [&](int64_t, int64_t first, int64_t last) {
      const scalar_t *from = x.const_data_ptr<scalar_t>();
      scalar_t *to = out.data_ptr<scalar_t>();
      for (int64_t i = first * size; i < last * size; ++i) {
        const uint64_t number = mixed(static_cast<uint64_t>(i) * kStep + begin);
        const bool keeps = static_cast<int64_t>(number & ((uint64_t(1) << kBits) - 1)) >= threshold;
        to[i] = keeps ? from[i] * kept : scalar_t(0);
      }
    });
  });
  return out;
}
