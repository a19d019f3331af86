#include "ctorch_optimizer.h"
#include "internal.h"

#include <ATen/ops/_fused_adamw.h>

using namespace ctorch;

ctorch_status ctorch_adamw(const ctorch_tensor *parameters, const ctorch_tensor *gradients,
                           const ctorch_tensor *first_moments, const ctorch_tensor *second_moments,
                           const ctorch_tensor *steps, size_t count, double learning_rate, double beta1, double beta2,
                           double weight_decay, double epsilon, char **error) {
  return guarded(error, [&] {
    at::_fused_adamw_(list_of(parameters, count), list_of(gradients, count), list_of(first_moments, count),
                      list_of(second_moments, count), /*max_exp_avg_sqs=*/{}, list_of(steps, count), learning_rate,
                      beta1, beta2, weight_decay, epsilon, /*amsgrad=*/false, /*maximize=*/false);
  });
}
