// Fused kernels with their gradients, under the conventions of ctorch_base.h.
//
// For CPU tensors of float32 or float64 they are C++ loops of this library, on CUDA devices kernels of this library; for all
// others, the same operations are composed of LibTorch's operators. The order of sums over rows depends only on the number
// of threads.
//
// If a weight already has a gradient (.grad), the backward pass adds to it directly. The node that accumulates the weight's
// gradient still runs, without a gradient to add, and so do its hooks.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

// Allocates large CPU tensors from now on in a heap that keeps its pages; otherwise the system clears them again for every
// intermediate result. Further calls do nothing.
void ckernels_keep_pages(void);

// The number of threads that the kernels run on, found by running one.
int ckernels_thread_count(void);
// Makes waiting threads of the OpenMP runtime sleep after microseconds instead of milliseconds of spinning, or (false)
// restores the default. Returns false if the runtime does not support this: only GNU's does.
bool ckernels_sleep_soon(bool sleeps_soon);

// Weights and the residual stream are float32 (or float64). A weight may have a 16-bit copy, which matmuls then use: they
// give results of that type, while sums, norms, log-probabilities and the gradients of weights stay in float32.

// sum = input + delta (input if delta is NULL), normed = sum / rms(sum) · weight, over the last of two dimensions; normed has
// the given type. *sum is NULL if delta is.
CTORCH_CHECKED ctorch_status ckernels_rms_norm(ctorch_tensor input, ctorch_tensor delta /* or NULL */,
                                               ctorch_tensor weight, double epsilon, ctorch_dtype type,
                                               ctorch_tensor *sum, ctorch_tensor *normed, char **error);

// Instruction sets that loops are compiled for; each includes those before it.
typedef enum ckernels_instruction_set {
  CKERNELS_PORTABLE,
  CKERNELS_AVX2,
  CKERNELS_AVX512,
} ckernels_instruction_set;

// The instruction set of this processor.
ckernels_instruction_set ckernels_processor(void);

// out = a b, or out += a b, [m, k] by [k, n], by Strassen's algorithm, which the operators below use for large float32
// matmuls on the CPU; with the loops for an instruction set of this processor, not the portable one.
CTORCH_CHECKED ctorch_status ckernels_strassen_matmul(ctorch_tensor a, ctorch_tensor b, ctorch_tensor out, bool adds,
                                                      ckernels_instruction_set set, char **error);

// [tokens, in] by one to three weights [outᵢ, in]: the products side by side, [tokens, Σ outᵢ].
CTORCH_CHECKED ctorch_status ckernels_project(ctorch_tensor input, const ctorch_tensor *weights,
                                              const ctorch_tensor *copies /* or NULL */, size_t count,
                                              ctorch_tensor *out, char **error);

// silu(gate) · up, [tokens, inner], of gate and up side by side, [tokens, 2 · inner], by a weight [out, inner].
CTORCH_CHECKED ctorch_status ckernels_swiglu_project(ctorch_tensor gate_up, ctorch_tensor weight,
                                                     ctorch_tensor copy /* or NULL */, ctorch_tensor *out,
                                                     char **error);

// A low-rank addition to a weight: scale · B A (LoRA: Hu et al., 2021, arXiv:2106.09685). The inputs of A may be dropped
// with a probability; which elements, follows from the key, an int64 scalar on their device that is read when the operator
// runs, and from the stream, a number of its own for each addition.
typedef struct ckernels_low_rank {
  ctorch_tensor down;      // A, [rank, in]
  ctorch_tensor up;        // B, [out, rank]
  ctorch_tensor down_copy; // 16-bit, or NULL
  ctorch_tensor up_copy;   // 16-bit, or NULL
  ctorch_tensor key;       // NULL if nothing is dropped
  double scale;
  double dropout;
  int64_t stream;
} ckernels_low_rank;

// Adds the addition's part, scale · drop(input) Aᵀ Bᵀ, in place to the columns of products, [tokens, n], that begin with
// `column`. The result is that tensor.
CTORCH_CHECKED ctorch_status ckernels_add_low_rank(ctorch_tensor products, ctorch_tensor input, ckernels_low_rank term,
                                                   int64_t column, ctorch_tensor *out, char **error);

