// Fused optimizer steps.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// One step of AdamW (Loshchilov & Hutter, 2019) on a tensor of parameters and its moments, in place. `step` is a
// float32 scalar that already counts this step.
CTORCH_CHECKED ctorch_status ctorch_adamw(ctorch_tensor parameters, ctorch_tensor gradients,
                                          ctorch_tensor first_moments, ctorch_tensor second_moments,
                                          ctorch_tensor step, double learning_rate, double beta1, double beta2,
                                          double weight_decay, double epsilon, char **error);

#ifdef __cplusplus
}
#endif
