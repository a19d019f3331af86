// What follows a step of the optimizer.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// The scale of the next step's loss: smaller by `backoff` behind a step that was skipped, larger by `growth` behind `interval`
// steps that were not. `scale` float32, `tracker` int32, `skipped` float32: scalars on one device.
CTORCH_CHECKED ctorch_status ctorch_update_loss_scale(ctorch_tensor scale, ctorch_tensor tracker, ctorch_tensor skipped,
                                                      double growth, double backoff, int64_t interval, char **error);

#ifdef __cplusplus
}
#endif
