// Shared by the files about several processes.
#pragma once

#include "ctorch_distributed.h"
#include "ctorch_handles.h"

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

struct ctorch_store_s {
  c10::intrusive_ptr<c10d::Store> value;
};
struct ctorch_group_s {
  c10::intrusive_ptr<c10d::Backend> value;
};
struct ctorch_work_s {
  c10::intrusive_ptr<c10d::Work> value;
};

namespace ctorch {

// Like `guarded`, for calls that depend on other processes: an error that is not about the arguments is theirs.
template <typename Body> ctorch_status communicating(char **error, Body &&body) noexcept {
  return guarded(error, [&] {
    try {
      body();
    } catch (const c10::Error &) {
      throw;
    } catch (const std::bad_alloc &) {
      throw;
    } catch (const std::exception &failure) {
      C10_THROW_ERROR(DistBackendError, failure.what());
    }
  });
}

} // namespace ctorch
