// The fused operations on CUDA tensors, forward and backward, each one or two launches on the current stream.
//
// All results are written to tensors of the caller, and none is read on the host, so all operations can be captured in a
// graph once `available` has been called for the device. All tensors are contiguous and on one device; only those that the
// comments name may be undefined. T is float32, bfloat16 or float16, the same T within a function unless two are named. Sums
// over a row, scales, tables, weights of norms and everything called f32 are float32, and so is all arithmetic. Arguments
// that do not fit throw c10::Error.
//
// Gradients of weights are added to their destination (.grad, or zeros); all other results are overwritten. All operations
// give the same bits in every run on the same kind of device.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace ckernels::cuda {

// Whether the kernels can be used on a device. The first call for a device compiles and loads them; it must not happen during
// a capture. False if that failed, with one warning that says why, or if this build has no CUDA. Never throws.
bool available(c10::Device device);

// --- Norms: rows of up to 8192 elements

// sum = x + delta, normed = sum · scale · weight, scale = 1/√(mean sum² + ε).
//   x        f32 [rows, size], the residual stream
//   delta    D [rows, size], or undefined: then `sum` is undefined too, and x is normalized
//   weight   f32 [size]
//   sum      f32 [rows, size]; may be x itself
//   normed   N [rows, size]
//   scale    f32 [rows], for the backward pass
// D and N are f32 or the same low type; one of them may be f32 and the other low.
void rms_norm(const at::Tensor &x, const at::Tensor &delta, const at::Tensor &weight, double epsilon,
              const at::Tensor &sum, const at::Tensor &normed, const at::Tensor &scale);

// The number of rows of partial sums that the backward pass needs: at::empty({number, size}), f32. It depends only on device
// and shape.
int64_t rms_norm_partials(c10::Device device, int64_t rows, int64_t size);

//   x                f32 [rows, size]: `sum` if there was a delta, otherwise x
//   weight, scale    as in the forward pass
//   normed_gradient  N [rows, size]
//   sum_gradient     f32 [rows, size], the gradient of the residual stream, or undefined: zero
//   gradient         f32 [rows, size], of x (and of delta); may be sum_gradient itself
//   delta_gradient   D [rows, size], the same in the type of delta, or undefined: not needed; may be normed_gradient itself
//                    if N = D
//   partials         f32 [rms_norm_partials, size]; undefined if and only if weight_gradient is
//   weight_gradient  f32 [size], added to, or undefined: not needed
void rms_norm_backward(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                       const at::Tensor &normed_gradient, const at::Tensor &sum_gradient, const at::Tensor &gradient,
                       const at::Tensor &delta_gradient, const at::Tensor &partials, const at::Tensor &weight_gradient);

// --- Heads of up to 512 elements, an even number

// Heads of a row, as ckernels_heads counts them.
struct Heads {
  int64_t query, key, value, size;
};

// Queries and keys are normalized (if they have weights) and rotated, values copied.
//   packed         T [tokens, (query + key + value) · size]
//   weights        f32 [size], or undefined: that kind is not normalized
//   cosines, sines f32 [tokens, size / 2]
//   out            T like packed; may be packed itself if there are no weights (otherwise the backward pass reads packed)
//   scale          f32 [tokens, query + key]; undefined if both weights are. Columns of a kind without a weight are not written
void rotate(const at::Tensor &packed, const at::Tensor &query_weight, const at::Tensor &key_weight,
            const at::Tensor &cosines, const at::Tensor &sines, const Heads &heads, double epsilon,
            const at::Tensor &out, const at::Tensor &scale);

// The number of rows of partial sums for the backward pass: at::empty({number, 2, size}), f32.
int64_t rotate_partials(c10::Device device, int64_t tokens, const Heads &heads);

