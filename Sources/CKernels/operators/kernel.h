// Shared by the fused operators.
#pragma once

#include "ckernels.h"
#include "ctorch_handles.h"
#include "threads/threads.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/graph_task.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

namespace ckernels {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Whether the C++ loops of this library can run: all tensors are on the CPU and have one type, float32 or float64.
inline bool is_native(std::initializer_list<at::Tensor> tensors) {
  at::ScalarType type = (*tensors.begin()).scalar_type();
  if (type != at::kFloat && type != at::kDouble) return false;
  return std::all_of(tensors.begin(), tensors.end(), [type](const at::Tensor &tensor) {
    return !tensor.defined() || (tensor.device().is_cpu() && tensor.scalar_type() == type);
  });
}

// An optional argument of a node: LibTorch numbers a node's edges without missing arguments.
inline std::optional<at::Tensor> given(const at::Tensor &tensor) {
  return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}

// The number of runs that rows are split into: one per thread, or fewer for few rows.
inline int64_t run_count(int64_t rows) {
  return std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), rows / 16));
}

// Splits rows into runs, which depend only on the number of threads, and calls body(run, begin, end).
// Not at all where there are none: an empty tensor has no address to count from.
template <typename Body> void parallel_runs(int64_t rows, Body body) {
  if (rows == 0) return;
  const int64_t runs = run_count(rows);
  parallel_items(runs, [&](int64_t run) { body(run, rows * run / runs, rows * (run + 1) / runs); });
}

// The memory to which a backward pass may add a parameter's gradient directly, or an undefined tensor.
//
// Only a plain .backward() accumulates into .grad. A call for the gradients of given inputs, or with create_graph, takes
// them from the nodes.
inline at::Tensor gradient_in_place(const at::Tensor &parameter) {
  const auto *selection = torch::autograd::get_current_graph_task_exec_info();
  if (c10::GradMode::is_enabled() || (selection && !selection->empty()) || !parameter.is_leaf()) return {};
  const at::Tensor &gradient = parameter.grad();
  const bool fits = gradient.defined() && gradient.is_contiguous() && gradient.sizes() == parameter.sizes() &&
                    gradient.scalar_type() == parameter.scalar_type() && gradient.device() == parameter.device();
  return fits ? gradient : at::Tensor();
}

// Calls add(gradient) with the memory to which a parameter's gradient is added, and returns the result of the node.
template <typename Add> at::Tensor accumulate(const at::Tensor &parameter, Add add) {
  if (at::Tensor gradient = gradient_in_place(parameter); gradient.defined()) {
    add(gradient);
    return {};
  }
  at::Tensor gradient = at::zeros_like(parameter, at::MemoryFormat::Contiguous);
  add(gradient);
  return gradient;
}

} // namespace ckernels
