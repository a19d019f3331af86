#include "cuda/host/kernels.h"

#include "cuda/host/device.h"

#include <limits>

using namespace ckernels::cuda;
using at::Tensor;

namespace {

Element element_of(const Tensor &tensor, const char *what) {
  switch (tensor.scalar_type()) {
  case at::kFloat: return Element::f32;
  case at::kBFloat16: return Element::bf16;
  case at::kHalf: return Element::f16;
  default: TORCH_CHECK(false, what, " must be float32, bfloat16 or float16, not ", tensor.scalar_type());
  }
}

int whole(int64_t number, const char *what) {
  TORCH_CHECK(number >= 0 && number <= std::numeric_limits<int>::max(), what, " are too many: ", number);
  return static_cast<int>(number);
}

// Checks that all tensors of a call agree with its first one.
class Call {
public:
  explicit Call(const Tensor &first) : machine(machine_of(first.device())), device(first.device()) {}

  // Pointers to tensors of the given type and shape.
  const void *read(const Tensor &tensor, const char *what, at::ScalarType type, at::IntArrayRef shape) const {
    check(tensor, what, type);
    TORCH_CHECK(tensor.sizes() == shape, what, " must be ", shape, ", not ", tensor.sizes());
    return tensor.const_data_ptr();
  }
  void *write(const Tensor &tensor, const char *what, at::ScalarType type, at::IntArrayRef shape) const {
    read(tensor, what, type, shape);
    return tensor.mutable_data_ptr();
  }
  // The same for float32.
  const float *read(const Tensor &tensor, const char *what, at::IntArrayRef shape) const {
    return static_cast<const float *>(read(tensor, what, at::kFloat, shape));
  }
  float *write(const Tensor &tensor, const char *what, at::IntArrayRef shape) const {
    return static_cast<float *>(write(tensor, what, at::kFloat, shape));
  }
  // Null if the tensor is undefined.
  const float *read_if(const Tensor &tensor, const char *what, at::IntArrayRef shape) const {
    return tensor.defined() ? read(tensor, what, shape) : nullptr;
  }
  float *write_if(const Tensor &tensor, const char *what, at::IntArrayRef shape) const {
    return tensor.defined() ? write(tensor, what, shape) : nullptr;
  }
  // Of any shape.
  void *flat(const Tensor &tensor, const char *what, at::ScalarType type, int64_t count) const {
    check(tensor, what, type);
    TORCH_CHECK(tensor.numel() == count, what, " must hold ", count, " elements, not ", tensor.numel());
    return tensor.mutable_data_ptr();
  }
  float *flat(const Tensor &tensor, const char *what, int64_t count) const {
    return static_cast<float *>(flat(tensor, what, at::kFloat, count));
  }
  float *scalar_if(const Tensor &tensor, const char *what) const {
    return tensor.defined() ? flat(tensor, what, 1) : nullptr;
  }
  const long long *index(const Tensor &tensor, const char *what, int64_t rows) const {
    static_assert(sizeof(long long) == sizeof(int64_t));
    return static_cast<const long long *>(read(tensor, what, at::kLong, {rows}));
  }

  Machine &machine;

private:
  void check(const Tensor &tensor, const char *what, at::ScalarType type) const {
    TORCH_CHECK(tensor.defined(), what, " is missing");
    TORCH_CHECK(tensor.device() == device, what, " must be on ", device, ", not on ", tensor.device());
    TORCH_CHECK(tensor.scalar_type() == type, what, " must be ", type, ", not ", tensor.scalar_type());
    TORCH_CHECK(tensor.is_contiguous(), what, " must be contiguous");
  }

  const c10::Device device;
};

// Two different low types cannot be mixed.
void check_pair(Element one, Element two, const char *what) {
  TORCH_CHECK(one == two || one == Element::f32 || two == Element::f32, what, " have different low types");
}

struct Matrix {
  int64_t rows, columns;
};
Matrix matrix(const Tensor &tensor, const char *what) {
  TORCH_CHECK(tensor.dim() == 2, what, " must have two dimensions, not ", tensor.sizes());
  return {tensor.size(0), tensor.size(1)};
}

int norm_size(int64_t size) {
  TORCH_CHECK(size >= 1 && size <= ckernels_largest_normed_row, "normalized rows hold 1 to ",
              ckernels_largest_normed_row, " elements, not ", size);
  return static_cast<int>(size);
}

// The width of a row of heads.
int64_t width_of(const Heads &heads) {
  TORCH_CHECK(heads.size >= 2 && heads.size % 2 == 0 && heads.size <= ckernels_largest_head, "heads hold 2 to ",
              ckernels_largest_head, " elements, an even number, not ", heads.size);
  TORCH_CHECK(heads.query >= 0 && heads.key >= 0 && heads.value >= 0, "the number of heads cannot be negative");
  return (heads.query + heads.key + heads.value) * heads.size;
}

} // namespace

