// Fused optimizer steps.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// One step of AdamW (Loshchilov & Hutter, 2019) on each of `count` parameters, in place. `steps` are float32 scalars,
// already counting this step.
CTORCH_CHECKED ctorch_status ctorch_adamw(const ctorch_tensor *parameters, const ctorch_tensor *gradients,
                                          const ctorch_tensor *first_moments, const ctorch_tensor *second_moments,
                                          const ctorch_tensor *steps, size_t count, double learning_rate, double beta1,
                                          double beta2, double weight_decay, double epsilon, char **error);

#ifdef __cplusplus
}
#endif
