#include "threads/threads.h"

#include "ckernels.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include <dlfcn.h>

// The thread sanitizer does not see what OpenMP's runtime keeps in order: that work begins after the fork, and that the fork
// returns after the work. It is told.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CKERNELS_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif
#endif
#ifndef CKERNELS_THREAD_SANITIZER
#define __tsan_acquire(address)
#define __tsan_release(address)
#endif

namespace {

// The function that code compiled with OpenMP calls. GNU's and LLVM's runtimes both have it; LibTorch has loaded one.
using ckernels::Fork;
using Number = int (*)();

struct Runtime {
  Fork fork = reinterpret_cast<Fork>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  Number thread = reinterpret_cast<Number>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
  Number team = reinterpret_cast<Number>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
  bool is_there() const { return fork && thread && team; }
};

struct Work {
  const Runtime &runtime;
  int64_t count;
  void (*body)(void *, int64_t);
  void *context;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr error{};

  void take_part() {
    __tsan_acquire(this);
    try {
      for (int64_t item = runtime.thread(); item < count; item += runtime.team()) body(context, item);
    } catch (...) {
      // An exception must not leave a thread of the team; the first one is rethrown by the caller.
      if (!failed.test_and_set()) error = std::current_exception();
    }
    __tsan_release(&failed);
  }
};

} // namespace

void ckernels::run_in_parallel(int64_t count, void (*body)(void *, int64_t), void *context) {
  static const Runtime runtime;
  if (count < 2 || at::get_num_threads() < 2 || at::in_parallel_region() || !runtime.is_there()) {
    for (int64_t item = 0; item < count; ++item) body(context, item);
    return;
  }
  Work work{runtime, count, body, context};
  __tsan_release(&work);
  // As many threads as LibTorch uses: GNU's runtime rebuilds its team for another number.
  runtime.fork([](void *work) { static_cast<Work *>(work)->take_part(); }, &work, 0, 0);
  __tsan_acquire(&work.failed);
  if (work.error) std::rethrow_exception(work.error);
}

int ckernels_thread_count(void) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  ckernels::parallel_items(at::get_num_threads(), [&](int64_t) {
    std::lock_guard<std::mutex> lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  return static_cast<int>(threads.size());
}