// ckernels_swiglu_project with a weight and its low-rank addition.
CTORCH_CHECKED ctorch_status ckernels_swiglu_low_rank(ctorch_tensor gate_up, ctorch_tensor weight,
                                                      ctorch_tensor copy /* or NULL */, ckernels_low_rank term,
                                                      ctorch_tensor *out, char **error);

// The number of heads of each kind, side by side in a row.
typedef struct ckernels_heads {
  int64_t query;
  int64_t key;
  int64_t value;
  int64_t size; // of one head
} ckernels_heads;

// [tokens, (query + key + value) · size]: queries and keys normalized (if their weights are given) and rotated by the tables
// [tokens, size / 2]; values unchanged.
CTORCH_CHECKED ctorch_status ckernels_rotate(ctorch_tensor packed, ctorch_tensor query_weight /* or NULL */,
                                             ctorch_tensor key_weight /* or NULL */, ctorch_tensor cosines,
                                             ctorch_tensor sines, ckernels_heads heads, double epsilon,
                                             ctorch_tensor *out, char **error);

// Trees that follow one another. Each is a prefix and any number of branches, which follow the prefix and do not attend to
// each other. Both lists are read during a call only.
typedef struct ckernels_trees {
  const int64_t *parts;  // tokens of each part: a prefix, its branches, the next prefix, its branches, ...
  const int64_t *counts; // parts of each tree, at least 1
  size_t count;          // trees
} ckernels_trees;

// Attention over packed trees, [queries, query heads · size]. `packed` holds queries, keys and values of all tokens
// side by side. If `queries` is given, `packed` holds only keys and values, and the queries belong to the tokens `rows`.
CTORCH_CHECKED ctorch_status ckernels_tree_attention(ctorch_tensor packed, ctorch_tensor queries /* or NULL */,
                                                     ctorch_tensor rows /* or NULL */, ckernels_trees trees,
                                                     ckernels_heads heads, double scale, ctorch_tensor *out,
                                                     char **error);

// The capacity of a plan, or the size that trees need.
typedef struct ckernels_plan_size {
  int64_t tokens;          // of all trees together; the same for all batches of a plan
  int64_t key_rows;        // keys of all sequences: of prefix and first branch, of prefix and second branch, ...
  int64_t sequences;       // at most one a branch, or one a tree without branches
  int64_t longest_queries; // queries of a sequence
  int64_t longest_keys;    // keys of a sequence
  int64_t copies;          // times that the keys of a prefix occur besides once
} ckernels_plan_size;

// The trees of a batch as sequences of a variable-length attention kernel, on a device.
typedef struct ckernels_tree_plan_s *ckernels_plan;

// The size that these trees need.
CTORCH_CHECKED ctorch_status ckernels_tree_plan_size(ckernels_trees trees, ckernels_plan_size *out, char **error);
// A plan of a size, filled with these trees.
CTORCH_CHECKED ctorch_status ckernels_tree_plan(ckernels_trees trees, ckernels_plan_size size, ctorch_device device,
                                                ckernels_plan *out, char **error);
// Fills the same memory with other trees, in the order of the device's current stream; the host does not wait.
CTORCH_CHECKED ctorch_status ckernels_tree_plan_update(ckernels_plan plan, ckernels_trees trees, char **error);
void ckernels_tree_plan_free(ckernels_plan plan);

// ckernels_tree_attention with queries of all tokens, over a plan on the device of `packed`. On CUDA devices: LibTorch's flash
// attention for float16 and bfloat16, its memory-efficient attention for float32; elsewhere plain operators, sequence
// by sequence. Gradients of keys and values are added up in a fixed order.
CTORCH_CHECKED ctorch_status ckernels_tree_attention_planned(ctorch_tensor packed, ckernels_plan plan,
                                                             ckernels_heads heads, double scale, ctorch_tensor *out,
                                                             char **error);

// Overwrites the bytes of a contiguous tensor, in the order of its device's current stream. The host does not wait and may
// reuse its memory immediately. The copy runs concurrently with work on that stream; not while a graph is captured.
CTORCH_CHECKED ctorch_status ckernels_refill(ctorch_tensor tensor, const void *bytes, size_t count, char **error);