//   packed           T as in the forward pass; undefined if both weights are
//   scale            from the forward pass; undefined if both weights are
//   out_gradient     T like packed
//   gradient         T like packed; may be out_gradient itself
//   partials         f32 [rotate_partials, 2, size]; undefined if neither gradient below is needed
//   weight gradients f32 [size], added to, or undefined: not needed
void rotate_backward(const at::Tensor &packed, const at::Tensor &query_weight, const at::Tensor &key_weight,
                     const at::Tensor &cosines, const at::Tensor &sines, const at::Tensor &scale, const Heads &heads,
                     const at::Tensor &out_gradient, const at::Tensor &gradient, const at::Tensor &partials,
                     const at::Tensor &query_weight_gradient, const at::Tensor &key_weight_gradient);

// --- SwiGLU

// product = silu(gate) · up: gate_up T [rows, 2 · size], product T [rows, size].
void swiglu(const at::Tensor &gate_up, const at::Tensor &product);

//   gate_up           T [rows, 2 · size]
//   product_gradient  T [rows, size]
//   product           T [rows, size], computed again for the weight's gradient; may be product_gradient itself
//   gate_up_gradient  T [rows, 2 · size]; may be gate_up itself
void swiglu_backward(const at::Tensor &gate_up, const at::Tensor &product_gradient, const at::Tensor &product,
                     const at::Tensor &gate_up_gradient);

// --- Log-probabilities

// out = logit[target] − log Σ exp(logit): logits T [rows, words], targets int64 [rows], out and log_sum f32 [rows]. A
// target outside the vocabulary gives NaN, since the host does not check it. `statistics`, f32 [4, rows] or undefined, is
// described at ckernels_log_probabilities.
void log_probability(const at::Tensor &logits, const at::Tensor &targets, const at::Tensor &out,
                     const at::Tensor &log_sum, const at::Tensor &statistics);

//   logits           L [rows, words]
//   targets, log_sum as in the forward pass
//   gradient         f32 [rows], of out
//   logit_gradients  G [rows, words]; may be the logits themselves if G = L. G is L, or any type if L is f32
void log_probability_backward(const at::Tensor &logits, const at::Tensor &targets, const at::Tensor &log_sum,
                              const at::Tensor &gradient, const at::Tensor &logit_gradients);

// --- Flat buffers: f32, of any shape; scalars are tensors of one element on the device

// sum = Σ x² over all buffers, a float64 scalar (which can be all-reduced). `partials` is at::empty({number}), float64.
int64_t squares_partials(at::TensorList buffers);
void sum_of_squares(at::TensorList buffers, const at::Tensor &partials, const at::Tensor &sum);

// The results of PyTorch's clip_grad_norm_ and GradScaler.unscale_, as f32 scalars:
//   norm     √sum / loss_scale
//   divisor  of the gradients: loss_scale · max(1, (norm + 1e-6) / maximum); meaningless if `skips` is 1
//   skips    1 if the norm is infinite or NaN, otherwise 0
// loss_scale is an f32 scalar, or undefined: 1. A maximum of 0 or less does not clip. (at::_amp_update_scale_ then
// updates the loss scale from `skips`, also on the device.)
void gradient_scaling(const at::Tensor &sum_of_squares, const at::Tensor &loss_scale, double maximum,
                      const at::Tensor &norm, const at::Tensor &divisor, const at::Tensor &skips);

// step += 1, an f32 scalar, unless `skips` (undefined: never) is not 0. To be called once before `adamw`, for any number of
// buffers.
void advance_step(const at::Tensor &step, const at::Tensor &skips);

struct AdamW {
  double beta1, beta2, epsilon, weight_decay;
};

// One step of AdamW as at::_fused_adamw_ defines it, with the gradients over `divisor`; nothing if `skips` is not 0.
//   parameters, gradients, moments  f32, with the same number of elements; gradients are not changed
//   low                             T, the same number, receives the new parameters; or undefined
//   learning_rate, step             f32 scalars; step already counts this step
//   divisor, skips                  f32 scalars, or undefined: 1 and 0
void adamw(const at::Tensor &parameters, const at::Tensor &gradients, const at::Tensor &first_moments,
           const at::Tensor &second_moments, const at::Tensor &low, const at::Tensor &learning_rate,
           const at::Tensor &step, const at::Tensor &divisor, const at::Tensor &skips, const AdamW &options);

} // namespace ckernels::cuda
