#include "ctorch_cuda.h"
#include "ctorch_handles.h"

#include <ATen/Context.h>

#include <cstdio>
#include <cstdlib>

using namespace ctorch;

bool ctorch_cuda_is_built(void) {
#ifdef USE_CUDA
  return true;
#else
  return false;
#endif
}

void ctorch_cuda_prepare_allocator(void) {
  for (const char *name : {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}) {
    if (getenv(name)) return;
  }
  setenv("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True", /*overwrite=*/0);
}

void ctorch_cuda_allow_tf32(void) {
  try {
    at::globalContext().setFloat32MatmulPrecision("high");
  } catch (...) {
    // Matmuls are then only more precise than necessary.
  }
}

void ctorch_cuda_sum_in_float32(void) {
  try {
    at::globalContext().setAllowFP16ReductionCuBLAS(false);
    at::globalContext().setAllowBF16ReductionCuBLAS(false);
  } catch (...) {
    // Sums are then LibTorch's default.
  }
}

#ifdef USE_CUDA

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/cuda/PeerToPeerAccess.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include <mutex>

namespace Allocator = c10::cuda::CUDACachingAllocator;

struct ctorch_stream_s {
  c10::cuda::CUDAStream value;
};
struct ctorch_event_s {
  at::cuda::CUDAEvent value{cudaEventDefault}; // with timing
};
struct ctorch_pool_s {
  c10::DeviceIndex device;
  c10::MempoolId_t id;
};
struct ctorch_graph_s {
  at::cuda::CUDAGraph value{/*keep_graph=*/true};
  c10::MempoolId_t pool{0, 0};
  int uses = 0; // of the pool by graphs and passes
};

namespace {

c10::DeviceIndex index_of(int32_t device) {
  TORCH_CHECK(device >= 0 && device < c10::cuda::device_count(), "there is no CUDA device ", device, " among ",
              static_cast<int>(c10::cuda::device_count()));
  return static_cast<c10::DeviceIndex>(device);
}

} // namespace

int ctorch_cuda_version(void) { return CUDART_VERSION; }

ctorch_status ctorch_cuda_get_properties(int32_t device, ctorch_cuda_properties *out, char **error) {
  return guarded(error, [&] {
    const cudaDeviceProp &found = *at::cuda::getDeviceProperties(index_of(device));
    *out = {};
    std::snprintf(out->name, sizeof(out->name), "%s", found.name);
    std::snprintf(out->bus_id, sizeof(out->bus_id), "%04x:%02x:%02x.0", found.pciDomainID, found.pciBusID,
                  found.pciDeviceID);
    out->major = found.major;
    out->minor = found.minor;
    out->multiprocessors = found.multiProcessorCount;
    out->memory_bytes = static_cast<int64_t>(found.totalGlobalMem);
  });
}

ctorch_status ctorch_cuda_synchronize(char **error) {
  return guarded(error, [&] { c10::cuda::device_synchronize(); });
}

ctorch_status ctorch_cuda_get_memory(int32_t device, ctorch_cuda_memory *out, char **error) {
  return guarded(error, [&] {
    at::globalContext().lazyInitDevice(at::kCUDA);
    const auto index = index_of(device);
    constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    const auto stats = Allocator::getDeviceStats(index);
    const auto [free, total] = Allocator::get()->getMemoryInfo(index);
    *out = {stats.allocated_bytes[all].current, stats.allocated_bytes[all].peak, stats.reserved_bytes[all].current,
            static_cast<int64_t>(free), static_cast<int64_t>(total)};
  });
}

ctorch_status ctorch_cuda_release_memory(char **error) {
  return guarded(error, [&] { Allocator::emptyCache(); });
}

ctorch_status ctorch_pinned(ctorch_tensor tensor, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return tensor->value.pin_memory(); });
}

ctorch_status ctorch_stream_new(int32_t device, ctorch_stream *out, char **error) {
  return guarded(error, [&] {
    *out = new ctorch_stream_s{c10::cuda::getStreamFromPool(/*isHighPriority=*/false, index_of(device))};
  });
}

