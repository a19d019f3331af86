// Several processes: the key-value store through which they find each other, process groups with collectives, and the
// exchange of gradients during the backward pass.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Stores. Functions may be called from any thread; each waits for the one before.

typedef struct ctorch_store_s *ctorch_store;

// A TCPStore: hosts one (on a listening descriptor, which it then owns, or, if that is -1, on the port) or connects to one.
CTORCH_CHECKED ctorch_status ctorch_store_tcp(const char *host, uint16_t port, bool hosts, int listening_descriptor,
                                              int64_t timeout_ms, ctorch_store *out, char **error);
// The same store with `prefix/` before every key.
CTORCH_CHECKED ctorch_status ctorch_store_prefixed(ctorch_store store, const char *prefix, ctorch_store *out,
                                                   char **error);
// A second connection to the same store, for another thread.
CTORCH_CHECKED ctorch_status ctorch_store_clone(ctorch_store store, ctorch_store *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_store_set(ctorch_store store, const char *key, const void *bytes, size_t count,
                                              char **error);
// Waits for the key. *bytes is malloc'ed.
CTORCH_CHECKED ctorch_status ctorch_store_get(ctorch_store store, const char *key, int64_t timeout_ms, void **bytes,
                                              size_t *count, char **error);
// The values of several keys, which must exist, one after another in *bytes, which is malloc'ed; value i has lengths[i]
// bytes.
CTORCH_CHECKED ctorch_status ctorch_store_get_all(ctorch_store store, const char *const *keys, size_t key_count,
                                                  void **bytes, size_t *lengths, char **error);
CTORCH_CHECKED ctorch_status ctorch_store_check(ctorch_store store, const char *key, bool *exists, char **error);
CTORCH_CHECKED ctorch_status ctorch_store_add(ctorch_store store, const char *key, int64_t amount, int64_t *sum,
                                              char **error);
// Sets the key to `desired` if it holds `expected` (empty: if it does not exist). *bytes is the value afterwards.
CTORCH_CHECKED ctorch_status ctorch_store_compare_set(ctorch_store store, const char *key, const void *expected,
                                                      size_t expected_count, const void *desired, size_t desired_count,
                                                      void **bytes, size_t *count, char **error);
void ctorch_store_free(ctorch_store store);
void ctorch_free_bytes(void *bytes);

// MARK: Groups. All ranks call the same functions in the same order.

typedef struct ctorch_group_s *ctorch_group;
typedef struct ctorch_work_s *ctorch_work;

// Gloo over a network interface or, if `interface` is NULL, over the interface that has a local address.
CTORCH_CHECKED ctorch_status ctorch_group_gloo(ctorch_store store, int rank, int size, int64_t timeout_ms,
                                               const char *interface, const char *address, ctorch_group *out,
                                               char **error);
// NCCL on the current CUDA device, connected at once; fails in a build without CUDA.
CTORCH_CHECKED ctorch_status ctorch_group_nccl(ctorch_store store, int rank, int size, int64_t timeout_ms,
                                               ctorch_group *out, char **error);
// To be called when all ranks have finished their last operation.
void ctorch_group_shut_down(ctorch_group group);
void ctorch_group_free(ctorch_group group);

// Sums over all ranks, in place.
CTORCH_CHECKED ctorch_status ctorch_group_all_reduce(ctorch_group group, ctorch_tensor tensor, ctorch_work *out,
                                                     char **error);
CTORCH_CHECKED ctorch_status ctorch_group_broadcast(ctorch_group group, ctorch_tensor tensor, int root,
                                                    ctorch_work *out, char **error);
// `output` [size · n] receives every rank's `input` [n], in rank order.
CTORCH_CHECKED ctorch_status ctorch_group_all_gather(ctorch_group group, ctorch_tensor output, ctorch_tensor input,
                                                     ctorch_work *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_group_send(ctorch_group group, ctorch_tensor tensor, int to, int tag,
                                               ctorch_work *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_group_receive(ctorch_group group, ctorch_tensor tensor, int from, int tag,
                                                  ctorch_work *out, char **error);
// Waits for the end; frees nothing.
CTORCH_CHECKED ctorch_status ctorch_work_wait(ctorch_work work, char **error);
void ctorch_work_free(ctorch_work work);

// MARK: The exchange of gradients while the backward pass still runs.

typedef struct ctorch_reducer_s *ctorch_reducer;

typedef struct ctorch_bucket {
  int64_t offset; // of the flat gradient buffer, in elements
  int64_t count;
  bool shards; // whether rank r receives only the sum of the r-th of `size` equal parts; else every rank receives all
} ctorch_bucket;

// The buckets that hold parts of a variable's gradient.
typedef struct ctorch_bucket_range {
  size_t first;
  size_t last;
} ctorch_bucket_range;

// An exchange that has finished.
typedef struct ctorch_exchange_s *ctorch_exchange;

typedef struct ctorch_exchange_times {
  double exposed; // seconds from the end of the backward pass to the end of the last bucket
  double total;   // seconds from the start of the first bucket to the end of the last one
} ctorch_exchange_times;

// Buckets in the order in which they are sent, and for each variable those that hold its gradient.
CTORCH_CHECKED ctorch_status ctorch_reducer_new(ctorch_group group, ctorch_tensor gradients,
                                                const ctorch_bucket *buckets, size_t bucket_count,
                                                const ctorch_tensor *variables,
                                                const ctorch_bucket_range *buckets_of_variables, size_t variable_count,
                                                int rank, int size, ctorch_reducer *out, char **error);
// The next backward pass sends each bucket as soon as its gradients and those of the buckets before it are complete.
CTORCH_CHECKED ctorch_status ctorch_reducer_arm(ctorch_reducer reducer, char **error);
// The next backward pass, which is being captured in a CUDA graph, records a mark where each bucket is complete, until
// ctorch_reducer_marked, which also ends a pass that failed. After a replay has been queued, send_marked sends each bucket
// as soon as the replay reaches its mark. On the CPU there are no marks: the pass has already run.
CTORCH_CHECKED ctorch_status ctorch_reducer_mark(ctorch_reducer reducer, char **error);
CTORCH_CHECKED ctorch_status ctorch_reducer_marked(ctorch_reducer reducer, char **error);
CTORCH_CHECKED ctorch_status ctorch_reducer_send_marked(ctorch_reducer reducer, char **error);
// Sends the buckets that the backward pass did not reach and waits for all; on a GPU the current stream waits.
CTORCH_CHECKED ctorch_status ctorch_reducer_finish(ctorch_reducer reducer, ctorch_exchange *out, char **error);
void ctorch_reducer_free(ctorch_reducer reducer);

// On a GPU, waits for the end of the exchange.
CTORCH_CHECKED ctorch_status ctorch_exchange_get_times(ctorch_exchange exchange, ctorch_exchange_times *out,
                                                       char **error);
void ctorch_exchange_free(ctorch_exchange exchange);

#ifdef __cplusplus
}
#endif
