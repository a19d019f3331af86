#include "ctorch_operators.h"
#include "ctorch_handles.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>

using namespace ctorch;

static std::optional<at::Tensor> optional(ctorch_tensor tensor) {
  return tensor ? std::optional<at::Tensor>(tensor->value) : std::nullopt;
}

ctorch_status ctorch_linear(ctorch_tensor input, ctorch_tensor weight, ctorch_tensor bias, ctorch_tensor *out,
                            char **error) {
  return produce(out, error, [&] { return at::linear(input->value, weight->value, optional(bias)); });
}

ctorch_status ctorch_rms_norm(ctorch_tensor input, ctorch_tensor weight, double epsilon, ctorch_tensor *out,
                              char **error) {
  return produce(out, error, [&] { return at::rms_norm(input->value, weight->value.sizes(), weight->value, epsilon); });
}

ctorch_status ctorch_attention(ctorch_tensor query, ctorch_tensor key, ctorch_tensor value, ctorch_tensor mask,
                               bool causal, double scale, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] {
    // Some of LibTorch's kernels refuse both, others combine them.
    TORCH_CHECK(!mask || !causal, "a mask and causal attention exclude each other");
    bool grouped = query->value.size(-3) != key->value.size(-3);
    return at::scaled_dot_product_attention(query->value, key->value, value->value, optional(mask),
                                            /*dropout_p=*/0.0, causal, scale, grouped);
  });
}