// log softmax(hidden weightᵀ)[target], [tokens], float32 or float64. Without `keeps_logits` the backward pass computes
// the logits again, chunk by chunk.
//
// `statistics`, unless it is NULL, receives four rows of numbers about each distribution p, [4, tokens], in the same type and
// without gradients: the entropy −Σ p log p; log Σ p²; 1 where the target is the most probable token, else 0; the mean of
// the logits.
CTORCH_CHECKED ctorch_status ckernels_log_probabilities(ctorch_tensor hidden, ctorch_tensor weight,
                                                        ctorch_tensor copy /* or NULL */, ctorch_tensor targets,
                                                        bool keeps_logits, ctorch_tensor *statistics /* or NULL */,
                                                        ctorch_tensor *out, char **error);

// Rows of a table, [tokens, size], by an index [tokens], int64.
CTORCH_CHECKED ctorch_status ckernels_embedding(ctorch_tensor weight, ctorch_tensor index, ctorch_tensor *out,
                                                char **error);

// From gradients to new weights, over contiguous float32 buffers. Scalars are tensors of one element, and all tensors are on
// one device. The host neither waits nor sends anything, so that all of it can be captured in a CUDA graph.

// Σ x² over all elements of one or more buffers: a float64 scalar.
CTORCH_CHECKED ctorch_status ckernels_sum_of_squares(const ctorch_tensor *buffers, size_t count, ctorch_tensor *out,
                                                     char **error);

// The scaling that PyTorch's clip_grad_norm_ and GradScaler apply to gradients with this sum of squares (float64), as
// float32 scalars:
//   norm     √sum / loss_scale
//   divisor  of the gradients: loss_scale · max(1, (norm + 1e-6) / maximum); meaningless if `skips` is 1
//   skips    1 if the norm is not finite, so that the update must be skipped; otherwise 0
// A maximum of 0 or less does not clip.
CTORCH_CHECKED ctorch_status ckernels_gradient_scaling(ctorch_tensor sum_of_squares,
                                                       ctorch_tensor loss_scale /* float32, or NULL: 1 */,
                                                       double maximum, ctorch_tensor *norm, ctorch_tensor *divisor,
                                                       ctorch_tensor *skips, char **error);

// The settings of AdamW that stay the same during a run.
typedef struct ckernels_adamw_constants {
  double beta1;
  double beta2;
  double epsilon;
  double weight_decay;
} ckernels_adamw_constants;

// One step of AdamW (Loshchilov & Hutter, 2019), with PyTorch's definition of each term: with the gradients over
// `divisor`; nothing if `skips` is 1. Parameters, moments and `step`, the number of steps taken, are updated in place; the
// gradients are unspecified afterwards. `copy`, float32 or 16-bit, receives the new parameters.
//
// The learning rate is a float32 scalar; on the CPU it may be float64. The others are float32.
CTORCH_CHECKED ctorch_status ckernels_adamw(ctorch_tensor parameters, ctorch_tensor gradients,
                                            ctorch_tensor first_moments, ctorch_tensor second_moments,
                                            ctorch_tensor copy /* or NULL */, ctorch_tensor learning_rate,
                                            ctorch_tensor step, ctorch_tensor divisor /* or NULL */,
                                            ctorch_tensor skips /* or NULL */, ckernels_adamw_constants constants,
                                            char **error);

// The results of a block.
typedef struct ckernels_results_s *ckernels_results;
void ckernels_put_result(ckernels_results results, ctorch_tensor tensor);

// A function of one or two tensors. `run` owns the handles that it receives, adds its results one by one, and returns false
// with a malloc'ed text if it fails; `release` is called once, when the function will not run again.
typedef struct ckernels_block {
  void *context;
  bool (*run)(void *context, const ctorch_tensor *inputs, size_t count, ckernels_results results, char **error);
  void (*release)(void *context);
} ckernels_block;

// Returns the `count` results of the block. Only its inputs are kept for the backward pass, which runs the block again.
CTORCH_CHECKED ctorch_status ckernels_recompute(ctorch_tensor first, ctorch_tensor second /* or NULL */,
                                                ckernels_block block, ctorch_tensor *out, size_t count, char **error);

#ifdef __cplusplus
}
#endif
