// One step of AdamW on a flat buffer: by this library's kernel where it runs, otherwise by LibTorch's.
#include "ckernels.h"
#include "cuda/host/kernels.h"
#include "ctorch_handles.h"

#include <ATen/ops/_fused_adamw.h>
#include <c10/core/GradMode.h>

using namespace ckernels;
using at::Tensor;

ctorch_status ckernels_adamw(ctorch_tensor parameters, ctorch_tensor gradients, ctorch_tensor first_moments,
                             ctorch_tensor second_moments, ctorch_tensor copy, ctorch_tensor learning_rate,
                             ctorch_tensor step, ctorch_tensor divisor, ctorch_tensor skips,
                             ckernels_adamw_constants constants, char **error) {
  return ctorch::guarded(error, [&] {
    const c10::NoGradGuard no_gradients;
    const Tensor &p = parameters->value, &g = gradients->value, &m = first_moments->value, &v = second_moments->value;
    const Tensor low = copy ? copy->value : Tensor(), &rate = learning_rate->value, &steps = step->value;
    const Tensor by = divisor ? divisor->value : Tensor(), skip = skips ? skips->value : Tensor();
    if (cuda::available(p.device())) {
      cuda::advance_step(steps, skip);
      cuda::adamw(p, g, m, v, low, rate, steps, by, skip,
                  {constants.beta1, constants.beta2, constants.epsilon, constants.weight_decay});
      return;
    }
    const auto given = [](const Tensor &tensor) { return tensor.defined() ? std::optional(tensor) : std::nullopt; };
    steps.add_(1);
    at::_fused_adamw_(p, g, m, v, /*max_exp_avg_sqs=*/{}, steps, rate, constants.beta1, constants.beta2,
                      constants.weight_decay, constants.epsilon, /*amsgrad=*/false, /*maximize=*/false, given(by),
                      given(skip));
    if (skip.defined()) steps.sub_(skip);
    if (low.defined()) low.copy_(p);
  });
}
