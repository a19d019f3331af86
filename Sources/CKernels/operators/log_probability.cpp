// log p(target) from hidden states, without a table of log-probabilities.
#include "cuda/host/kernels.h"
#include "operators/kernel.h"
#include "matmul/linear.h"
#include "simd/row_kernels.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/logsumexp.h>

using namespace ckernels;
using at::Tensor;

namespace {

// Few and large chunks: each matmul reads the whole weight.
constexpr int64_t kLogitsPerChunk = int64_t(1) << 22;

// Calls body(begin, end) for each chunk of rows.
template <typename Body> void each_chunk(int64_t rows, int64_t words, Body body) {
  const int64_t chunks = std::max<int64_t>(1, (rows * words + kLogitsPerChunk - 1) / kLogitsPerChunk);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) body(rows * chunk / chunks, rows * (chunk + 1) / chunks);
}

bool fits_device(const Tensor &logits) {
  return logits.is_cuda() && logits.scalar_type() == at::kFloat && cuda::available(logits.device());
}

// The numbers about each distribution by LibTorch's operators.
void distribution_statistics(const Tensor &logits, const Tensor &targets, const Tensor &log_sum, Tensor &statistics) {
  const Tensor log_p = logits.sub(log_sum.unsqueeze(1)), p = log_p.exp();
  // 0 · log 0 = 0
  statistics[0].copy_(p.mul(log_p.nan_to_num(0, 0, 0)).sum(1).neg());
  statistics[1].copy_(p.square().sum(1).log());
  statistics[2].copy_(logits.gather(1, targets.unsqueeze(1)).squeeze(1).eq(logits.amax(1)));
  statistics[3].copy_(logits.mean(1));
}

// From logits to log-probabilities of the targets and log Σ exp, and to numbers about the distributions where
// `statistics` is defined.
void log_probabilities(const Tensor &logits, const Tensor &targets, Tensor &out, Tensor &log_sum, Tensor &statistics) {
  if (fits_device(logits)) {
    Tensor packed = statistics.defined() ? at::empty(statistics.sizes(), out.options()) : Tensor();
    cuda::log_probability(logits, targets, out, log_sum, packed);
    if (packed.defined()) statistics.copy_(packed);
    return;
  }
  if (!is_native({logits})) {
    log_sum.copy_(at::logsumexp(logits, 1));
    out.copy_(logits.gather(1, targets.unsqueeze(1)).squeeze(1).sub(log_sum));
    if (statistics.defined()) distribution_statistics(logits, targets, log_sum, statistics);
    return;
  }
  const int64_t words = logits.size(1);
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "log_probability", [&] {
    const auto &kernels = row_kernels<scalar_t>();
    parallel_runs(logits.size(0), [&](int64_t, int64_t begin, int64_t end) {
      const scalar_t *rows = logits.const_data_ptr<scalar_t>() + begin * words;
      const int64_t *wanted = targets.const_data_ptr<int64_t>() + begin;
      scalar_t *to = out.data_ptr<scalar_t>() + begin, *sums = log_sum.data_ptr<scalar_t>() + begin;
      if (statistics.defined()) {
        kernels.log_probability_statistics(end - begin, words, rows, wanted, to, sums,
                                           statistics.data_ptr<scalar_t>() + begin, statistics.stride(0));
      } else {
        kernels.log_probability(end - begin, words, rows, wanted, to, sums);
      }
    });
  });
}

// The gradients of the logits, in their type; may overwrite the logits.
void log_probabilities_backward(const Tensor &logits, const Tensor &targets, const Tensor &log_sum,
                                const Tensor &gradients, Tensor &at_logits) {
  if (fits_device(logits)) return cuda::log_probability_backward(logits, targets, log_sum, gradients, at_logits);
  if (!is_native({logits})) {
    at_logits.copy_(logits.sub(log_sum.unsqueeze(1)).exp_().mul_(gradients.neg().unsqueeze(1)));
    at_logits.scatter_add_(1, targets.unsqueeze(1), gradients.unsqueeze(1));
    return;
  }
  const int64_t words = logits.size(1);
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "log_probability_backward", [&] {
    parallel_runs(logits.size(0), [&](int64_t, int64_t begin, int64_t end) {
      row_kernels<scalar_t>().log_probability_backward(
          end - begin, words, logits.const_data_ptr<scalar_t>() + begin * words,
          targets.const_data_ptr<int64_t>() + begin, log_sum.const_data_ptr<scalar_t>() + begin,
          gradients.const_data_ptr<scalar_t>() + begin, at_logits.data_ptr<scalar_t>() + begin * words);
    });
  });
}

