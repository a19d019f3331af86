// Fused kernels with their gradients, under the conventions of ctorch_base.h.
//
// On CPU tensors of float32 or float64 they are C++ of this library; on others the same operations are composed of
// LibTorch's operators. Sums over rows are made in an order that depends on the number of threads alone.
//
// Where the gradient of a weight has memory already (.grad), the backward pass adds to it there. The node that
// accumulates the weight's gradient still runs, without a gradient to add, and the hooks behind it as ever.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// Large CPU tensors come from now on out of one heap that keeps its pages: the system otherwise clears them anew for
// every intermediate result. Further calls do nothing.
void ckernels_keep_pages(void);

// The number of threads that the kernels run on, found by running on them.
int ckernels_thread_count(void);
// From now on threads of the OpenMP runtime that wait for others spin for microseconds instead of milliseconds before they
// sleep, or (false) as usual again. Returns false where the runtime cannot be told: only GNU's can.
bool ckernels_sleep_soon(bool sleeps_soon);

// Weights and what layers add up are float32 (or float64). A weight may have a copy of 16 bits, which products then take:
// they give results of that type, while sums, norms, log-probabilities and the gradients of weights stay in float32.

// sum = input + delta (input where delta is NULL), normed = sum / rms(sum) · weight, over the last of two dimensions; the
// latter of the type given. *sum is NULL where delta is.
CTORCH_CHECKED ctorch_status ckernels_rms_norm(ctorch_tensor input, ctorch_tensor delta /* or NULL */,
                                               ctorch_tensor weight, double epsilon, ctorch_dtype type,
                                               ctorch_tensor *sum, ctorch_tensor *normed, char **error);

// Instruction sets that loops are compiled for; each has what those before it have.
typedef enum ckernels_instruction_set {
  CKERNELS_PORTABLE,
  CKERNELS_AVX2,
  CKERNELS_AVX512,
} ckernels_instruction_set;

// This processor's.
ckernels_instruction_set ckernels_processor(void);

// out = a b, or out += a b, [m, k] by [k, n], as the products below make theirs where they are large: of float32 on the CPU,
// by Strassen's algorithm; with the loops for an instruction set that the processor has, not the portable one.
CTORCH_CHECKED ctorch_status ckernels_large_product(ctorch_tensor a, ctorch_tensor b, ctorch_tensor out, bool adds,
                                                    ckernels_instruction_set set, char **error);

// [tokens, in] by one to three weights [outᵢ, in]: the products side by side, [tokens, Σ outᵢ].
CTORCH_CHECKED ctorch_status ckernels_project(ctorch_tensor input, const ctorch_tensor *weights,
                                              const ctorch_tensor *copies /* or NULL */, size_t count,
                                              ctorch_tensor *out, char **error);

// silu(gate) · up, [tokens, inner], of gate and up side by side, [tokens, 2 · inner], by a weight [out, inner].
CTORCH_CHECKED ctorch_status ckernels_swiglu_project(ctorch_tensor gate_up, ctorch_tensor weight,
                                                     ctorch_tensor copy /* or NULL */, ctorch_tensor *out,
                                                     char **error);

// How many heads of each kind lie side by side in a row.
typedef struct ckernels_heads {
  int64_t query;
  int64_t key;
  int64_t value;
  int64_t size; // of one head
} ckernels_heads;

// [tokens, (query + key + value) · size]: queries and keys normalised (where their weights are given) and turned by the
// tables [tokens, size / 2]; values as they are.
CTORCH_CHECKED ctorch_status ckernels_rotate(ctorch_tensor packed, ctorch_tensor query_weight /* or NULL */,
                                             ctorch_tensor key_weight /* or NULL */, ctorch_tensor cosines,
                                             ctorch_tensor sines, ckernels_heads heads, double epsilon,
                                             ctorch_tensor *out, char **error);

// Lengths of a tree's parts: both tails follow the prefix, neither sees the other.
typedef struct ckernels_tree {
  int64_t prefix;
  int64_t first;
  int64_t second;
} ckernels_tree;

// Attention over packed trees, [queries, query heads · size]. `packed` holds queries, keys and values of all tokens
// side by side; or, where `queries` is given, keys and values alone, and the queries are those of the tokens `rows`.
CTORCH_CHECKED ctorch_status ckernels_tree_attention(ctorch_tensor packed, ctorch_tensor queries /* or NULL */,
                                                     ctorch_tensor rows /* or NULL */, const ckernels_tree *trees,
                                                     size_t count, ckernels_heads heads, double scale,
                                                     ctorch_tensor *out, char **error);

// Room of a plan, or what trees need of it.
typedef struct ckernels_plan_size {
  int64_t tokens;          // of all trees together: as many always
  int64_t key_rows;        // keys of all sequences: of prefix and first tail, of prefix and second tail
  int64_t sequences;       // at most two a tree
  int64_t longest_queries; // queries of a sequence
  int64_t longest_keys;    // keys of a sequence
} ckernels_plan_size;

// The trees of a batch as sequences of a variable-length attention kernel, on a device.
typedef struct ckernels_tree_plan_s *ckernels_plan;

// What these trees need at least.
CTORCH_CHECKED ctorch_status ckernels_tree_plan_size(const ckernels_tree *trees, size_t count, ckernels_plan_size *out,
                                                     char **error);
