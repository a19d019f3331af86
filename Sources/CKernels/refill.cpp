// Tensors filled from the host.
#include "refill.h"

#include "ckernels.h"
#include "internal.h"

#include <cstring>

ctorch_status ckernels_refill(ctorch_tensor tensor, const void *bytes, size_t count, char **error) {
  return ctorch::guarded(error, [&] {
    const at::Tensor &x = tensor->value;
    TORCH_CHECK(x.is_contiguous(), "a tensor with gaps is not filled from the host");
    TORCH_CHECK(x.nbytes() == count, "a tensor of shape ", x.sizes(), " takes ", x.nbytes(), " bytes, not ", count);
    TORCH_CHECK(!x.requires_grad(), "a tensor that gradients are asked for is not filled from the host");
    if (count == 0) return;
    ckernels::refill<uint8_t>(x.view(at::kByte), [&](uint8_t *memory) { std::memcpy(memory, bytes, count); });
  });
}
