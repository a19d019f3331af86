#include "operators/swiglu.h"
#include "cuda/host/kernels.h"
#include "operators/kernel.h"
#include "simd/row_kernels.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>

using namespace ckernels;
using at::Tensor;

namespace {

bool fits_device(const Tensor &rows) {
  return rows.is_cuda() && rows.scalar_type() != at::kDouble && cuda::available(rows.device());
}

} // namespace

Tensor ckernels::swiglu(const Tensor &gate_up) {
  const int64_t rows = gate_up.size(0), size = gate_up.size(1) / 2;
  if (fits_device(gate_up)) {
    Tensor product = at::empty({rows, size}, gate_up.options());
    cuda::swiglu(gate_up, product);
    return product;
  }
  if (!is_native({gate_up})) {
    const Tensor gate = gate_up.narrow(1, 0, size).to(at::kFloat), up = gate_up.narrow(1, size, size).to(at::kFloat);
    return gate.mul(at::sigmoid(gate)).mul(up).to(gate_up.scalar_type());
  }
  Tensor product = at::empty({rows, size}, gate_up.options());
  AT_DISPATCH_FLOATING_TYPES(gate_up.scalar_type(), "swiglu", [&] {
    parallel_runs(rows, [&](int64_t, int64_t begin, int64_t end) {
      row_kernels<scalar_t>().swiglu(end - begin, size, gate_up.const_data_ptr<scalar_t>() + begin * 2 * size,
                                     product.data_ptr<scalar_t>() + begin * size);
    });
  });
  return product;
}

Tensor ckernels::swiglu_backward(const Tensor &gate_up, Tensor &product) {
  const int64_t rows = gate_up.size(0), size = gate_up.size(1) / 2;
  if (fits_device(gate_up)) {
    Tensor at_gate_up = at::empty_like(gate_up);
    cuda::swiglu_backward(gate_up, product, product, at_gate_up);
    return at_gate_up;
  }
  if (!is_native({gate_up, product})) {
    const Tensor gate = gate_up.narrow(1, 0, size).to(at::kFloat), up = gate_up.narrow(1, size, size).to(at::kFloat);
    const Tensor incoming = product.to(at::kFloat), sigmoid = at::sigmoid(gate), silu = gate.mul(sigmoid);
    product = silu.mul(up).to(gate_up.scalar_type());
    // silu'(g) = σ(g) · (1 + g · (1 − σ(g)))
    const Tensor at_gate = incoming.mul(up).mul(sigmoid).mul(gate.sub(silu).add(1));
    return at::cat({at_gate, incoming.mul(silu)}, 1).to(gate_up.scalar_type());
  }
  Tensor gradient = at::empty_like(gate_up);
  AT_DISPATCH_FLOATING_TYPES(gate_up.scalar_type(), "swiglu_backward", [&] {
    parallel_runs(rows, [&](int64_t, int64_t begin, int64_t end) {
      row_kernels<scalar_t>().swiglu_backward(end - begin, size, gate_up.const_data_ptr<scalar_t>() + begin * 2 * size,
                                              product.data_ptr<scalar_t>() + begin * size,
                                              gradient.data_ptr<scalar_t>() + begin * 2 * size);
    });
  });
  return gradient;
}
