// Tensors: creation, properties, bytes, views.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// Frees the handle; the storage is freed with its last tensor.
void ctorch_tensor_free(ctorch_tensor tensor);

CTORCH_CHECKED ctorch_status ctorch_empty(const int64_t *shape, size_t rank, ctorch_dtype dtype, ctorch_device device,
                                          ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_full(const int64_t *shape, size_t rank, double value, ctorch_dtype dtype,
                                         ctorch_device device, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_arange(int64_t start, int64_t end, ctorch_dtype dtype, ctorch_device device,
                                           ctorch_tensor *out, char **error);
// A CPU tensor with a copy of `count` bytes, which must be the size of the shape.
CTORCH_CHECKED ctorch_status ctorch_from_bytes(const void *bytes, size_t count, const int64_t *shape, size_t rank,
                                               ctorch_dtype dtype, ctorch_tensor *out, char **error);
// A CPU tensor over memory of the caller; `release(context)` is called once, when the last tensor over it is freed, or
// before a failing call returns.
CTORCH_CHECKED ctorch_status ctorch_from_memory(void *bytes, const int64_t *shape, size_t rank, ctorch_dtype dtype,
                                                void *context, void (*release)(void *context), ctorch_tensor *out,
                                                char **error);

int64_t ctorch_dim(ctorch_tensor tensor);
// Writes `ctorch_dim` sizes.
void ctorch_sizes(ctorch_tensor tensor, int64_t *sizes);
void ctorch_strides(ctorch_tensor tensor, int64_t *strides);
int64_t ctorch_numel(ctorch_tensor tensor);
int ctorch_dtype_of(ctorch_tensor tensor); // c10::ScalarType, also of types that ctorch_dtype does not name
ctorch_device ctorch_device_of(ctorch_tensor tensor);
bool ctorch_is_contiguous(ctorch_tensor tensor);
// The first element's address, on the tensor's device.
CTORCH_CHECKED ctorch_status ctorch_data(ctorch_tensor tensor, void **out, char **error);
// The value of a tensor with one element.
CTORCH_CHECKED ctorch_status ctorch_item_double(ctorch_tensor tensor, double *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_item_int(ctorch_tensor tensor, int64_t *out, char **error);

CTORCH_CHECKED ctorch_status ctorch_contiguous(ctorch_tensor tensor, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_clone(ctorch_tensor tensor, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_to(ctorch_tensor tensor, ctorch_dtype dtype, ctorch_device device,
                                       bool non_blocking, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_reshape(ctorch_tensor tensor, const int64_t *shape, size_t rank, ctorch_tensor *out,
                                            char **error);
CTORCH_CHECKED ctorch_status ctorch_view(ctorch_tensor tensor, const int64_t *shape, size_t rank, ctorch_tensor *out,
                                         char **error);
CTORCH_CHECKED ctorch_status ctorch_expand(ctorch_tensor tensor, const int64_t *shape, size_t rank, ctorch_tensor *out,
                                           char **error);
CTORCH_CHECKED ctorch_status ctorch_transpose(ctorch_tensor tensor, int64_t first, int64_t second, ctorch_tensor *out,
                                              char **error);
CTORCH_CHECKED ctorch_status ctorch_permute(ctorch_tensor tensor, const int64_t *order, size_t rank, ctorch_tensor *out,
                                            char **error);
CTORCH_CHECKED ctorch_status ctorch_narrow(ctorch_tensor tensor, int64_t dim, int64_t start, int64_t length,
                                           ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_select(ctorch_tensor tensor, int64_t dim, int64_t index, ctorch_tensor *out,
                                           char **error);
CTORCH_CHECKED ctorch_status ctorch_unsqueeze(ctorch_tensor tensor, int64_t dim, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_squeeze(ctorch_tensor tensor, int64_t dim, ctorch_tensor *out, char **error);
// Writes `count` handles: consecutive parts of a dimension with these lengths.
CTORCH_CHECKED ctorch_status ctorch_split(ctorch_tensor tensor, const int64_t *lengths, size_t count, int64_t dim,
                                          ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_cat(const ctorch_tensor *tensors, size_t count, int64_t dim, ctorch_tensor *out,
                                        char **error);
CTORCH_CHECKED ctorch_status ctorch_stack(const ctorch_tensor *tensors, size_t count, int64_t dim, ctorch_tensor *out,
                                          char **error);

#ifdef __cplusplus
}
#endif
