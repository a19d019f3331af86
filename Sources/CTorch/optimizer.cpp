#include "ctorch_optimizer.h"
#include "ctorch_handles.h"

#include <ATen/ops/_amp_update_scale.h>

using namespace ctorch;

ctorch_status ctorch_update_loss_scale(ctorch_tensor scale, ctorch_tensor tracker, ctorch_tensor skipped, double growth,
                                       double backoff, int64_t interval, char **error) {
  return guarded(
      error, [&] { at::_amp_update_scale_(scale->value, tracker->value, skipped->value, growth, backoff, interval); });
}