void ckernels::cuda::rms_norm(const Tensor &x, const Tensor &delta, const Tensor &weight, double epsilon,
                              const Tensor &sum, const Tensor &normed, const Tensor &scale) {
  const Call call(x);
  const auto [rows, columns] = matrix(x, "x");
  RMSNormArguments a{};
  a.size = norm_size(columns);
  a.rows = rows;
  a.epsilon = static_cast<float>(epsilon);
  a.x = call.read(x, "x", x.sizes());
  a.weight = call.read(weight, "weight", {columns});
  a.scale = call.write(scale, "scale", {rows});
  const Element to = element_of(normed, "normed");
  a.normed = call.write(normed, "normed", normed.scalar_type(), x.sizes());
  Element from = to;
  if (delta.defined()) {
    from = element_of(delta, "delta");
    check_pair(from, to, "delta and normed");
    a.delta = call.read(delta, "delta", delta.scalar_type(), x.sizes());
    a.sum = call.write(sum, "sum", x.sizes());
  }
  rms_norm(call.machine, from, to, a);
}

int64_t ckernels::cuda::rms_norm_partials(c10::Device device, int64_t rows, int64_t size) {
  return rms_norm_backward_blocks(machine_of(device).multiprocessors, rows, norm_size(size));
}

void ckernels::cuda::rms_norm_backward(const Tensor &x, const Tensor &weight, const Tensor &scale,
                                       const Tensor &normed_gradient, const Tensor &sum_gradient,
                                       const Tensor &gradient, const Tensor &delta_gradient, const Tensor &partials,
                                       const Tensor &weight_gradient) {
  const Call call(x);
  const auto [rows, columns] = matrix(x, "x");
  RMSNormBackwardArguments a{};
  a.size = norm_size(columns);
  a.rows = rows;
  a.x = call.read(x, "x", x.sizes());
  a.weight = call.read(weight, "weight", {columns});
  a.scale = call.read(scale, "scale", {rows});
  const Element from = element_of(normed_gradient, "the gradient of normed");
  a.normed_gradient = call.read(normed_gradient, "the gradient of normed", normed_gradient.scalar_type(), x.sizes());
  a.sum_gradient = call.read_if(sum_gradient, "the gradient of sum", x.sizes());
  a.gradient = call.write(gradient, "the gradient", x.sizes());
  Element to = from;
  if (delta_gradient.defined()) {
    to = element_of(delta_gradient, "the gradient of delta");
    check_pair(from, to, "the gradients of normed and delta");
    a.delta_gradient = call.write(delta_gradient, "the gradient of delta", delta_gradient.scalar_type(), x.sizes());
  }
  TORCH_CHECK(partials.defined() == weight_gradient.defined(),
              "partials and the weight's gradient must be given together");
  a.partials = call.write_if(partials, "partials", {rms_norm_partials(x.device(), rows, columns), columns});
  rms_norm_backward(call.machine, to, from, a, call.write_if(weight_gradient, "the weight's gradient", {columns}));
}

void ckernels::cuda::rotate(const Tensor &packed, const Tensor &query_weight, const Tensor &key_weight,
                            const Tensor &cosines, const Tensor &sines, const Heads &heads, double epsilon,
                            const Tensor &out, const Tensor &scale) {
  const Call call(packed);
  const int64_t width = width_of(heads), tokens = matrix(packed, "packed").rows, half = heads.size / 2;
  RotateArguments a{};
  a.tokens = tokens;
  a.query = whole(heads.query, "query heads");
  a.key = whole(heads.key, "key heads");
  a.value = whole(heads.value, "value heads");
  a.size = static_cast<int>(heads.size);
  a.epsilon = static_cast<float>(epsilon);
  const Element element = element_of(packed, "packed");
  a.packed = call.read(packed, "packed", packed.scalar_type(), {tokens, width});
  a.query_weight = call.read_if(query_weight, "the queries' weight", {heads.size});
  a.key_weight = call.read_if(key_weight, "the keys' weight", {heads.size});
  a.cosines = call.read(cosines, "cosines", {tokens, half});
  a.sines = call.read(sines, "sines", {tokens, half});
  a.out = call.write(out, "out", packed.scalar_type(), {tokens, width});
  if (a.query_weight || a.key_weight) a.scale = call.write(scale, "scale", {tokens, heads.query + heads.key});
  rotate(call.machine, element, a);
}

int64_t ckernels::cuda::rotate_partials(c10::Device device, int64_t tokens, const Heads &heads) {
  const int64_t count = width_of(heads) / heads.size;
  return rotate_backward_blocks(machine_of(device).multiprocessors, tokens, whole(count, "heads"),
                                static_cast<int>(heads.size));
}

