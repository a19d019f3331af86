// Refills tensors from the host.
#include "memory/refill.h"

#include "ckernels.h"
#include "ctorch_handles.h"

#include <cstring>

#ifdef USE_CUDA

#include <ATen/cuda/CUDAEvent.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/record_stream.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <map>
#include <mutex>

namespace {

// One for each device that receives data: a stream on an otherwise unused device would take memory there.
c10::cuda::CUDAStream copy_stream(c10::DeviceIndex device) {
  static std::mutex lock;
  static std::map<c10::DeviceIndex, c10::cuda::CUDAStream> streams;
  const std::lock_guard<std::mutex> guard(lock);
  const auto found = streams.find(device);
  if (found != streams.end()) return found->second;
  return streams.emplace(device, c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)).first->second;
}

// Work queued on the current stream may still read the tensor, so the numbers are first copied to separate memory by another
// stream. LibTorch's allocators do not reuse memory while a stream that they know of works on it: they know of the copy from
// pinned memory, and are told of the current stream's use.
void send_to_cuda(const at::Tensor &host, const at::Tensor &tensor) {
  const auto current = c10::cuda::getCurrentCUDAStream(tensor.device().index());
  const auto copies = copy_stream(tensor.device().index());
  at::Tensor arrived;
  at::cuda::CUDAEvent arrival;
  {
    const c10::cuda::CUDAStreamGuard guard(copies);
    arrived = at::empty_like(tensor);
    arrived.copy_(host, /*non_blocking=*/true);
    arrival.record(copies);
  }
  const c10::cuda::CUDAGuard guard(tensor.device());
  arrival.block(current);
  arrived.record_stream(current.unwrap());
  tensor.copy_(arrived, /*non_blocking=*/true);
}

} // namespace

void ckernels::send(const at::Tensor &host, const at::Tensor &tensor) {
  if (tensor.is_cuda()) return send_to_cuda(host, tensor);
  tensor.copy_(host);
}

#else

void ckernels::send(const at::Tensor &host, const at::Tensor &tensor) { tensor.copy_(host); }

#endif

ctorch_status ckernels_refill(ctorch_tensor tensor, const void *bytes, size_t count, char **error) {
  return ctorch::guarded(error, [&] {
    const at::Tensor &x = tensor->value;
    TORCH_CHECK(x.is_contiguous(), "a tensor that is not contiguous cannot be refilled from the host");
    TORCH_CHECK(x.nbytes() == count, "a tensor of shape ", x.sizes(), " takes ", x.nbytes(), " bytes, not ", count);
    TORCH_CHECK(!x.requires_grad(), "a tensor that requires gradients cannot be refilled from the host");
    if (count == 0) return;
    // A view as bytes needs at least one dimension.
    const at::Tensor flat = x.view({x.numel()}).view(at::kByte);
    ckernels::refill<uint8_t>(flat, [&](uint8_t *memory) { std::memcpy(memory, bytes, count); });
  });
}
