// How an exchange of gradients is timed, and how it follows a recorded backward pass.
#pragma once

#include "ctorch_distributed.h"
#include "ctorch_handles.h"

#include <array>
#include <chrono>
#include <vector>

#ifdef USE_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>
#endif

// When an exchange began and ended: by the host's clock or, on a GPU, whose work the host only queues, by CUDA events.
struct ctorch_exchange_s {
  enum Moment { began, computed, done, count };

  explicit ctorch_exchange_s(bool on_gpu) : on_gpu(on_gpu) {}

  // Now; on a GPU, after all work that is queued on the current stream.
  void take(Moment moment) {
#ifdef USE_CUDA
    if (on_gpu) return events[moment].record();
#endif
    times[moment] = Clock::now();
  }

  // On a GPU, waits for the later event.
  double seconds(Moment from, Moment to) {
#ifdef USE_CUDA
    if (on_gpu) {
      events[to].synchronize();
      return events[from].elapsed_time(events[to]) / 1000;
    }
#endif
    return std::chrono::duration<double>(times[to] - times[from]).count();
  }

private:
  using Clock = std::chrono::steady_clock;

  [[maybe_unused]] const bool on_gpu;
  std::array<Clock::time_point, count> times;
#ifdef USE_CUDA
  std::array<at::cuda::CUDAEvent, count> events{at::cuda::CUDAEvent(cudaEventDefault),
                                                at::cuda::CUDAEvent(cudaEventDefault),
                                                at::cuda::CUDAEvent(cudaEventDefault)};
#endif
};

namespace ctorch {

// The points of a backward pass, recorded in a CUDA graph, at which buckets are complete. Every replay records them
// again, and a stream outside the graph can wait for them: buckets are then sent while the graph still runs, although
// collective operations are not part of it. (NCCL requires all ranks to capture the same collectives, but the number and
// sizes of micro-batches differ between ranks.)
class BucketMarks {
public:
#ifdef USE_CUDA
  ~BucketMarks() {
    for (cudaEvent_t event : events) cudaEventDestroy(event);
  }

  // Marks the bucket if the current stream is being captured; otherwise, and on the CPU, does nothing.
  void record(const c10::Device &device, size_t bucket) {
    if (!device.is_cuda()) return;
    if (c10::cuda::currentStreamCaptureStatusMayInitCtx() == c10::cuda::CaptureStatus::None) return;
    while (events.size() <= bucket) {
      cudaEvent_t event = nullptr;
      C10_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
      events.push_back(event);
    }
    C10_CUDA_CHECK(
        cudaEventRecordWithFlags(events[bucket], c10::cuda::getCurrentCUDAStream(), cudaEventRecordExternal));
  }

  // Calls body(bucket) for all buckets on a separate stream, after the bucket's mark.
  template <typename Body> void follow(const c10::Device &device, size_t buckets, Body body) {
    if (!device.is_cuda()) return each(buckets, body);
    TORCH_CHECK(buckets <= events.size(), "a backward pass that was not recorded has no marks");
    if (!lane) lane = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index());
    const c10::cuda::CUDAStreamGuard guard(*lane);
    each(buckets, [&](size_t bucket) {
      C10_CUDA_CHECK(cudaStreamWaitEvent(*lane, events[bucket], 0));
      body(bucket);
    });
  }

private:
  std::vector<cudaEvent_t> events;
  std::optional<c10::cuda::CUDAStream> lane;
#else
  void record(const c10::Device &, size_t) {}
  template <typename Body> void follow(const c10::Device &, size_t buckets, Body body) { each(buckets, body); }

private:
#endif
  template <typename Body> static void each(size_t buckets, Body body) {
    for (size_t bucket = 0; bucket < buckets; ++bucket) body(bucket);
  }
};

} // namespace ctorch
