// Operators that reduce, order or index a dimension.
#include "ctorch_operators.h"
#include "ctorch_handles.h"

#include <ATen/ops/all.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/any.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>

using namespace ctorch;

ctorch_status ctorch_reduce_all(ctorch_reduction reduction, ctorch_tensor a, ctorch_tensor *out, char **error) {
  return produce(out, error, [&]() -> at::Tensor {
    const at::Tensor &x = a->value;
    switch (reduction) {
    case CTORCH_SUM: return at::sum(x);
    case CTORCH_MEAN: return at::mean(x);
    case CTORCH_AMAX: return at::amax(x);
    case CTORCH_AMIN: return at::amin(x);
    case CTORCH_ANY: return at::any(x);
    case CTORCH_ALL: return at::all(x);
    case CTORCH_ARGMAX: return at::argmax(x);
    case CTORCH_LOGSUMEXP: return at::logsumexp(x.flatten(), 0);
    }
    TORCH_CHECK(false, "no reduction has the number ", static_cast<int>(reduction));
  });
}

ctorch_status ctorch_reduce(ctorch_reduction reduction, ctorch_tensor a, int64_t dim, bool keep_dim, ctorch_tensor *out,
                            char **error) {
  return produce(out, error, [&]() -> at::Tensor {
    const at::Tensor &x = a->value;
    switch (reduction) {
    case CTORCH_SUM: return at::sum(x, dim, keep_dim);
    case CTORCH_MEAN: return at::mean(x, dim, keep_dim);
    case CTORCH_AMAX: return at::amax(x, dim, keep_dim);
    case CTORCH_AMIN: return at::amin(x, dim, keep_dim);
    case CTORCH_ANY: return at::any(x, dim, keep_dim);
    case CTORCH_ALL: return at::all(x, dim, keep_dim);
    case CTORCH_ARGMAX: return at::argmax(x, dim, keep_dim);
    case CTORCH_LOGSUMEXP: return at::logsumexp(x, dim, keep_dim);
    }
    TORCH_CHECK(false, "no reduction has the number ", static_cast<int>(reduction));
  });
}

ctorch_status ctorch_norm(ctorch_tensor a, ctorch_tensor *out, char **error) {
  // In double precision: LibTorch sums the squares of a long float32 tensor in float32 and loses the small ones.
  return produce(out, error, [&] {
    const at::Tensor &x = a->value;
    return at::linalg_vector_norm(x, 2, std::nullopt, /*keepdim=*/false, at::kDouble).to(x.scalar_type());
  });
}

ctorch_status ctorch_softmax(ctorch_tensor a, int64_t dim, bool logarithm, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return logarithm ? at::log_softmax(a->value, dim) : at::softmax(a->value, dim); });
}

ctorch_status ctorch_cumsum(ctorch_tensor a, int64_t dim, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::cumsum(a->value, dim); });
}

ctorch_status ctorch_sort(ctorch_tensor a, int64_t dim, bool descending, ctorch_tensor *values, ctorch_tensor *indices,
                          char **error) {
  return guarded(error, [&] {
    auto [sorted, order] = at::sort(a->value, dim, descending);
    *values = handle(std::move(sorted));
    *indices = handle(std::move(order));
  });
}

ctorch_status ctorch_topk(ctorch_tensor a, int64_t k, int64_t dim, ctorch_tensor *values, ctorch_tensor *indices,
                          char **error) {
  return guarded(error, [&] {
    auto [largest, places] = at::topk(a->value, k, dim);
    *values = handle(std::move(largest));
    *indices = handle(std::move(places));
  });
}

ctorch_status ctorch_index_select(ctorch_tensor a, int64_t dim, ctorch_tensor index, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::index_select(a->value, dim, index->value); });
}

ctorch_status ctorch_gather(ctorch_tensor a, int64_t dim, ctorch_tensor index, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::gather(a->value, dim, index->value); });
}

ctorch_status ctorch_index_add(ctorch_tensor a, int64_t dim, ctorch_tensor index, ctorch_tensor source,
                               ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::index_add(a->value, dim, index->value, source->value); });
}

ctorch_status ctorch_embedding(ctorch_tensor weight, ctorch_tensor index, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::embedding(weight->value, index->value); });
}
