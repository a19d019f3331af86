#include "ctorch_tensor.h"
#include "ctorch_handles.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <memory>

using namespace ctorch;

void ctorch_free_text(char *text) { ::free(text); }

void ctorch_tensor_free(ctorch_tensor tensor) { delete tensor; }

static at::TensorOptions options(ctorch_dtype dtype, ctorch_device device) {
  return at::TensorOptions().dtype(dtype_of(dtype)).device(device_of(device));
}

ctorch_status ctorch_empty(const int64_t *shape, size_t rank, ctorch_dtype dtype, ctorch_device device,
                           ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::empty(shape_of(shape, rank), options(dtype, device)); });
}

ctorch_status ctorch_full(const int64_t *shape, size_t rank, double value, ctorch_dtype dtype, ctorch_device device,
                          ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::full(shape_of(shape, rank), value, options(dtype, device)); });
}

ctorch_status ctorch_arange(int64_t start, int64_t end, ctorch_dtype dtype, ctorch_device device, ctorch_tensor *out,
                            char **error) {
  return produce(out, error, [&] { return at::arange(start, end, options(dtype, device)); });
}

ctorch_status ctorch_from_bytes(const void *bytes, size_t count, const int64_t *shape, size_t rank, ctorch_dtype dtype,
                                ctorch_tensor *out, char **error) {
  return produce(out, error, [&] {
    at::Tensor tensor = at::empty(shape_of(shape, rank), at::TensorOptions().dtype(dtype_of(dtype)));
    TORCH_CHECK(tensor.nbytes() == count, "shape ", tensor.sizes(), " takes ", tensor.nbytes(), " bytes, not ", count);
    if (count > 0) std::memcpy(tensor.data_ptr(), bytes, count);
    return tensor;
  });
}

ctorch_status ctorch_from_memory(void *bytes, const int64_t *shape, size_t rank, ctorch_dtype dtype, void *context,
                                 void (*release)(void *context), ctorch_tensor *out, char **error) {
  return produce(out, error, [&] {
    // Owned from here on: released with the storage, or when an exception leaves this block.
    std::shared_ptr<void> owner(context, release);
    return at::from_blob(bytes, shape_of(shape, rank), [owner](void *) {}, at::TensorOptions().dtype(dtype_of(dtype)));
  });
}

int64_t ctorch_dim(ctorch_tensor tensor) { return tensor->value.dim(); }

void ctorch_sizes(ctorch_tensor tensor, int64_t *sizes) {
  for (int64_t size : tensor->value.sizes()) *sizes++ = size;
}

void ctorch_strides(ctorch_tensor tensor, int64_t *strides) {
  for (int64_t stride : tensor->value.strides()) *strides++ = stride;
}

int64_t ctorch_numel(ctorch_tensor tensor) { return tensor->value.numel(); }

int ctorch_dtype_of(ctorch_tensor tensor) { return static_cast<int>(tensor->value.scalar_type()); }

ctorch_device ctorch_device_of(ctorch_tensor tensor) {
  c10::Device device = tensor->value.device();
  return {device.is_cuda() ? CTORCH_CUDA : CTORCH_CPU, device.index()};
}

bool ctorch_is_contiguous(ctorch_tensor tensor) { return tensor->value.is_contiguous(); }

ctorch_status ctorch_data(ctorch_tensor tensor, void **out, char **error) {
  return guarded(error, [&] { *out = tensor->value.data_ptr(); });
}

ctorch_status ctorch_item_double(ctorch_tensor tensor, double *out, char **error) {
  return guarded(error, [&] { *out = tensor->value.item().toDouble(); });
}

ctorch_status ctorch_item_int(ctorch_tensor tensor, int64_t *out, char **error) {
  return guarded(error, [&] { *out = tensor->value.item().toLong(); });
}

ctorch_status ctorch_contiguous(ctorch_tensor tensor, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.contiguous(); });
}

ctorch_status ctorch_clone(ctorch_tensor tensor, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.clone(); });
}

ctorch_status ctorch_to(ctorch_tensor tensor, ctorch_dtype dtype, ctorch_device device, bool non_blocking,
                        ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.to(device_of(device), dtype_of(dtype), non_blocking); });
}

ctorch_status ctorch_reshape(ctorch_tensor tensor, const int64_t *shape, size_t rank, ctorch_tensor *out,
                             char **error) {
  return produce(out, error, [&] { return tensor->value.reshape(shape_of(shape, rank)); });
}

ctorch_status ctorch_view(ctorch_tensor tensor, const int64_t *shape, size_t rank, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.view(shape_of(shape, rank)); });
}

ctorch_status ctorch_expand(ctorch_tensor tensor, const int64_t *shape, size_t rank, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.expand(shape_of(shape, rank)); });
}

ctorch_status ctorch_transpose(ctorch_tensor tensor, int64_t first, int64_t second, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.transpose(first, second); });
}

ctorch_status ctorch_permute(ctorch_tensor tensor, const int64_t *order, size_t rank, ctorch_tensor *out,
                             char **error) {
  return produce(out, error, [&] { return tensor->value.permute(shape_of(order, rank)); });
}

ctorch_status ctorch_narrow(ctorch_tensor tensor, int64_t dim, int64_t start, int64_t length, ctorch_tensor *out,
                            char **error) {
  return produce(out, error, [&] { return tensor->value.narrow(dim, start, length); });
}

ctorch_status ctorch_select(ctorch_tensor tensor, int64_t dim, int64_t index, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.select(dim, index); });
}

ctorch_status ctorch_unsqueeze(ctorch_tensor tensor, int64_t dim, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.unsqueeze(dim); });
}

ctorch_status ctorch_squeeze(ctorch_tensor tensor, int64_t dim, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.squeeze(dim); });
}

ctorch_status ctorch_split(ctorch_tensor tensor, const int64_t *lengths, size_t count, int64_t dim, ctorch_tensor *out,
                           char **error) {
  return guarded(error, [&] {
    for (at::Tensor &part : tensor->value.split_with_sizes(shape_of(lengths, count), dim)) {
      *out++ = handle(std::move(part));
    }
  });
}

ctorch_status ctorch_cat(const ctorch_tensor *tensors, size_t count, int64_t dim, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::cat(list_of(tensors, count), dim); });
}

ctorch_status ctorch_stack(const ctorch_tensor *tensors, size_t count, int64_t dim, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::stack(list_of(tensors, count), dim); });
}
