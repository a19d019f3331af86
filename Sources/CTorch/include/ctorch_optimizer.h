// Fused optimizer steps.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// One step of AdamW (Loshchilov & Hutter, 2019) on a tensor of parameters and its moments, in place. `step` is a float32
// scalar that already counts this step; `learning_rate` a scalar (float64 on the CPU, float32 on a GPU). Where they are given,
// gradients are divided by `divisor` first, and nothing happens where `skips` is 1: float32 scalars, both on the device.
CTORCH_CHECKED ctorch_status ctorch_adamw(ctorch_tensor parameters, ctorch_tensor gradients,
                                          ctorch_tensor first_moments, ctorch_tensor second_moments,
                                          ctorch_tensor step, ctorch_tensor learning_rate, double beta1, double beta2,
                                          double weight_decay, double epsilon, ctorch_tensor divisor /* or NULL */,
                                          ctorch_tensor skips /* or NULL */, char **error);

// The scale of the next step's loss: smaller by `backoff` behind a step that was skipped, larger by `growth` behind `interval`
// steps that were not. `scale` float32, `tracker` int32, `skipped` float32: scalars on one device.
CTORCH_CHECKED ctorch_status ctorch_update_loss_scale(ctorch_tensor scale, ctorch_tensor tracker, ctorch_tensor skipped,
                                                      double growth, double backoff, int64_t interval, char **error);

#ifdef __cplusplus
}
#endif
