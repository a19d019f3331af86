// The CUDA kernels of Sources/CKernels/cuda/device, compiled for the CPU: each thread of a block is a fiber, and blocks run one
// after another. This tests the arithmetic, indices, barriers and launches of the kernels; it does not test whether NVRTC
// compiles them (Tools/cuda/compile_kernels.py does) or how fast they are.
//
// All functions return null, or a text that describes an error of the kernel, which the caller frees.
#pragma once

#include "../../../Sources/CKernels/cuda/device/arguments.cuh"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum EmulatedElement { emulated_f32, emulated_bf16, emulated_f16 } EmulatedElement;

// The order in which blocks and the threads of a block run. Correct kernels give the same result in each order; kernels that
// lack a barrier do not.
typedef enum EmulatedOrder { emulated_ascending, emulated_descending, emulated_shuffled } EmulatedOrder;

typedef struct EmulatedMachine {
  int multiprocessors; // sets the number of blocks of some kernels
  EmulatedOrder order;
} EmulatedMachine;

// The operations of Sources/CKernels/cuda/host/launches.h.
char *emulate_rms_norm(EmulatedMachine machine, EmulatedElement delta, EmulatedElement normed,
                       const RMSNormArguments *arguments);
int64_t emulated_rms_norm_backward_blocks(EmulatedMachine machine, int64_t rows, int size);
char *emulate_rms_norm_backward(EmulatedMachine machine, EmulatedElement delta, EmulatedElement normed,
                                const RMSNormBackwardArguments *arguments, float *weight_gradient);
char *emulate_rotate(EmulatedMachine machine, EmulatedElement element, const RotateArguments *arguments);
int64_t emulated_rotate_backward_blocks(EmulatedMachine machine, int64_t tokens, int heads, int size);
char *emulate_rotate_backward(EmulatedMachine machine, EmulatedElement element,
                              const RotateBackwardArguments *arguments, float *query_weight_gradient,
                              float *key_weight_gradient);
char *emulate_swiglu(EmulatedMachine machine, EmulatedElement element, const SwiGLUArguments *arguments);
char *emulate_swiglu_backward(EmulatedMachine machine, EmulatedElement element, const SwiGLUArguments *arguments);
char *emulate_log_probability(EmulatedMachine machine, EmulatedElement logits,
                              const LogProbabilityArguments *arguments);
char *emulate_log_probability_backward(EmulatedMachine machine, EmulatedElement logits, EmulatedElement gradients,
                                       const LogProbabilityBackwardArguments *arguments);
int64_t emulated_squares_blocks(EmulatedMachine machine, int64_t count);
char *emulate_sum_of_squares(EmulatedMachine machine, const SquaresArguments *arguments);
char *emulate_add_squares(EmulatedMachine machine, const SquaresSumArguments *arguments);
char *emulate_gradient_scaling(EmulatedMachine machine, const ScalingArguments *arguments);
char *emulate_advance_step(EmulatedMachine machine, const StepArguments *arguments);
char *emulate_adamw(EmulatedMachine machine, EmulatedElement low, const AdamWArguments *arguments);

// Kernels with one error each, which the emulation must detect: no barrier between writing and reading shared memory; a
// barrier that some threads do not reach; a shuffle that some lanes do not reach; threads at two barriers at once.
// `out` is [64].
typedef enum EmulatedMistake {
  emulated_no_mistake,
  emulated_missing_barrier,
  emulated_divergent_barrier,
  emulated_divergent_shuffle,
  emulated_two_barriers,
} EmulatedMistake;
char *emulate_mistake(EmulatedMachine machine, EmulatedMistake mistake, float *out);

// The kernels' cache on disk, Sources/CKernels/cuda/host/image_cache.h. The caller frees returned paths and bytes.
char *image_cache_folder(void); // or null
char *image_cache_path(const char *folder, const char *key);
bool image_cache_write(const char *folder, const char *key, const void *image, size_t size);
void *image_cache_read(const char *folder, const char *key, size_t *size); // or null

#ifdef __cplusplus
}
#endif