void ckernels::cuda::rotate_backward(const Tensor &packed, const Tensor &query_weight, const Tensor &key_weight,
                                     const Tensor &cosines, const Tensor &sines, const Tensor &scale,
                                     const Heads &heads, const Tensor &out_gradient, const Tensor &gradient,
                                     const Tensor &partials, const Tensor &query_weight_gradient,
                                     const Tensor &key_weight_gradient) {
  const Call call(out_gradient);
  const int64_t width = width_of(heads), tokens = matrix(out_gradient, "the gradient of out").rows;
  const int64_t half = heads.size / 2;
  const at::ScalarType type = out_gradient.scalar_type();
  RotateBackwardArguments a{};
  a.tokens = tokens;
  a.query = whole(heads.query, "query heads");
  a.key = whole(heads.key, "key heads");
  a.value = whole(heads.value, "value heads");
  a.size = static_cast<int>(heads.size);
  const Element element = element_of(out_gradient, "the gradient of out");
  a.out_gradient = call.read(out_gradient, "the gradient of out", type, {tokens, width});
  a.gradient = call.write(gradient, "the gradient", type, {tokens, width});
  a.query_weight = call.read_if(query_weight, "the queries' weight", {heads.size});
  a.key_weight = call.read_if(key_weight, "the keys' weight", {heads.size});
  a.cosines = call.read(cosines, "cosines", {tokens, half});
  a.sines = call.read(sines, "sines", {tokens, half});
  if (a.query_weight || a.key_weight) {
    a.packed = call.read(packed, "packed", type, {tokens, width});
    a.scale = call.read(scale, "scale", {tokens, heads.query + heads.key});
  }
  TORCH_CHECK(!query_weight_gradient.defined() || query_weight.defined(),
              "without a weight for queries there is no gradient of it");
  TORCH_CHECK(!key_weight_gradient.defined() || key_weight.defined(),
              "without a weight for keys there is no gradient of it");
  TORCH_CHECK(partials.defined() == (query_weight_gradient.defined() || key_weight_gradient.defined()),
              "partials and the weights' gradients must be given together");
  const int64_t blocks = rotate_partials(out_gradient.device(), tokens, heads);
  a.partials = call.write_if(partials, "partials", {blocks, 2, heads.size});
  rotate_backward(call.machine, element, a,
                  call.write_if(query_weight_gradient, "the queries' weight's gradient", {heads.size}),
                  call.write_if(key_weight_gradient, "the keys' weight's gradient", {heads.size}));
}

void ckernels::cuda::swiglu(const Tensor &gate_up, const Tensor &product) {
  const Call call(gate_up);
  const auto [rows, columns] = matrix(gate_up, "gate and up");
  const at::ScalarType type = gate_up.scalar_type();
  SwiGLUArguments a{};
  a.rows = rows;
  a.size = whole(columns / 2, "elements of a row");
  a.gate_up = call.read(gate_up, "gate and up", type, {rows, 2 * int64_t(a.size)});
  a.product = call.write(product, "the product", type, {rows, a.size});
  swiglu(call.machine, element_of(gate_up, "gate and up"), a);
}

void ckernels::cuda::swiglu_backward(const Tensor &gate_up, const Tensor &product_gradient, const Tensor &product,
                                     const Tensor &gate_up_gradient) {
  const Call call(gate_up);
  const auto [rows, columns] = matrix(gate_up, "gate and up");
  const at::ScalarType type = gate_up.scalar_type();
  SwiGLUArguments a{};
  a.rows = rows;
  a.size = whole(columns / 2, "elements of a row");
  a.gate_up = call.read(gate_up, "gate and up", type, {rows, 2 * int64_t(a.size)});
  a.product_gradient = call.read(product_gradient, "the product's gradient", type, {rows, a.size});
  a.product = call.write(product, "the product", type, {rows, a.size});
  a.gate_up_gradient = call.write(gate_up_gradient, "the gradient of gate and up", type, gate_up.sizes());
  swiglu_backward(call.machine, element_of(gate_up, "gate and up"), a);
}

void ckernels::cuda::log_probability(const Tensor &logits, const Tensor &targets, const Tensor &out,
                                     const Tensor &log_sum, const Tensor &statistics) {
  const Call call(logits);
  const auto [rows, words] = matrix(logits, "logits");
  LogProbabilityArguments a{};
  a.rows = rows;
  a.words = whole(words, "words");
  a.logits = call.read(logits, "logits", logits.scalar_type(), logits.sizes());
  a.targets = call.index(targets, "targets", rows);
  a.out = call.write(out, "out", {rows});
  a.log_sum = call.write(log_sum, "log_sum", {rows});
  a.statistics = call.write_if(statistics, "statistics", {4, rows});
  log_probability(call.machine, element_of(logits, "logits"), a);
}

