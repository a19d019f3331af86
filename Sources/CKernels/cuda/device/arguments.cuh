// What each kernel is given: one structure, by value. The host fills it, the kernel reads it, and tests written in Swift
// see it as C, so this file is plain C.
//
// Matrices are row-major without gaps. A pointer to `void` holds elements of the type that is in the kernel's name (f32,
// bf16 or f16), one to `float` or `double` always those. What may be missing is null.
#pragma once

enum {
  // Threads of a block, and elements that one thread keeps in registers, bound what a row may hold.
  ckernels_norm_threads = 1024,
  ckernels_largest_normed_row = 8192,
  ckernels_largest_head = 512,
  ckernels_swiglu_threads = 512,
  // Of a block, where nothing asks for another number.
  ckernels_threads = 256,
};

// rms_norm_DELTA_NORMED, a block per row: sum = x + delta, normed = sum · scale · weight, scale = 1/√(mean sum² + ε).
typedef struct RMSNormArguments {
  const float *x;      // [rows, size]
  const void *delta;   // [rows, size], or null: nothing is added, and `sum` is not written
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
  const float *x;              // [rows, size]: what was normed, so the sum where there was a delta
  const float *weight;         // [size]
  const float *scale;          // [rows]
  const void *normed_gradient; // [rows, size], in the type of `normed`
  const float *sum_gradient;   // [rows, size], what comes down beside the norm, or null
  float *gradient;             // [rows, size], at x and at delta; may be `sum_gradient`
  void *delta_gradient;        // [rows, size], the same again in the type of `delta`, or null; may be `normed_gradient`
                               // where the types are the same
  float *partials;             // [blocks, size], each block's share of the weight's gradient, or null
  long long rows;
  int size;
} RMSNormBackwardArguments;

// add_columns: adds the sums of columns to one or two vectors, one behind the other in a row of partials.
typedef struct ColumnArguments {
  const float *partials; // [rows, kinds · columns]
  float *out[2];         // [columns] each; a null one is left out
  int rows;
  int columns;
  int kinds; // 1 or 2
} ColumnArguments;

// rotate_TYPE, `lanes` threads per head of a token.
typedef struct RotateArguments {
  const void *packed;        // [tokens, (query + key + value) · size]
  const float *query_weight; // [size], or null: not normed
  const float *key_weight;   // [size], or null
  const float *cosines;      // [tokens, size / 2]
  const float *sines;        // [tokens, size / 2]
  void *out;                 // like packed; may be `packed`
  float *scale; // [tokens, query + key]; null where no weight is given. A kind without one leaves its own out
  long long tokens;
  int query, key, value; // heads
  int size;              // of a head, even
  int lanes;             // a power of two, at least size / 16, at most 32
  float epsilon;
} RotateArguments;

// rotate_backward_TYPE, at least as many groups of `lanes` threads as a token has heads.
typedef struct RotateBackwardArguments {
  const void *packed;        // as rotated; not read where no weight is given
  const float *query_weight; // [size], or null
  const float *key_weight;   // [size], or null
  const float *cosines;      // [tokens, size / 2]
  const float *sines;        // [tokens, size / 2]
  const float *scale;        // as `rotate` left it
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

// log_probability_LOGITS, a block per row. A target outside the words gives NaN.
typedef struct LogProbabilityArguments {
  const void *logits;       // [rows, words]
  const long long *targets; // [rows]
  float *out;               // [rows], logit[target] − log Σ exp(logit)
  float *log_sum;           // [rows], that logarithm
  long long rows;
  int words;
} LogProbabilityArguments;

// log_probability_backward_LOGITS_GRADIENTS, a block per row.
typedef struct LogProbabilityBackwardArguments {
  const void *logits;       // [rows, words]
  const long long *targets; // [rows]
  const float *log_sum;     // [rows]
  const float *gradient;    // [rows], at out
  void *logit_gradients;    // [rows, words]; may be `logits` where the types are the same
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
  const double *sum_of_squares; // of the gradients as they are, times the loss scale that is
  const float *loss_scale;      // or null: 1
  double maximum;               // of the norm; 0 or less: no clipping
  float *norm;                  // before clipping, without the loss scale
  float *divisor;               // of the gradients: the loss scale, and more where clipped
  float *skips;                 // 1 where the norm is infinite or no number, else 0
} ScalingArguments;

// advance_step, one thread: one step more, unless it is left out.
typedef struct StepArguments {
  float *step;
  const float *skips; // or null: never
} StepArguments;

// adamw_LOW (Loshchilov & Hutter, 2019, arXiv:1711.05101, as in PyTorch), any number of blocks. Nothing is written where
// `skips` is not 0.
typedef struct AdamWArguments {
  float *parameters;          // [count]
  const float *gradients;     // [count]
  float *first_moments;       // [count]
  float *second_moments;      // [count]
  void *low;                  // [count], the new parameters once more, or null
  const float *learning_rate; // scalar
  const float *step;          // scalar that counts this step already
  const float *divisor;       // scalar, of the gradients, or null
  const float *skips;         // scalar, or null
  long long count;
  double beta1, beta2, epsilon, weight_decay;
} AdamWArguments;
