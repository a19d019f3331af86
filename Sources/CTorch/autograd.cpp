#include "ctorch_autograd.h"
#include "ctorch_handles.h"

#include <c10/core/GradMode.h>

using namespace ctorch;

bool ctorch_grad_enabled(void) { return c10::GradMode::is_enabled(); }

void ctorch_set_grad_enabled(bool enabled) { c10::GradMode::set_enabled(enabled); }

bool ctorch_requires_grad(ctorch_tensor tensor) { return tensor->value.requires_grad(); }

ctorch_status ctorch_set_requires_grad(ctorch_tensor tensor, bool requires_grad, char **error) {
  return guarded(error, [&] { tensor->value.requires_grad_(requires_grad); });
}

ctorch_status ctorch_detach(ctorch_tensor tensor, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.detach(); });
}

ctorch_status ctorch_grad(ctorch_tensor tensor, ctorch_tensor *out, char **error) {
  return guarded(error, [&] {
    const at::Tensor &gradient = tensor->value.grad();
    *out = gradient.defined() ? handle(gradient) : nullptr;
  });
}

ctorch_status ctorch_set_grad(ctorch_tensor tensor, ctorch_tensor gradient, char **error) {
  return guarded(error, [&] {
    if (gradient) {
      const at::Tensor &x = tensor->value, &g = gradient->value;
      TORCH_CHECK(g.sizes() == x.sizes() && g.dtype() == x.dtype() && g.device() == x.device(), "a gradient ",
                  g.sizes(), " ", g.dtype(), " ", g.device(), " does not match a tensor ", x.sizes(), " ", x.dtype(),
                  " ", x.device());
    }
    tensor->value.mutable_grad() = gradient ? gradient->value : at::Tensor();
  });
}

ctorch_status ctorch_backward(ctorch_tensor tensor, ctorch_tensor gradient, char **error) {
  return guarded(error, [&] { tensor->value.backward(gradient ? gradient->value : at::Tensor()); });
}
