// What follows an optimizer step.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// Updates the loss scale: multiplied by `backoff` after a skipped step, by `growth` after `interval` steps without one. `scale` float32, `tracker` int32, `skipped` float32: scalars on one device.
CTORCH_CHECKED ctorch_status ctorch_update_loss_scale(ctorch_tensor scale, ctorch_tensor tracker, ctorch_tensor skipped,
                                                      double growth, double backoff, int64_t interval, char **error);

#ifdef __cplusplus
}
#endif
