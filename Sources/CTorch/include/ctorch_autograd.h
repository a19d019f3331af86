// Automatic differentiation. Gradient mode is a property of the calling thread.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

bool ctorch_grad_enabled(void);
void ctorch_set_grad_enabled(bool enabled);

bool ctorch_requires_grad(ctorch_tensor tensor);
CTORCH_CHECKED ctorch_status ctorch_set_requires_grad(ctorch_tensor tensor, bool requires_grad, char **error);
CTORCH_CHECKED ctorch_status ctorch_detach(ctorch_tensor tensor, ctorch_tensor *out, char **error);
// *out is NULL if the tensor has no gradient.
CTORCH_CHECKED ctorch_status ctorch_grad(ctorch_tensor tensor, ctorch_tensor *out, char **error);
// `gradient` NULL removes the gradient.
CTORCH_CHECKED ctorch_status ctorch_set_grad(ctorch_tensor tensor, ctorch_tensor gradient, char **error);
// `gradient` NULL means 1; the tensor must then have one element.
CTORCH_CHECKED ctorch_status ctorch_backward(ctorch_tensor tensor, ctorch_tensor gradient, char **error);

#ifdef __cplusplus
}
#endif