ctorch_status ctorch_stream_use(ctorch_stream stream, char **error) {
  return guarded(error, [&] {
    const auto wanted = stream ? stream->value : c10::cuda::getDefaultCUDAStream();
    c10::cuda::set_device(wanted.device_index());
    c10::cuda::setCurrentCUDAStream(wanted);
  });
}

ctorch_status ctorch_stream_synchronize(ctorch_stream stream, char **error) {
  return guarded(error, [&] { stream->value.synchronize(); });
}

void ctorch_stream_free(ctorch_stream stream) { delete stream; }

ctorch_status ctorch_event_record(ctorch_event *out, char **error) {
  return guarded(error, [&] {
    auto event = std::make_unique<ctorch_event_s>();
    event->value.record();
    *out = event.release();
  });
}

ctorch_status ctorch_event_synchronize(ctorch_event event, char **error) {
  return guarded(error, [&] { event->value.synchronize(); });
}

ctorch_status ctorch_event_block(ctorch_event event, char **error) {
  return guarded(error, [&] { event->value.block(c10::cuda::getCurrentCUDAStream()); });
}

ctorch_status ctorch_event_milliseconds(ctorch_event start, ctorch_event end, double *out, char **error) {
  return guarded(error, [&] { *out = start->value.elapsed_time(end->value); });
}

void ctorch_event_free(ctorch_event event) { delete event; }

// LibTorch frees a pool when it has been released as often as it was begun.
ctorch_status ctorch_pool_new(int32_t device, ctorch_pool *out, char **error) {
  return guarded(error, [&] {
    at::globalContext().lazyInitDevice(at::kCUDA);
    auto pool = std::make_unique<ctorch_pool_s>(ctorch_pool_s{index_of(device), at::cuda::graph_pool_handle()});
    Allocator::beginAllocateToPool(pool->device, pool->id, [](cudaStream_t) { return false; });
    Allocator::endAllocateToPool(pool->device, pool->id);
    *out = pool.release();
  });
}

ctorch_status ctorch_pool_begin(ctorch_pool pool, char **error) {
  return guarded(error, [&] {
    const cudaStream_t own = c10::cuda::getCurrentCUDAStream(pool->device);
    Allocator::beginAllocateToPool(pool->device, pool->id, [own](cudaStream_t stream) { return stream == own; });
  });
}

ctorch_status ctorch_pool_end(ctorch_pool pool, char **error) {
  return guarded(error, [&] {
    Allocator::endAllocateToPool(pool->device, pool->id);
    Allocator::releasePool(pool->device, pool->id);
  });
}

void ctorch_pool_free(ctorch_pool pool) {
  try {
    Allocator::releasePool(pool->device, pool->id);
  } catch (...) {
    // The memory can no longer be used, and a destructor has no caller to report to.
  }
  delete pool;
}

ctorch_status ctorch_graph_new(ctorch_pool pool, ctorch_graph *out, char **error) {
  return guarded(error, [&] {
    auto graph = std::make_unique<ctorch_graph_s>();
    graph->pool = pool ? pool->id : at::cuda::graph_pool_handle();
    *out = graph.release();
  });
}

// LibTorch registers graphs with the device's random generator without a lock.
static std::mutex &graphs_turn() {
  static std::mutex turn;
  return turn;
}

static int uses_of(c10::MempoolId_t pool) {
  try {
    return Allocator::get()->getPoolUseCount(c10::cuda::current_device(), pool);
  } catch (...) {
    return 0; // The pool has not been used yet.
  }
}

// When a capture fails, LibTorch does not clean up: its allocator still keeps memory for the graph, and the CUDA runtime
// returns the error to the next caller.
static void abandon(ctorch_graph graph) {
  const auto quietly = [](auto body) {
    try {
      body();
    } catch (...) {
      // The capture had begun to allocate.
    }
  };
  const auto device = c10::cuda::current_device();
  quietly([&] { graph->value.reset(); });
  quietly([&] { Allocator::endAllocateToPool(device, graph->pool); });
  if (uses_of(graph->pool) > graph->uses) {
    while (uses_of(graph->pool) > graph->uses) Allocator::releasePool(device, graph->pool);
    auto *host = at::getHostAllocator(at::kCUDA);
    quietly([&] { host->end_allocate_to_pool(graph->pool); });
    quietly([&] { host->release_pool(graph->pool); });
  }
  (void)cudaGetLastError();
}