void ckernels::cuda::log_probability_backward(const Tensor &logits, const Tensor &targets, const Tensor &log_sum,
                                              const Tensor &gradient, const Tensor &logit_gradients) {
  const Call call(logits);
  const auto [rows, words] = matrix(logits, "logits");
  const Element from = element_of(logits, "logits"), to = element_of(logit_gradients, "the logits' gradients");
  TORCH_CHECK(from == to || from == Element::f32, "logits of a low type must have gradients of that type");
  LogProbabilityBackwardArguments a{};
  a.rows = rows;
  a.words = whole(words, "words");
  a.logits = call.read(logits, "logits", logits.scalar_type(), logits.sizes());
  a.targets = call.index(targets, "targets", rows);
  a.log_sum = call.read(log_sum, "log_sum", {rows});
  a.gradient = call.read(gradient, "the gradient", {rows});
  a.logit_gradients =
      call.write(logit_gradients, "the logits' gradients", logit_gradients.scalar_type(), logits.sizes());
  TORCH_CHECK(from == to || a.logits != a.logit_gradients,
              "gradients of another type than the logits need separate memory");
  log_probability_backward(call.machine, from, to, a);
}

int64_t ckernels::cuda::squares_partials(at::TensorList buffers) {
  TORCH_CHECK(!buffers.empty(), "the sum of squares needs at least one buffer");
  const Machine &machine = machine_of(buffers[0].device());
  int64_t count = 0;
  for (const Tensor &buffer : buffers) count += squares_blocks(machine, buffer.numel());
  return count;
}

void ckernels::cuda::sum_of_squares(at::TensorList buffers, const Tensor &partials, const Tensor &sum) {
  const int64_t count = squares_partials(buffers);
  const Call call(buffers[0]);
  auto *shares = static_cast<double *>(call.write(partials, "partials", at::kDouble, {count}));
  int64_t written = 0;
  for (const Tensor &buffer : buffers) {
    sum_of_squares(call.machine,
                   SquaresArguments{call.flat(buffer, "a buffer", buffer.numel()), shares + written, buffer.numel()});
    written += squares_blocks(call.machine, buffer.numel());
  }
  add_squares(call.machine, {shares, static_cast<double *>(call.flat(sum, "the sum", at::kDouble, 1)), count});
}

void ckernels::cuda::gradient_scaling(const Tensor &sum_of_squares, const Tensor &loss_scale, double maximum,
                                      const Tensor &norm, const Tensor &divisor, const Tensor &skips) {
  const Call call(sum_of_squares);
  ScalingArguments a{};
  a.sum_of_squares = static_cast<const double *>(call.flat(sum_of_squares, "the sum of squares", at::kDouble, 1));
  a.loss_scale = call.scalar_if(loss_scale, "the loss scale");
  a.maximum = maximum;
  a.norm = call.flat(norm, "the norm", 1);
  a.divisor = call.flat(divisor, "the divisor", 1);
  a.skips = call.flat(skips, "skips", 1);
  gradient_scaling(call.machine, a);
}

void ckernels::cuda::advance_step(const Tensor &step, const Tensor &skips) {
  const Call call(step);
  advance_step(call.machine, StepArguments{call.flat(step, "the step", 1), call.scalar_if(skips, "skips")});
}

void ckernels::cuda::adamw(const Tensor &parameters, const Tensor &gradients, const Tensor &first_moments,
                           const Tensor &second_moments, const Tensor &low, const Tensor &learning_rate,
                           const Tensor &step, const Tensor &divisor, const Tensor &skips, const AdamW &options) {
  const Call call(parameters);
  AdamWArguments a{};
  a.count = parameters.numel();
  a.parameters = call.flat(parameters, "parameters", a.count);
  a.gradients = call.flat(gradients, "gradients", a.count);
  a.first_moments = call.flat(first_moments, "first moments", a.count);
  a.second_moments = call.flat(second_moments, "second moments", a.count);
  a.learning_rate = call.flat(learning_rate, "the learning rate", 1);
  a.step = call.flat(step, "the step", 1);
  a.divisor = call.scalar_if(divisor, "the divisor");
  a.skips = call.scalar_if(skips, "skips");
  a.beta1 = options.beta1;
  a.beta2 = options.beta2;
  a.epsilon = options.epsilon;
  a.weight_decay = options.weight_decay;
  Element to = Element::f32;
  if (low.defined()) {
    to = element_of(low, "the low parameters");
    a.low = call.flat(low, "the low parameters", low.scalar_type(), a.count);
  }
  adamw(call.machine, to, a);
}
