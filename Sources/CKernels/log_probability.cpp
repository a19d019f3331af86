// log p(target) from hidden states, without a table of log-probabilities.
#include "kernel.h"
#include "row_kernels.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>

using namespace ckernels;
using at::Tensor;

namespace {

// Few and large: a product of few rows reads the whole weight for little.
constexpr int64_t kLogitsPerChunk = int64_t(1) << 22;

// Calls body(begin, end) for each chunk of rows.
template <typename Body> void each_chunk(int64_t rows, int64_t words, Body body) {
  const int64_t chunks = std::max<int64_t>(1, (rows * words + kLogitsPerChunk - 1) / kLogitsPerChunk);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) body(rows * chunk / chunks, rows * (chunk + 1) / chunks);
}

struct LogProbability : torch::autograd::Function<LogProbability> {
  static Tensor forward(AutogradContext *context, const Tensor &hidden, const Tensor &weight, const Tensor &targets,
                        bool keeps_logits) {
    const Tensor h = hidden.contiguous(), words_of = targets.contiguous();
    const int64_t rows = h.size(0), words = weight.size(0);
    Tensor out = at::empty({rows}, h.options()), log_sum = at::empty({rows}, h.options());
    Tensor kept = keeps_logits ? at::empty({rows, words}, h.options()) : Tensor();
    each_chunk(rows, words, [&](int64_t first, int64_t last) {
      Tensor logits = keeps_logits ? kept.narrow(0, first, last - first) : at::empty({last - first, words}, h.options());
      at::mm_out(logits, h.narrow(0, first, last - first), weight.t());
      AT_DISPATCH_FLOATING_TYPES(h.scalar_type(), "log_probability", [&] {
        parallel_runs(last - first, [&](int64_t, int64_t begin, int64_t end) {
          row_kernels<scalar_t>().log_probability(
              end - begin, words, logits.const_data_ptr<scalar_t>() + begin * words,
              words_of.const_data_ptr<int64_t>() + first + begin, out.data_ptr<scalar_t>() + first + begin,
              log_sum.data_ptr<scalar_t>() + first + begin);
        });
      });
    });
    context->save_for_backward({h, weight, words_of, log_sum, kept});
    return out;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &h = saved[0], &weight = saved[1], &targets = saved[2], &log_sum = saved[3], &kept = saved[4];
    const Tensor incoming = gradients[0].contiguous();
    const int64_t rows = h.size(0), words = weight.size(0);
    const bool passes = context->needs_input_grad(0), learns = context->needs_input_grad(1);
    Tensor hidden_gradient = passes ? at::empty_like(h) : Tensor(), weight_gradient;
    Tensor sum = learns ? gradient_in_place(weight) : Tensor();
    if (learns && !sum.defined()) sum = weight_gradient = at::zeros_like(weight, at::MemoryFormat::Contiguous);
    each_chunk(rows, words, [&](int64_t first, int64_t last) {
      const int64_t count = last - first;
      const Tensor states = h.narrow(0, first, count);
      Tensor at_logits = at::empty({count, words}, h.options());
      if (!kept.defined()) at::mm_out(at_logits, states, weight.t());
      const Tensor logits = kept.defined() ? kept.narrow(0, first, count) : at_logits;
      AT_DISPATCH_FLOATING_TYPES(h.scalar_type(), "log_probability_backward", [&] {
        parallel_runs(count, [&](int64_t, int64_t begin, int64_t end) {
          row_kernels<scalar_t>().log_probability_backward(
              end - begin, words, logits.const_data_ptr<scalar_t>() + begin * words,
              targets.const_data_ptr<int64_t>() + first + begin, log_sum.const_data_ptr<scalar_t>() + first + begin,
              incoming.const_data_ptr<scalar_t>() + first + begin, at_logits.data_ptr<scalar_t>() + begin * words);
        });
      });
      if (passes) {
        Tensor part = hidden_gradient.narrow(0, first, count);
        at::mm_out(part, at_logits, weight);
      }
      if (learns) sum.addmm_(at_logits.t(), states);
    });
    return {hidden_gradient, weight_gradient, {}, {}};
  }
};

} // namespace

ctorch_status ckernels_log_probabilities(ctorch_tensor hidden, ctorch_tensor weight, ctorch_tensor targets,
                                         bool keeps_logits, ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &h = hidden->value, &w = weight->value, &t = targets->value;
    TORCH_CHECK(h.dim() == 2 && w.dim() == 2 && h.size(1) == w.size(1), "hidden states ", h.sizes(),
                " do not fit a weight ", w.sizes());
    TORCH_CHECK(t.dim() == 1 && t.size(0) == h.size(0) && t.scalar_type() == at::kLong, "targets must be int64 [",
                h.size(0), "], not ", t.scalar_type(), " ", t.sizes());
    if (!is_native({h, w})) {
      Tensor scores = at::linear(h, w).to(at::kFloat);
      return scores.gather(1, t.unsqueeze(1)).squeeze(1).sub(at::logsumexp(scores, 1));
    }
    const int64_t *words = t.const_data_ptr<int64_t>();
    for (int64_t i = 0; i < t.size(0); ++i) {
      const int64_t word = words[i * t.stride(0)];
      TORCH_CHECK(word >= 0 && word < w.size(0), "target ", word, " is outside a vocabulary of ", w.size(0));
    }
    return LogProbability::apply(h, w, t, keeps_logits);
  });
}
