#include "ctorch_optimizer.h"
#include "internal.h"

#include <ATen/ops/_fused_adamw.h>

using namespace ctorch;

ctorch_status ctorch_adamw(ctorch_tensor parameters, ctorch_tensor gradients, ctorch_tensor first_moments,
                           ctorch_tensor second_moments, ctorch_tensor step, double learning_rate, double beta1,
                           double beta2, double weight_decay, double epsilon, char **error) {
  return guarded(error, [&] {
    at::_fused_adamw_(parameters->value, gradients->value, first_moments->value, second_moments->value,
                      /*max_exp_avg_sqs=*/{}, step->value, learning_rate, beta1, beta2, weight_decay, epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  });
}
