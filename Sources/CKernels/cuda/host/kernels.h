// The fused operations on CUDA tensors, forward and backward, each one or two launches on the current stream.
//
// All results go into tensors that the caller brings, and none is read on the host, so all may be captured in a graph, once
// `available` has been called for the device. All tensors are on one device and without gaps; what may be undefined says
// so. T is float32, bfloat16 or float16, and the same T within a function unless two are named; sums over a row, scales,
// tables, norms' weights and all that is said to be f32 are float32, and so is the arithmetic between reading and writing.
// What does not fit throws c10::Error.
//
// Gradients of weights are added to (into .grad, or into zeros); all other results are overwritten. Everything gives the
// same bits each time on the same kind of device.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace ckernels::cuda {

// Whether the kernels can be used on a device: compiles and loads them at the first call for it, not while capturing. False
// where that failed, with one warning that says why, and where this build has no CUDA. Never throws.
bool available(c10::Device device);

// --- Norms: rows of up to 8192 elements

// sum = x + delta, normed = sum · scale · weight, scale = 1/√(mean sum² + ε).
//   x        f32 [rows, size], the residual stream
//   delta    D [rows, size], or undefined: then `sum` is undefined too, and x is normed
//   weight   f32 [size]
//   sum      f32 [rows, size]; may be x itself
//   normed   N [rows, size]
//   scale    f32 [rows], for the backward pass
// D and N are f32, or one low type; one of them may be f32 where the other is low.
void rms_norm(const at::Tensor &x, const at::Tensor &delta, const at::Tensor &weight, double epsilon,
              const at::Tensor &sum, const at::Tensor &normed, const at::Tensor &scale);

// How many rows of partial sums the backward pass needs: at::empty({that, size}), f32. It depends on device and shape alone.
int64_t rms_norm_partials(c10::Device device, int64_t rows, int64_t size);

//   x                f32 [rows, size]: `sum` where there was a delta, else x
//   weight, scale    as forward
//   normed_gradient  N [rows, size]
//   sum_gradient     f32 [rows, size], what comes down the residual stream, or undefined: nothing
//   gradient         f32 [rows, size], at x (and at delta); may be sum_gradient itself
//   delta_gradient   D [rows, size], the same in the type of delta, or undefined: not wanted; may be normed_gradient itself
//                    where N = D
//   partials         f32 [rms_norm_partials, size]; undefined exactly where weight_gradient is
//   weight_gradient  f32 [size], added to, or undefined: not wanted
void rms_norm_backward(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                       const at::Tensor &normed_gradient, const at::Tensor &sum_gradient, const at::Tensor &gradient,
                       const at::Tensor &delta_gradient, const at::Tensor &partials, const at::Tensor &weight_gradient);

// --- Heads of up to 512 elements, an even number

// Heads of a row, as ckernels_heads counts them.
struct Heads {
  int64_t query, key, value, size;
};

// Queries and keys normed (where they have weights) and turned, values copied.
//   packed         T [tokens, (query + key + value) · size]
//   weights        f32 [size], or undefined: that kind is not normed
//   cosines, sines f32 [tokens, size / 2]
//   out            T like packed; may be packed itself where there are no weights (backward reads packed otherwise)
//   scale          f32 [tokens, query + key]; undefined where both weights are. Columns of a kind without one are not written
void rotate(const at::Tensor &packed, const at::Tensor &query_weight, const at::Tensor &key_weight,
            const at::Tensor &cosines, const at::Tensor &sines, const Heads &heads, double epsilon,
            const at::Tensor &out, const at::Tensor &scale);

// Rows of partial sums for the backward pass: at::empty({that, 2, size}), f32.
int64_t rotate_partials(c10::Device device, int64_t tokens, const Heads &heads);

