// NVIDIA GPUs: devices and their memory, streams, events, graphs. In a build without CUDA all functions fail with an error that says so.
//
// Work on a device is queued on the calling thread's current stream and runs later; reading its results on the host waits
// for it.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// Whether this library was compiled with CUDA.
bool ctorch_cuda_is_built(void);
// The version of CUDA it was compiled with, as 13000; 0 without.
int ctorch_cuda_version(void);

// To be called before the first use of a device: memory segments can then grow, so that micro-batches of changing sizes do
// not fragment memory. Settings of the allocator in the environment take precedence.
void ctorch_cuda_prepare_allocator(void);

// Allows float32 matmuls to round their factors to TF32.
void ctorch_cuda_allow_tf32(void);
// Partial sums of 16-bit matmuls are then added in float32.
void ctorch_cuda_sum_in_float32(void);

typedef struct ctorch_cuda_properties {
  char name[128];
  char bus_id[32];      // as "0000:3b:00.0"
  int32_t major, minor; // of the compute capability
  int32_t multiprocessors;
  int64_t memory_bytes;
} ctorch_cuda_properties;

CTORCH_CHECKED ctorch_status ctorch_cuda_get_properties(int32_t device, ctorch_cuda_properties *out, char **error);
// Waits for all work on the current device.
CTORCH_CHECKED ctorch_status ctorch_cuda_synchronize(char **error);

typedef struct ctorch_cuda_memory {
  int64_t allocated; // bytes in tensors
  int64_t peak;      // the largest value of `allocated` so far
  int64_t reserved;  // bytes that this process has taken from the device, in tensors or cached
  int64_t free;      // bytes of the device that no process has taken
  int64_t total;
} ctorch_cuda_memory;

CTORCH_CHECKED ctorch_status ctorch_cuda_get_memory(int32_t device, ctorch_cuda_memory *out, char **error);
// Returns cached memory to the device.
CTORCH_CHECKED ctorch_status ctorch_cuda_release_memory(char **error);
// A copy in pinned host memory, which the device can read while the host goes on.
CTORCH_CHECKED ctorch_status ctorch_pinned(ctorch_tensor tensor, ctorch_tensor *out, char **error);

// MARK: Streams and events

typedef struct ctorch_stream_s *ctorch_stream;

CTORCH_CHECKED ctorch_status ctorch_stream_new(int32_t device, ctorch_stream *out, char **error);
// Makes this the calling thread's current stream, and its device the current device. `stream` NULL: the default one.
CTORCH_CHECKED ctorch_status ctorch_stream_use(ctorch_stream stream, char **error);
CTORCH_CHECKED ctorch_status ctorch_stream_synchronize(ctorch_stream stream, char **error);
void ctorch_stream_free(ctorch_stream stream);

typedef struct ctorch_event_s *ctorch_event;

// An event after all work that is queued on the current stream.
CTORCH_CHECKED ctorch_status ctorch_event_record(ctorch_event *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_event_synchronize(ctorch_event event, char **error);
// Work that is queued on the current stream from now on waits for the event.
CTORCH_CHECKED ctorch_status ctorch_event_block(ctorch_event event, char **error);
CTORCH_CHECKED ctorch_status ctorch_event_milliseconds(ctorch_event start, ctorch_event end, double *out, char **error);
void ctorch_event_free(ctorch_event event);

// MARK: Graphs

// Memory for intermediate results of graphs and other work that run one after another on one stream.
typedef struct ctorch_pool_s *ctorch_pool;

CTORCH_CHECKED ctorch_status ctorch_pool_new(int32_t device, ctorch_pool *out, char **error);
// Between the two calls, allocations for the current stream come from the pool.
CTORCH_CHECKED ctorch_status ctorch_pool_begin(ctorch_pool pool, char **error);
CTORCH_CHECKED ctorch_status ctorch_pool_end(ctorch_pool pool, char **error);
void ctorch_pool_free(ctorch_pool pool);

typedef struct ctorch_graph_s *ctorch_graph;

CTORCH_CHECKED ctorch_status ctorch_graph_new(ctorch_pool pool /* or NULL: a new one */, ctorch_graph *out,
                                              char **error);
// Between the two calls, work on the current stream, which must not be the default one, is captured instead of run.
CTORCH_CHECKED ctorch_status ctorch_graph_begin(ctorch_graph graph, char **error);
CTORCH_CHECKED ctorch_status ctorch_graph_end(ctorch_graph graph, char **error);
// Queues the captured work on the current stream.
CTORCH_CHECKED ctorch_status ctorch_graph_replay(ctorch_graph graph, char **error);
// The number of nodes: kernels, copies, fills.
CTORCH_CHECKED ctorch_status ctorch_graph_node_count(ctorch_graph graph, size_t *out, char **error);
void ctorch_graph_free(ctorch_graph graph);

#ifdef __cplusplus
}
#endif
