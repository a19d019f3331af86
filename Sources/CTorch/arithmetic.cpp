// Operators that work element by element.
#include "ctorch_operators.h"
#include "ctorch_handles.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/div.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/le.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/where.h>

using namespace ctorch;

ctorch_status ctorch_unary(ctorch_unary_operator op, ctorch_tensor a, ctorch_tensor *out, char **error) {
  return produce(out, error, [&]() -> at::Tensor {
    const at::Tensor &x = a->value;
    switch (op) {
    case CTORCH_NEG: return at::neg(x);
    case CTORCH_ABS: return at::abs(x);
    case CTORCH_EXP: return at::exp(x);
    case CTORCH_LOG: return at::log(x);
    case CTORCH_SQRT: return at::sqrt(x);
    case CTORCH_RSQRT: return at::rsqrt(x);
    case CTORCH_SIN: return at::sin(x);
    case CTORCH_COS: return at::cos(x);
    case CTORCH_SIGMOID: return at::sigmoid(x);
    case CTORCH_LOG_SIGMOID: return at::log_sigmoid(x);
    case CTORCH_SILU: return at::silu(x);
    case CTORCH_RELU: return at::relu(x);
    case CTORCH_ISFINITE: return at::isfinite(x);
    case CTORCH_LOGICAL_NOT: return at::logical_not(x);
    }
    TORCH_CHECK(false, "no unary operator has the number ", static_cast<int>(op));
  });
}

ctorch_status ctorch_binary(ctorch_binary_operator op, ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out,
                            char **error) {
  return produce(out, error, [&]() -> at::Tensor {
    const at::Tensor &x = a->value, &y = b->value;
    switch (op) {
    case CTORCH_ADD: return at::add(x, y);
    case CTORCH_SUB: return at::sub(x, y);
    case CTORCH_MUL: return at::mul(x, y);
    case CTORCH_DIV: return at::div(x, y);
    case CTORCH_POW: return at::pow(x, y);
    case CTORCH_EQ: return at::eq(x, y);
    case CTORCH_NE: return at::ne(x, y);
    case CTORCH_LT: return at::lt(x, y);
    case CTORCH_GT: return at::gt(x, y);
    case CTORCH_GE: return at::ge(x, y);
    case CTORCH_MAXIMUM: return at::maximum(x, y);
    case CTORCH_MINIMUM: return at::minimum(x, y);
    case CTORCH_LOGICAL_AND: return at::logical_and(x, y);
    case CTORCH_MATMUL: return at::matmul(x, y);
    }
    TORCH_CHECK(false, "no binary operator has the number ", static_cast<int>(op));
  });
}

ctorch_status ctorch_binary_scalar(ctorch_binary_operator op, ctorch_tensor a, double b, ctorch_tensor *out,
                                   char **error) {
  return produce(out, error, [&]() -> at::Tensor {
    const at::Tensor &x = a->value;
    switch (op) {
    case CTORCH_ADD: return at::add(x, b);
    case CTORCH_SUB: return at::sub(x, b);
    case CTORCH_MUL: return at::mul(x, b);
    case CTORCH_DIV: return at::div(x, b);
    case CTORCH_POW: return at::pow(x, b);
    case CTORCH_EQ: return at::eq(x, b);
    case CTORCH_NE: return at::ne(x, b);
    case CTORCH_LT: return at::lt(x, b);
    case CTORCH_GT: return at::gt(x, b);
    case CTORCH_GE: return at::ge(x, b);
    default: TORCH_CHECK(false, "binary operator ", static_cast<int>(op), " takes no scalar");
    }
  });
}

ctorch_status ctorch_scalar_binary(ctorch_binary_operator op, double a, ctorch_tensor b, ctorch_tensor *out,
                                   char **error) {
  return produce(out, error, [&]() -> at::Tensor {
    const at::Tensor &y = b->value;
    switch (op) {
    case CTORCH_SUB: return at::rsub(y, a);
    case CTORCH_DIV: return at::reciprocal(y).mul(a);
    default: TORCH_CHECK(false, "binary operator ", static_cast<int>(op), " takes no number on its left");
    }
  });
}

ctorch_status ctorch_binary_in_place(ctorch_binary_operator op, ctorch_tensor a, ctorch_tensor b, char **error) {
  return guarded(error, [&] {
    at::Tensor &x = a->value;
    switch (op) {
    case CTORCH_ADD: x.add_(b->value); return;
    case CTORCH_SUB: x.sub_(b->value); return;
    case CTORCH_MUL: x.mul_(b->value); return;
    case CTORCH_DIV: x.div_(b->value); return;
    default: TORCH_CHECK(false, "binary operator ", static_cast<int>(op), " does not work in place");
    }
  });
}

ctorch_status ctorch_binary_scalar_in_place(ctorch_binary_operator op, ctorch_tensor a, double b, char **error) {
  return guarded(error, [&] {
    at::Tensor &x = a->value;
    switch (op) {
    case CTORCH_ADD: x.add_(b); return;
    case CTORCH_SUB: x.sub_(b); return;
    case CTORCH_MUL: x.mul_(b); return;
    case CTORCH_DIV: x.div_(b); return;
    default: TORCH_CHECK(false, "binary operator ", static_cast<int>(op), " does not work in place");
    }
  });
}

ctorch_status ctorch_fill_in_place(ctorch_tensor a, double value, char **error) {
  return guarded(error, [&] { a->value.fill_(value); });
}

ctorch_status ctorch_copy_in_place(ctorch_tensor a, ctorch_tensor source, bool non_blocking, char **error) {
  return guarded(error, [&] { a->value.copy_(source->value, non_blocking); });
}

ctorch_status ctorch_clamp(ctorch_tensor a, double minimum, double maximum, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::clamp(a->value, minimum, maximum); });
}

ctorch_status ctorch_where(ctorch_tensor condition, ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out,
                           char **error) {
  return produce(out, error, [&] { return at::where(condition->value, a->value, b->value); });
}

ctorch_status ctorch_masked_fill(ctorch_tensor a, ctorch_tensor mask, double value, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::masked_fill(a->value, mask->value, value); });
}

ctorch_status ctorch_tril(ctorch_tensor a, int64_t diagonal, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] { return at::tril(a->value, diagonal); });
}