// A plan of a size, for these trees first.
CTORCH_CHECKED ctorch_status ckernels_tree_plan(const ckernels_tree *trees, size_t count, ckernels_plan_size size,
                                                ctorch_device device, ckernels_plan *out, char **error);
// Other trees for the same memory, in the order of the device's current stream; the host does not wait.
CTORCH_CHECKED ctorch_status ckernels_tree_plan_update(ckernels_plan plan, const ckernels_tree *trees, size_t count,
                                                       char **error);
void ckernels_tree_plan_free(ckernels_plan plan);

// ckernels_tree_attention where all tokens ask, over a plan on the device of `packed`. On CUDA devices: LibTorch's flash
// attention for float16 and bfloat16, its memory-efficient one for float32; elsewhere plain operators, sequence by
// sequence. Gradients of keys and values are added up in a fixed order.
CTORCH_CHECKED ctorch_status ckernels_tree_attention_planned(ctorch_tensor packed, ckernels_plan plan,
                                                             ckernels_heads heads, double scale, ctorch_tensor *out,
                                                             char **error);

// Writes the bytes of a contiguous tensor anew, in the order of its device's current stream; the host does not wait and
// may use its memory again at once. They travel beside what is queued on that stream; not while a graph is recorded.
CTORCH_CHECKED ctorch_status ckernels_refill(ctorch_tensor tensor, const void *bytes, size_t count, char **error);

// log softmax(hidden weightᵀ)[target], [tokens], float32 or float64. Without `keeps_logits` the backward pass computes
// the logits again, chunk by chunk.
CTORCH_CHECKED ctorch_status ckernels_log_probabilities(ctorch_tensor hidden, ctorch_tensor weight,
                                                        ctorch_tensor copy /* or NULL */, ctorch_tensor targets,
                                                        bool keeps_logits, ctorch_tensor *out, char **error);

// Rows of a table, [tokens, size], by an index [tokens], int64.
CTORCH_CHECKED ctorch_status ckernels_embedding(ctorch_tensor weight, ctorch_tensor index, ctorch_tensor *out,
                                                char **error);

// From gradients to new weights, over buffers of float32 and without gaps. Scalars are tensors of one element, and all is
// on one device. The host waits for nothing and sends nothing, so that all of it may be recorded into a CUDA graph.

// Σ x² over all elements of one buffer or several: a scalar of float64.
CTORCH_CHECKED ctorch_status ckernels_sum_of_squares(const ctorch_tensor *buffers, size_t count, ctorch_tensor *out,
                                                     char **error);

// What PyTorch's clip_grad_norm_ and GradScaler do to gradients of so large a sum of squares (float64), as scalars of
// float32:
//   norm     √sum / loss_scale
//   divisor  of the gradients: loss_scale · max(1, (norm + 1e-6) / maximum); of no meaning where `skips` is 1
//   skips    1 where the norm is not finite, so that the update is to be left out; else 0
// A maximum of 0 or less does not clip.
CTORCH_CHECKED ctorch_status ckernels_gradient_scaling(ctorch_tensor sum_of_squares,
                                                       ctorch_tensor loss_scale /* float32, or NULL: 1 */,
                                                       double maximum, ctorch_tensor *norm, ctorch_tensor *divisor,
                                                       ctorch_tensor *skips, char **error);

// What stays the same from one step of AdamW to the next.
typedef struct ckernels_adamw_constants {
  double beta1;
  double beta2;
  double epsilon;
  double weight_decay;
} ckernels_adamw_constants;

// One step of AdamW (Loshchilov & Hutter, 2019), with PyTorch's definition of each term: of the gradients over `divisor`,
// and nothing where `skips` is 1. Parameters, moments and `step`, the number of steps taken, are updated in place; what the
// gradients are afterwards is not said. `copy`, of float32 or 16 bits, receives the new parameters.
//
// The learning rate is a scalar of float32; on the CPU it may be of float64. The others are of float32.
CTORCH_CHECKED ctorch_status ckernels_adamw(ctorch_tensor parameters, ctorch_tensor gradients,
                                            ctorch_tensor first_moments, ctorch_tensor second_moments,
                                            ctorch_tensor copy /* or NULL */, ctorch_tensor learning_rate,
                                            ctorch_tensor step, ctorch_tensor divisor /* or NULL */,
                                            ctorch_tensor skips /* or NULL */, ckernels_adamw_constants constants,
                                            char **error);

// What a block returns.
typedef struct ckernels_results_s *ckernels_results;
void ckernels_put_result(ckernels_results results, ctorch_tensor tensor);

// A function of one or two tensors. `run` owns the handles it is given, puts its results one by one, and returns false
// with a malloc'ed text where it fails; `release` is called once, when it will not run any more.
typedef struct ckernels_block {
  void *context;
  bool (*run)(void *context, const ctorch_tensor *inputs, size_t count, ckernels_results results, char **error);
  void (*release)(void *context);
} ckernels_block;

// The block's `count` results. Only its inputs are kept for the backward pass, which runs the block again.
CTORCH_CHECKED ctorch_status ckernels_recompute(ctorch_tensor first, ctorch_tensor second /* or NULL */,
                                                ckernels_block block, ctorch_tensor *out, size_t count, char **error);

#ifdef __cplusplus
}
#endif
