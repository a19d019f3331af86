#include "attention/sequence_attention.h"

#include <ATen/ops/_efficient_attention_backward.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>
#include <c10/util/Exception.h>

#ifdef USE_CUDA
#include <ATen/cuda/CUDAContextLight.h>
#endif

#include <algorithm>
#include <limits>

using at::Tensor;

namespace ckernels {

namespace {

// FlashAttention-2 (Dao, 2023, arXiv:2307.08691): half precision, from compute capability 8.0 on, heads of up to 256
// elements. Above 192 its backward pass does not run on all these devices.
bool has_flash(const Tensor &x) {
  if (x.scalar_type() != at::kHalf && x.scalar_type() != at::kBFloat16) return false;
#ifdef USE_CUDA
  return x.size(2) <= 192 && at::cuda::getDeviceProperties(x.device().index())->major >= 8;
#else
  TORCH_CHECK(false, "this program was built without CUDA: build it with a LibTorch that has CUDA");
#endif
}

// The kernels require head sizes that are multiples of 8 or 4, depending on element type and device.
Tensor widened(const Tensor &x) {
  const int64_t missing = (8 - x.size(2) % 8) % 8;
  return missing > 0 ? at::constant_pad_nd(x, {0, missing}) : x;
}

// If the longest sequence has one query, the forward pass takes a shortcut that assumes one query in every sequence.
int64_t flash_longest(const Sequences &sequences) { return std::max<int64_t>(2, sequences.longest_queries); }

SequenceResult flash(const Tensor &query, const Tensor &key, const Tensor &value, const Sequences &sequences,
                     double scale) {
  auto [out, log_sums, random, unused, mask] = at::_flash_attention_forward(
      widened(query), widened(key), widened(value), sequences.query_starts, sequences.key_starts,
      flash_longest(sequences), sequences.longest_keys, /*dropout_p=*/0.0, /*is_causal=*/true,
      /*return_debug_mask=*/false, scale);
  return {out.narrow(2, 0, query.size(2)), log_sums, random, unused};
}

SequenceGradients flash_backward(const Tensor &out_gradient, const Tensor &query, const Tensor &key,
                                 const Tensor &value, const SequenceResult &result, const Sequences &sequences,
                                 double scale) {
  auto [of_query, of_key, of_value] = at::_flash_attention_backward(
      widened(out_gradient), widened(query), widened(key), widened(value), widened(result.out), result.log_sums,
      sequences.query_starts, sequences.key_starts, flash_longest(sequences), sequences.longest_keys,
      /*dropout_p=*/0.0, /*is_causal=*/true, result.first_state, result.second_state, scale);
  const int64_t size = query.size(2);
  return {of_query.narrow(2, 0, size), of_key.narrow(2, 0, size), of_value.narrow(2, 0, size)};
}

// The efficient kernel requires as many key heads as query heads.
Tensor repeated(const Tensor &x, int64_t heads) {
  const int64_t group = heads / x.size(1);
  if (group == 1) return x;
  return x.unsqueeze(2).expand({x.size(0), x.size(1), group, x.size(2)}).reshape({x.size(0), heads, x.size(2)});
}

Tensor summed(const Tensor &x, int64_t heads) {
  return x.size(1) == heads ? x : x.unflatten(1, {heads, x.size(1) / heads}).sum(2);
}

// Rabe & Staats, 2021, arXiv:2112.05682, LibTorch's version of xFormers' kernel: 16-bit and 32-bit types.
constexpr int64_t kCausalFromBottomRight = 2; // sdp::CustomMaskType

SequenceResult efficient(const Tensor &query, const Tensor &key, const Tensor &value, const Sequences &sequences,
                         double scale) {
  const int64_t heads = query.size(1);
  auto [out, log_sums, seed, offset, longest_queries, longest_keys] = at::_efficient_attention_forward(
      widened(query).unsqueeze(0), repeated(widened(key), heads).unsqueeze(0),
      repeated(widened(value), heads).unsqueeze(0), /*bias=*/{}, sequences.query_starts, sequences.key_starts,
      sequences.longest_queries, sequences.longest_keys,
      /*dropout_p=*/0.0, kCausalFromBottomRight, /*compute_log_sumexp=*/true, scale);
  return {out.squeeze(0).narrow(2, 0, query.size(2)), log_sums, seed, offset};
}

SequenceGradients efficient_backward(const Tensor &out_gradient, const Tensor &query, const Tensor &key,
                                     const Tensor &value, const SequenceResult &result, const Sequences &sequences,
                                     double scale) {
  const int64_t heads = query.size(1), size = query.size(2);
  // Keys in one split: otherwise blocks add to a query's gradient in an unspecified order.
  auto [of_query, of_key, of_value, of_bias] = at::_efficient_attention_backward(
      widened(out_gradient).unsqueeze(0), widened(query).unsqueeze(0), repeated(widened(key), heads).unsqueeze(0),
      repeated(widened(value), heads).unsqueeze(0), /*bias=*/{}, widened(result.out).unsqueeze(0),
      sequences.query_starts, sequences.key_starts, sequences.longest_queries, sequences.longest_keys, result.log_sums,
      /*dropout_p=*/0.0, result.first_state, result.second_state, kCausalFromBottomRight, /*bias_requires_grad=*/false,
      scale,
      /*num_splits_key=*/1);
  auto narrowed = [&](const Tensor &x) { return x.squeeze(0).narrow(2, 0, size); };
  return {narrowed(of_query), summed(narrowed(of_key), key.size(1)), summed(narrowed(of_value), key.size(1))};
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The same by plain operators, sequence by sequence, to compare the kernels with. As with the kernels, results outside
// all sequences are unspecified: here they are NaN, so that tests notice reads of them.
struct Plain {
  const Tensor &query, &key, &value;
  double scale;

  // Calls body(rows of queries, rows of keys), heads first.
  template <typename Body> static void each(const Sequences &sequences, Body body) {
    const Tensor queries = sequences.query_starts.cpu(), keys = sequences.key_starts.cpu();
    const auto *q = queries.const_data_ptr<int32_t>(), *k = keys.const_data_ptr<int32_t>();
    for (int64_t i = 0; i + 1 < queries.size(0); ++i) {
      if (q[i + 1] == q[i]) continue;
      body([begin = q[i], end = q[i + 1]](const Tensor &x) { return x.slice(0, begin, end).transpose(0, 1); },
           [begin = k[i], end = k[i + 1]](const Tensor &x) { return x.slice(0, begin, end).transpose(0, 1); });
    }
  }

  static Tensor nothing(const Tensor &x) { return at::full_like(x, std::numeric_limits<double>::quiet_NaN()); }

  // q kᵀ · scale, −∞ where a query does not attend to a key: [heads, queries, keys].
  Tensor scores(const Tensor &q, const Tensor &k) const {
    const int64_t queries = q.size(1), keys = k.size(1);
    const Tensor sees = at::ones({queries, keys}, q.options().dtype(at::kBool)).tril(keys - queries);
    return q.matmul(k.transpose(1, 2)).mul(scale).masked_fill(sees.logical_not(), -kInfinity);
  }

  SequenceResult forward(const Sequences &sequences) const {
    Tensor out = nothing(query), log_sums = nothing(query.select(2, 0).t());
    const Tensor keys = repeated(key, query.size(1)), values = repeated(value, query.size(1));
    each(sequences, [&](auto of_queries, auto of_keys) {
      const Tensor scores = this->scores(of_queries(query), of_keys(keys)), log_sum = scores.logsumexp(2);
      of_queries(out).copy_(scores.sub(log_sum.unsqueeze(2)).exp().matmul(of_keys(values)));
      of_queries(log_sums.t()).copy_(log_sum);
    });
    return {out, log_sums, at::empty({0}, query.options()), at::empty({0}, query.options())};
  }

  SequenceGradients backward(const Tensor &out_gradient, const SequenceResult &result,
                             const Sequences &sequences) const {
    const Tensor keys = repeated(key, query.size(1)), values = repeated(value, query.size(1));
    Tensor of_query = nothing(query), of_key = nothing(keys), of_value = nothing(values);
    each(sequences, [&](auto of_queries, auto of_keys) {
      const Tensor q = of_queries(query), k = of_keys(keys), incoming = of_queries(out_gradient);
      const Tensor weights = scores(q, k).sub(of_queries(result.log_sums.t()).unsqueeze(2)).exp();
      // Σ p ∂L/∂p is the product of a query's output and that output's gradient.
      const Tensor means = incoming.mul(of_queries(result.out)).sum(2, /*keepdim=*/true);
      const Tensor change = incoming.matmul(of_keys(values).transpose(1, 2)).sub(means).mul(weights).mul(scale);
      of_queries(of_query).copy_(change.matmul(k));
      of_keys(of_key).copy_(change.transpose(1, 2).matmul(q));
      of_keys(of_value).copy_(weights.transpose(1, 2).matmul(incoming));
    });
    return {of_query, summed(of_key, key.size(1)), summed(of_value, key.size(1))};
  }
};

bool is_plain(const Tensor &x) { return !x.is_cuda() || x.scalar_type() == at::kDouble; }

} // namespace

SequenceResult attend_sequences(const Tensor &query, const Tensor &key, const Tensor &value, const Sequences &sequences,
                                double scale) {
  if (is_plain(query)) return Plain{query, key, value, scale}.forward(sequences);
  return has_flash(query) ? flash(query, key, value, sequences, scale) : efficient(query, key, value, sequences, scale);
}

SequenceGradients attend_sequences_backward(const Tensor &out_gradient, const Tensor &query, const Tensor &key,
                                            const Tensor &value, const SequenceResult &result,
                                            const Sequences &sequences, double scale) {
  if (is_plain(query)) return Plain{query, key, value, scale}.backward(out_gradient, result, sequences);
  return has_flash(query) ? flash_backward(out_gradient, query, key, value, result, sequences, scale)
                          : efficient_backward(out_gradient, query, key, value, result, sequences, scale);
}

} // namespace ckernels
