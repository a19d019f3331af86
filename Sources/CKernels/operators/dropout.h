// Dropout that is a function of a key: the backward pass, and a pass that runs again, drop the same elements without having
// kept a mask, and a captured pass drops others when the key's memory was refilled.
#pragma once

#include <ATen/core/Tensor.h>

namespace ckernels {

struct Dropout {
  double probability = 0;
  at::Tensor key; // an int64 scalar on the device of the rows
  int64_t stream = 0;

  // Rows, [rows, size], with dropped elements 0 and the others over 1 − probability; the rows themselves if nothing is
  // dropped. Linear, and so its own gradient.
  at::Tensor apply(const at::Tensor &rows) const;
};

} // namespace ckernels
