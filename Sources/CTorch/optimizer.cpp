#include "ctorch_optimizer.h"
#include "internal.h"

#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/_fused_adamw.h>

using namespace ctorch;

ctorch_status ctorch_adamw(ctorch_tensor parameters, ctorch_tensor gradients, ctorch_tensor first_moments,
                           ctorch_tensor second_moments, ctorch_tensor step, ctorch_tensor learning_rate, double beta1,
                           double beta2, double weight_decay, double epsilon, ctorch_tensor divisor,
                           ctorch_tensor skips, char **error) {
  return guarded(error, [&] {
    auto given = [](ctorch_tensor tensor) { return tensor ? std::optional(tensor->value) : std::nullopt; };
    at::_fused_adamw_(parameters->value, gradients->value, first_moments->value, second_moments->value,
                      /*max_exp_avg_sqs=*/{}, step->value, learning_rate->value, beta1, beta2, weight_decay, epsilon,
                      /*amsgrad=*/false, /*maximize=*/false, given(divisor), given(skips));
  });
}

ctorch_status ctorch_update_loss_scale(ctorch_tensor scale, ctorch_tensor tracker, ctorch_tensor skipped,
                                       double growth, double backoff, int64_t interval, char **error) {
  return guarded(error, [&] {
    at::_amp_update_scale_(scale->value, tracker->value, skipped->value, growth, backoff, interval);
  });
}