ctorch_status ctorch_graph_begin(ctorch_graph graph, char **error) {
  return guarded(error, [&] {
    const std::lock_guard turn(graphs_turn());
    graph->uses = uses_of(graph->pool);
    try {
      // Other threads, such as NCCL's watchdog, may query events during the capture.
      graph->value.capture_begin(graph->pool, cudaStreamCaptureModeThreadLocal);
    } catch (...) {
      abandon(graph);
      throw;
    }
  });
}

ctorch_status ctorch_graph_end(ctorch_graph graph, char **error) {
  return guarded(error, [&] {
    const std::lock_guard turn(graphs_turn());
    try {
      graph->value.capture_end();
    } catch (...) {
      abandon(graph);
      throw;
    }
    graph->value.instantiate();
  });
}

ctorch_status ctorch_graph_replay(ctorch_graph graph, char **error) {
  return guarded(error, [&] { graph->value.replay(); });
}

ctorch_status ctorch_graph_node_count(ctorch_graph graph, size_t *out, char **error) {
  return guarded(error, [&] {
    *out = 0;
    C10_CUDA_CHECK(cudaGraphGetNodes(graph->value.raw_cuda_graph(), nullptr, out));
  });
}

void ctorch_graph_free(ctorch_graph graph) {
  const std::lock_guard turn(graphs_turn());
  delete graph;
}

#else

namespace {

ctorch_status without_cuda(char **error) {
  *error = text("this build of the program has no CUDA: it was built with a CPU-only LibTorch");
  return CTORCH_ERROR;
}

} // namespace

int ctorch_cuda_version(void) { return 0; }
ctorch_status ctorch_cuda_get_properties(int32_t, ctorch_cuda_properties *, char **error) {
  return without_cuda(error);
}
ctorch_status ctorch_cuda_synchronize(char **error) { return without_cuda(error); }
ctorch_status ctorch_cuda_get_memory(int32_t, ctorch_cuda_memory *, char **error) { return without_cuda(error); }
ctorch_status ctorch_cuda_release_memory(char **error) { return without_cuda(error); }
ctorch_status ctorch_pinned(ctorch_tensor, ctorch_tensor *, char **error) { return without_cuda(error); }
ctorch_status ctorch_stream_new(int32_t, ctorch_stream *, char **error) { return without_cuda(error); }
ctorch_status ctorch_stream_use(ctorch_stream, char **error) { return without_cuda(error); }
ctorch_status ctorch_stream_synchronize(ctorch_stream, char **error) { return without_cuda(error); }
void ctorch_stream_free(ctorch_stream) {}
ctorch_status ctorch_event_record(ctorch_event *, char **error) { return without_cuda(error); }
ctorch_status ctorch_event_synchronize(ctorch_event, char **error) { return without_cuda(error); }
ctorch_status ctorch_event_block(ctorch_event, char **error) { return without_cuda(error); }
ctorch_status ctorch_event_milliseconds(ctorch_event, ctorch_event, double *, char **error) {
  return without_cuda(error);
}
void ctorch_event_free(ctorch_event) {}
ctorch_status ctorch_pool_new(int32_t, ctorch_pool *, char **error) { return without_cuda(error); }
ctorch_status ctorch_pool_begin(ctorch_pool, char **error) { return without_cuda(error); }
ctorch_status ctorch_pool_end(ctorch_pool, char **error) { return without_cuda(error); }
void ctorch_pool_free(ctorch_pool) {}
ctorch_status ctorch_graph_new(ctorch_pool, ctorch_graph *, char **error) { return without_cuda(error); }
ctorch_status ctorch_graph_begin(ctorch_graph, char **error) { return without_cuda(error); }
ctorch_status ctorch_graph_end(ctorch_graph, char **error) { return without_cuda(error); }
ctorch_status ctorch_graph_replay(ctorch_graph, char **error) { return without_cuda(error); }
ctorch_status ctorch_graph_node_count(ctorch_graph, size_t *, char **error) { return without_cuda(error); }
void ctorch_graph_free(ctorch_graph) {}

#endif
