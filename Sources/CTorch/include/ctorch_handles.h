// Shared by the C++ files of this library: handles, dtypes, the exception guard at the boundary.
#pragma once

#include "ctorch_base.h"

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include <cstring>
#include <exception>
#include <limits>
#include <string>
#include <vector>

struct ctorch_tensor_s {
  at::Tensor value;
};
struct ctorch_generator_s {
  at::Generator value;
};

namespace ctorch {

inline char *text(const char *message) { return ::strdup(message); }

// The CPU allocator reports exhaustion as a plain c10::Error that only its text identifies. The same holds for a size that
// does not fit 64 bits, for memory that CUDA's libraries allocate, and for an error inside a block under gradient
// checkpointing.
inline bool names_exhausted_memory(const char *message) {
  for (const char *sign : {"not enough memory", "can't allocate memory", "Storage size calculation overflowed",
                           "CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED"}) {
    if (std::strstr(message, sign)) return true;
  }
  return false;
}

// The exceptions of the store and of Gloo have one type for timeouts and other failures; only the text differs.
inline bool names_timeout(const char *message) {
  for (const char *sign : {"timeout", "timed out", "Timed out"}) {
    if (std::strstr(message, sign)) return true;
  }
  return false;
}

// Runs `body` and turns an exception into a status and a text.
template <typename Body> ctorch_status guarded(char **error, Body &&body) noexcept {
  try {
    body();
    return CTORCH_OK;
  } catch (const c10::OutOfMemoryError &failure) {
    *error = text(failure.what_without_backtrace());
    return CTORCH_OUT_OF_MEMORY;
  } catch (const c10::DistError &failure) {
    const char *message = failure.what_without_backtrace();
    *error = text(message);
    return names_timeout(message) ? CTORCH_TIMEOUT : CTORCH_COMMUNICATION;
  } catch (const c10::Error &failure) {
    const char *message = failure.what_without_backtrace();
    *error = text(message);
    return names_exhausted_memory(message) ? CTORCH_OUT_OF_MEMORY : CTORCH_ERROR;
  } catch (const std::bad_alloc &) {
    *error = text("the system has no memory left");
    return CTORCH_OUT_OF_MEMORY;
  } catch (const std::exception &failure) {
    *error = text(failure.what());
    return CTORCH_ERROR;
  } catch (...) {
    *error = text("an exception of unknown type");
    return CTORCH_ERROR;
  }
}

inline ctorch_tensor handle(at::Tensor value) { return new ctorch_tensor_s{std::move(value)}; }

// The common case: `body` computes one tensor.
template <typename Body> ctorch_status produce(ctorch_tensor *out, char **error, Body &&body) noexcept {
  return guarded(error, [&] { *out = handle(body()); });
}

inline c10::IntArrayRef shape_of(const int64_t *shape, size_t rank) { return c10::IntArrayRef(shape, rank); }
inline c10::ScalarType dtype_of(ctorch_dtype dtype) { return static_cast<c10::ScalarType>(dtype); }
inline c10::Device device_of(ctorch_device device) {
  if (device.type == CTORCH_CPU) return c10::Device(c10::DeviceType::CPU);
  TORCH_CHECK(device.index >= -1 && device.index <= std::numeric_limits<c10::DeviceIndex>::max(),
              "there is no CUDA device ", device.index);
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(device.index));
}
inline std::vector<at::Tensor> list_of(const ctorch_tensor *tensors, size_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (size_t i = 0; i < count; ++i) list.push_back(tensors[i]->value);
  return list;
}

} // namespace ctorch