struct LogProbability : torch::autograd::Function<LogProbability> {
  // `factor` is the operand of the matmuls: the weight or its 16-bit copy. Logits are float32 in both cases.
  // With `statistics`, the second result is [4, rows]; without, it has no elements.
  static variable_list forward(AutogradContext *context, const Tensor &hidden, const Tensor &weight,
                               const Tensor &factor, const Tensor &targets, bool keeps_logits, bool with_statistics) {
    const Tensor h = hidden.contiguous(), words_of = targets.contiguous();
    const int64_t rows = h.size(0), words = weight.size(0);
    const auto wide = weight.options();
    Tensor out = at::empty({rows}, wide), log_sum = at::empty({rows}, wide);
    Tensor kept = keeps_logits ? at::empty({rows, words}, wide) : Tensor();
    const Tensor statistics = at::empty({with_statistics ? 4 : 0, rows}, wide);
    each_chunk(rows, words, [&](int64_t first, int64_t last) {
      const Tensor states = h.narrow(0, first, last - first);
      Tensor logits, part = out.narrow(0, first, last - first), sums = log_sum.narrow(0, first, last - first);
      Tensor about = with_statistics ? statistics.narrow(1, first, last - first) : Tensor();
      if (keeps_logits && h.scalar_type() == weight.scalar_type()) {
        logits = kept.narrow(0, first, last - first);
        linear_product_into(logits, states, factor);
      } else {
        logits = wide_linear_product(states, factor);
        if (keeps_logits) kept.narrow(0, first, last - first).copy_(logits);
      }
      log_probabilities(logits, words_of.narrow(0, first, last - first), part, sums, about);
    });
    context->save_for_backward({h, weight, factor, words_of, log_sum, kept});
    context->mark_non_differentiable({statistics});
    return {out, statistics};
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &h = saved[0], &weight = saved[1], &factor = saved[2], &targets = saved[3], &log_sum = saved[4];
    const Tensor &kept = saved[5], incoming = gradients[0].contiguous();
    const int64_t rows = h.size(0), words = weight.size(0);
    const bool passes = context->needs_input_grad(0), learns = context->needs_input_grad(1);
    Tensor hidden_gradient = passes ? at::empty_like(h) : Tensor(), weight_gradient;
    Tensor sum = learns ? gradient_in_place(weight) : Tensor();
    if (learns && !sum.defined()) sum = weight_gradient = at::zeros_like(weight, at::MemoryFormat::Contiguous);
    each_chunk(rows, words, [&](int64_t first, int64_t last) {
      const int64_t count = last - first;
      const Tensor states = h.narrow(0, first, count);
      const Tensor logits = kept.defined() ? kept.narrow(0, first, count) : wide_linear_product(states, factor);
      // The CUDA kernel writes them in the compute dtype of the following matmuls.
      Tensor at_logits = fits_device(logits) ? at::empty(logits.sizes(), h.options())
                         : kept.defined()    ? at::empty_like(logits)
                                             : logits;
      log_probabilities_backward(logits, targets.narrow(0, first, count), log_sum.narrow(0, first, count),
                                 incoming.narrow(0, first, count), at_logits);
      at_logits = at_logits.to(h.scalar_type());
      if (passes) {
        Tensor part = hidden_gradient.narrow(0, first, count);
        if (part.scalar_type() == weight.scalar_type()) {
          linear_product_into(part, at_logits, factor.t());
        } else {
          part.copy_(linear_product(at_logits, factor.t()));
        }
      }
      // Gradients of improbable tokens are a million times smaller than those of others.
      if (learns) add_transposed_product_plainly(sum, at_logits, states);
    });
    return {hidden_gradient, weight_gradient, {}, {}, {}, {}};
  }
};

} // namespace

ctorch_status ckernels_log_probabilities(ctorch_tensor hidden, ctorch_tensor weight, ctorch_tensor copy,
                                         ctorch_tensor targets, bool keeps_logits, ctorch_tensor *statistics,
                                         ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &h = hidden->value, &w = weight->value, &t = targets->value, &factor = copy ? copy->value : w;
    TORCH_CHECK(h.dim() == 2 && w.dim() == 2 && h.size(1) == w.size(1), "hidden states ", h.sizes(),
                " do not fit a weight ", w.sizes());
    TORCH_CHECK(t.dim() == 1 && t.size(0) == h.size(0) && t.scalar_type() == at::kLong, "targets must be int64 [",
                h.size(0), "], not ", t.scalar_type(), " ", t.sizes());
    if (!copy && w.scalar_type() != at::kFloat && w.scalar_type() != at::kDouble) {
      // The weight itself is 16-bit.
      const Tensor scores = at::linear(h, w).to(at::kFloat), log_sum = at::logsumexp(scores, 1);
      if (statistics) {
        Tensor about = at::empty({4, scores.size(0)}, scores.options());
        distribution_statistics(scores.detach(), t, log_sum.detach(), about);
        *statistics = ctorch::handle(std::move(about));
      }
      return scores.gather(1, t.unsqueeze(1)).squeeze(1).sub(log_sum);
    }
    if (t.device().is_cpu()) {
      const int64_t *words = t.const_data_ptr<int64_t>();
      for (int64_t i = 0; i < t.size(0); ++i) {
        const int64_t word = words[i * t.stride(0)];
        TORCH_CHECK(word >= 0 && word < w.size(0), "target ", word, " is outside a vocabulary of ", w.size(0));
      }
    }
    variable_list results =
        LogProbability::apply(h.to(factor.scalar_type()), w, factor, t, keeps_logits, statistics != nullptr);
    if (statistics) *statistics = ctorch::handle(results[1].detach());
    return results[0];
  });
}