//   packed           T as forward; undefined where both weights are
//   scale            as forward left it; undefined where both weights are
//   out_gradient     T like packed
//   gradient         T like packed; may be out_gradient itself
//   partials         f32 [rotate_partials, 2, size]; undefined exactly where neither gradient below is wanted
//   weight gradients f32 [size], added to, or undefined: not wanted
void rotate_backward(const at::Tensor &packed, const at::Tensor &query_weight, const at::Tensor &key_weight,
                     const at::Tensor &cosines, const at::Tensor &sines, const at::Tensor &scale, const Heads &heads,
                     const at::Tensor &out_gradient, const at::Tensor &gradient, const at::Tensor &partials,
                     const at::Tensor &query_weight_gradient, const at::Tensor &key_weight_gradient);

// --- SwiGLU

// product = silu(gate) · up: gate_up T [rows, 2 · size], product T [rows, size].
void swiglu(const at::Tensor &gate_up, const at::Tensor &product);

//   gate_up           T [rows, 2 · size]
//   product_gradient  T [rows, size]
//   product           T [rows, size], made again for the weight's gradient; may be product_gradient itself
//   gate_up_gradient  T [rows, 2 · size]; may be gate_up itself
void swiglu_backward(const at::Tensor &gate_up, const at::Tensor &product_gradient, const at::Tensor &product,
                     const at::Tensor &gate_up_gradient);

// --- Log-probabilities

// out = logit[target] − log Σ exp(logit): logits T [rows, words], targets int64 [rows], out and log_sum f32 [rows]. A
// target outside the words gives NaN, since the host does not look.
void log_probability(const at::Tensor &logits, const at::Tensor &targets, const at::Tensor &out,
                     const at::Tensor &log_sum);

//   logits           L [rows, words]
//   targets, log_sum as forward
//   gradient         f32 [rows], at out
//   logit_gradients  G [rows, words]; may be logits themselves where G = L. G is L, or any where L is f32
void log_probability_backward(const at::Tensor &logits, const at::Tensor &targets, const at::Tensor &log_sum,
                              const at::Tensor &gradient, const at::Tensor &logit_gradients);

// --- Flat buffers: f32, of any shape; scalars are tensors of one element on the device

// sum = Σ x² over all buffers, a scalar of float64 (which may be all-reduced). `partials` is at::empty({that number}),
// float64.
int64_t squares_partials(at::TensorList buffers);
void sum_of_squares(at::TensorList buffers, const at::Tensor &partials, const at::Tensor &sum);

// What PyTorch's clip_grad_norm_ and GradScaler.unscale_ compute, as scalars of f32:
//   norm     √sum / loss_scale
//   divisor  of the gradients: loss_scale · max(1, (norm + 1e-6) / maximum); of no meaning where `skips` is 1
//   skips    1 where the norm is infinite or no number, else 0
// loss_scale is a scalar of f32, or undefined: 1. A maximum of 0 or less does not clip. (at::_amp_update_scale_ then
// updates the loss scale from `skips`, on the device as well.)
void gradient_scaling(const at::Tensor &sum_of_squares, const at::Tensor &loss_scale, double maximum,
                      const at::Tensor &norm, const at::Tensor &divisor, const at::Tensor &skips);

// step += 1, a scalar of f32, unless `skips` (or undefined: never) is not 0. Once before `adamw`, whatever the number of
// its buffers.
void advance_step(const at::Tensor &step, const at::Tensor &skips);

struct AdamW {
  double beta1, beta2, epsilon, weight_decay;
};

// One step of AdamW as at::_fused_adamw_ defines it, of the gradients over `divisor`; nothing where `skips` is not 0.
//   parameters, gradients, moments  f32, equally many elements; gradients are not changed
//   low                             T as many, receives the new parameters; or undefined
//   learning_rate, step             f32 scalars; step counts this step already
//   divisor, skips                  f32 scalars, or undefined: 1 and 0
void adamw(const at::Tensor &parameters, const at::Tensor &gradients, const at::Tensor &first_moments,
           const at::Tensor &second_moments, const at::Tensor &low, const at::Tensor &learning_rate,
           const at::Tensor &step, const at::Tensor &divisor, const at::Tensor &skips, const AdamW &options);

} // namespace ckernels::cuda
