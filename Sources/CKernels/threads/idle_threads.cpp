// How long waiting threads spin before they sleep.
//
// In GNU's OpenMP runtime, which PyTorch's packages contain, a waiting thread spins for some milliseconds. On a quiet
// machine that is best: the next operator begins before any thread sleeps. But if other programs use the cores, spinning
// threads take processor time from the thread that they wait for. The runtime reads its setting (GOMP_SPINCOUNT) only once,
// when it is loaded. It spins for only some microseconds while the process has more OpenMP threads than cores (libgomp's
// manual, GOMP_SPINCOUNT), and sleeping threads can bring that about at any time.
#include "ckernels.h"
#include "threads/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <dlfcn.h>

namespace {

// A team of threads that do nothing. They exist as long as the thread that created them.
class SleepingTeam {
public:
  // Returns whether the runtime counts its threads.
  bool gather() {
    const std::lock_guard<std::mutex> one_at_a_time(changes_);
    if (thread_.joinable()) return true;
    const auto fork = reinterpret_cast<ckernels::Fork>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    const auto cores = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_num_procs"));
    // LLVM's runtime has these functions too, but does not count.
    if (!fork || !cores || dlsym(RTLD_DEFAULT, "kmp_set_blocktime")) return false;
    // The thread that creates the team belongs to it, but the runtime does not count it.
    const int missing = std::max(1, cores() - at::get_num_threads() + 1);
    if (missing > 64) return false;
    ends_ = false;
    thread_ = std::thread([this, fork, missing] {
      fork([](void *) {}, nullptr, static_cast<unsigned>(missing + 1), 0);
      std::unique_lock<std::mutex> lock(mutex_);
      end_.wait(lock, [this] { return ends_; });
    });
    return true;
  }

  void dismiss() {
    const std::lock_guard<std::mutex> one_at_a_time(changes_);
    if (!thread_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ends_ = true;
    }
    end_.notify_all();
    thread_.join();
  }

private:
  std::mutex changes_, mutex_;
  std::condition_variable end_;
  std::thread thread_;
  bool ends_ = false;
};

// Never destroyed: its thread may outlive main.
SleepingTeam &sleeping_team() {
  static auto *const team = new SleepingTeam;
  return *team;
}

} // namespace

bool ckernels_sleep_soon(bool sleeps_soon) {
  try {
    if (sleeps_soon) return sleeping_team().gather();
    sleeping_team().dismiss();
    return true;
  } catch (...) {
    // The system refused another thread.
    return false;
  }
}
