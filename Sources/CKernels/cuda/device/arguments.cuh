// The arguments of each kernel: one structure, passed by value. The host fills it, the kernel reads it, and tests in Swift
// import it, so this file is plain C.
//
// Matrices are contiguous and row-major. A pointer to `void` points to elements of the type in the kernel's name (f32, bf16
// or f16). Optional arguments may be null.
#pragma once

enum {
  // The threads of a block and the elements that one thread keeps in registers limit the size of a row.
  ckernels_norm_threads = 1024,
  ckernels_largest_normed_row = 8192,
  ckernels_largest_head = 512,
  ckernels_swiglu_threads = 512,
  // Threads of a block, unless a kernel needs another number.
  ckernels_threads = 256,
};

// rms_norm_DELTA_NORMED, a block per row: sum = x + delta, normed = sum · scale · weight, scale = 1/√(mean sum² + ε).
typedef struct RMSNormArguments {
  const float *x;      // [rows, size]
  const void *delta;   // [rows, size], or null: nothing is added and `sum` is not written
  const float *weight; // [size]
  float *sum;          // [rows, size]; may be `x`
  void *normed;        // [rows, size]
  float *scale;        // [rows]
  long long rows;
  int size;
  float epsilon;
} RMSNormArguments;

// rms_norm_backward_DELTA_NORMED, any number of blocks.
typedef struct RMSNormBackwardArguments {
  const float *x;              // [rows, size]: what was normalized: the sum if there was a delta
  const float *weight;         // [size]
  const float *scale;          // [rows]
  const void *normed_gradient; // [rows, size], in the type of `normed`
  const float *sum_gradient;   // [rows, size], the gradient of the residual stream, or null
  float *gradient;             // [rows, size], of x and of delta; may be `sum_gradient`
  void *delta_gradient;        // [rows, size], the same in the type of `delta`, or null; may be `normed_gradient`
                               // if the types are the same
  float *partials;             // [blocks, size], each block's share of the weight's gradient, or null
  long long rows;
  int size;
} RMSNormBackwardArguments;

// add_columns: adds sums of columns to one or two vectors, which follow each other in a row of partials.
typedef struct ColumnArguments {
  const float *partials; // [rows, kinds · columns]
  float *out[2];         // [columns] each; null ones are skipped
  int rows;
  int columns;
  int kinds; // 1 or 2
} ColumnArguments;

// rotate_TYPE, `lanes` threads per head of a token.
typedef struct RotateArguments {
  const void *packed;        // [tokens, (query + key + value) · size]
  const float *query_weight; // [size], or null: not normalized
  const float *key_weight;   // [size], or null
  const float *cosines;      // [tokens, size / 2]
  const float *sines;        // [tokens, size / 2]
  void *out;                 // like packed; may be `packed`
  float *scale; // [tokens, query + key]; null without weights. Columns of a kind without one are not written
  long long tokens;
  int query, key, value; // heads
  int size;              // of a head, even
  int lanes;             // a power of two, at least size / 16, at most 32
  float epsilon;
} RotateArguments;

// rotate_backward_TYPE, with at least as many groups of `lanes` threads as a token has heads.
typedef struct RotateBackwardArguments {
  const void *packed;        // as in rotate; not read without weights
  const float *query_weight; // [size], or null
  const float *key_weight;   // [size], or null
  const float *cosines;      // [tokens, size / 2]
  const float *sines;        // [tokens, size / 2]
  const float *scale;        // from `rotate`
  const void *out_gradient;  // like packed
  void *gradient;            // like packed; may be `out_gradient`
  float *partials;           // [blocks, 2, size], shares of the gradients of both weights, or null
  long long tokens;
  int query, key, value;
  int size;
  int lanes;
} RotateBackwardArguments;

// swiglu_TYPE and swiglu_backward_TYPE, a block per row: product = silu(gate) · up.
typedef struct SwiGLUArguments {
  const void *gate_up;          // [rows, 2 · size], gate and up side by side
  const void *product_gradient; // [rows, size]; backward only
  void *product;                // [rows, size]; written by both; may be `product_gradient`
  void *gate_up_gradient;       // [rows, 2 · size]; backward only; may be `gate_up`
  long long rows;
  int size;
} SwiGLUArguments;

// log_probability_LOGITS, a block per row. A target outside the vocabulary gives NaN.
typedef struct LogProbabilityArguments {
  const void *logits;       // [rows, words]
  const long long *targets; // [rows]
  float *out;               // [rows], logit[target] − log Σ exp(logit)
  float *log_sum;           // [rows], log Σ exp(logit)
  float *statistics; // [4, rows], or null: entropy, log Σ p², whether the target is the likeliest word, mean logit
  long long rows;
  int words;
} LogProbabilityArguments;

// log_probability_backward_LOGITS_GRADIENTS, a block per row.
typedef struct LogProbabilityBackwardArguments {
  const void *logits;       // [rows, words]
  const long long *targets; // [rows]
  const float *log_sum;     // [rows]
  const float *gradient;    // [rows], of out
  void *logit_gradients;    // [rows, words]; may be `logits` if the types are the same
  long long rows;
  int words;
} LogProbabilityBackwardArguments;

// sum_of_squares: each block's share.
typedef struct SquaresArguments {
  const float *x;   // [count]
  double *partials; // [blocks]
  long long count;
} SquaresArguments;

// add_squares, one block: the sum of all shares.
typedef struct SquaresSumArguments {
  const double *partials; // [count]
  double *sum;            // a scalar
  long long count;
} SquaresSumArguments;

// gradient_scaling, one thread. All pointers are to scalars.
typedef struct ScalingArguments {
  const double *sum_of_squares; // of the gradients, which include the loss scale
  const float *loss_scale;      // or null: 1
  double maximum;               // of the norm; 0 or less: no clipping
  float *norm;                  // before clipping, without the loss scale
  float *divisor;               // of the gradients: the loss scale, or more if clipped
  float *skips;                 // 1 if the norm is infinite or NaN, otherwise 0
} ScalingArguments;

// advance_step, one thread: adds one to the step, unless the update is skipped.
typedef struct StepArguments {
  float *step;
  const float *skips; // or null: never
} StepArguments;

// adamw_LOW (Loshchilov & Hutter, 2019, arXiv:1711.05101, as in PyTorch), any number of blocks. Nothing is written if
// `skips` is not 0.
typedef struct AdamWArguments {
  float *parameters;          // [count]
  const float *gradients;     // [count]
  float *first_moments;       // [count]
  float *second_moments;      // [count]
  void *low;                  // [count], a copy of the new parameters, or null
  const float *learning_rate; // scalar
  const float *step;          // scalar that already counts this step
  const float *divisor;       // scalar, of the gradients, or null
  const float *skips;         // scalar, or null
  long long count;
  double beta1, beta2, epsilon, weight_decay;
} AdamWArguments;
