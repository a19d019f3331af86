// All kernels by the names that they are launched with. Only macros: the host uses the names, the device the functions.
#pragma once

// KERNEL(name, arguments, most threads of a block, function)
#define CKERNELS_OF_TYPE(KERNEL, type, T)                                                                              \
  KERNEL(rotate_##type, RotateArguments, ckernels_threads, rotate<T>)                                                  \
  KERNEL(rotate_backward_##type, RotateBackwardArguments, ckernels_threads, rotate_backward<T>)                        \
  KERNEL(swiglu_##type, SwiGLUArguments, ckernels_swiglu_threads, swiglu<T>)                                           \
  KERNEL(swiglu_backward_##type, SwiGLUArguments, ckernels_swiglu_threads, swiglu_backward<T>)                         \
  KERNEL(log_probability_##type, LogProbabilityArguments, ckernels_threads, log_probability<T>)                        \
  KERNEL(adamw_##type, AdamWArguments, ckernels_threads, adamw<T>)

#define CKERNELS_OF_TWO_TYPES(KERNEL, one, One, two, Two)                                                              \
  KERNEL(rms_norm_##one##_##two, RMSNormArguments, ckernels_norm_threads, rms_norm<One, Two>)                          \
  KERNEL(rms_norm_backward_##one##_##two, RMSNormBackwardArguments, ckernels_norm_threads, rms_norm_backward<One, Two>)

// float32 logits may have gradients of any type, others only of their own type.
#define CKERNELS_OF_LOGITS(KERNEL, one, One, two, Two)                                                                 \
  KERNEL(log_probability_backward_##one##_##two, LogProbabilityBackwardArguments, ckernels_threads,                    \
         log_probability_backward<One, Two>)

#define CKERNELS_ALL(KERNEL)                                                                                           \
  CKERNELS_OF_TYPE(KERNEL, f32, float)                                                                                 \
  CKERNELS_OF_TYPE(KERNEL, bf16, bf16)                                                                                 \
  CKERNELS_OF_TYPE(KERNEL, f16, f16)                                                                                   \
  CKERNELS_OF_TWO_TYPES(KERNEL, f32, float, f32, float)                                                                \
  CKERNELS_OF_TWO_TYPES(KERNEL, f32, float, bf16, bf16)                                                                \
  CKERNELS_OF_TWO_TYPES(KERNEL, f32, float, f16, f16)                                                                  \
  CKERNELS_OF_TWO_TYPES(KERNEL, bf16, bf16, f32, float)                                                                \
  CKERNELS_OF_TWO_TYPES(KERNEL, bf16, bf16, bf16, bf16)                                                                \
  CKERNELS_OF_TWO_TYPES(KERNEL, f16, f16, f32, float)                                                                  \
  CKERNELS_OF_TWO_TYPES(KERNEL, f16, f16, f16, f16)                                                                    \
  CKERNELS_OF_LOGITS(KERNEL, f32, float, f32, float)                                                                   \
  CKERNELS_OF_LOGITS(KERNEL, f32, float, bf16, bf16)                                                                   \
  CKERNELS_OF_LOGITS(KERNEL, f32, float, f16, f16)                                                                     \
  CKERNELS_OF_LOGITS(KERNEL, bf16, bf16, bf16, bf16)                                                                   \
  CKERNELS_OF_LOGITS(KERNEL, f16, f16, f16, f16)                                                                       \
  KERNEL(add_columns, ColumnArguments, ckernels_norm_threads, add_columns)                                             \
  KERNEL(sum_of_squares, SquaresArguments, ckernels_threads, sum_of_squares)                                           \
  KERNEL(add_squares, SquaresSumArguments, ckernels_norm_threads, add_squares)                                         \
  KERNEL(gradient_scaling, ScalingArguments, 32, gradient_scaling)                                                     \
  KERNEL(advance_step, StepArguments, 32, advance_step)
