// Rows of a table. Their gradients are added directly to the table's gradient: LibTorch's operator creates a table of zeros
// in each call, which costs more than all the rows.
//
// On CUDA devices LibTorch's index_add_ uses atomic additions: if an index occurs more than once, the order of its sum, and
// so the last bits, differ from run to run.
#include "operators/kernel.h"
#include "simd/row_kernels.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>

using namespace ckernels;
using at::Tensor;

namespace {

// Calls body(begin, end) for each thread's run of columns; runs are at least a cache line long.
template <typename Body> void parallel_columns(int64_t columns, Body body) {
  const int64_t runs = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), columns / 64));
  parallel_items(runs, [&](int64_t run) { body(columns * run / runs, columns * (run + 1) / runs); });
}

struct Embedding : torch::autograd::Function<Embedding> {
  static Tensor forward(AutogradContext *context, const Tensor &weight, const Tensor &index) {
    context->save_for_backward({weight, index});
    return weight.index_select(0, index);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &weight = saved[0], index = saved[1].contiguous(), incoming = gradients[0].contiguous();
    const int64_t size = weight.size(1), rows = incoming.size(0);
    const int64_t *places = index.const_data_ptr<int64_t>();
    return {accumulate(weight,
                       [&](Tensor &total) {
                         if (!is_native({total, incoming})) {
                           total.index_add_(0, index, incoming);
                           return;
                         }
                         AT_DISPATCH_FLOATING_TYPES(total.scalar_type(), "embedding_backward", [&] {
                           const scalar_t *from = incoming.const_data_ptr<scalar_t>();
                           scalar_t *to = total.data_ptr<scalar_t>();
                           // Threads divide the columns, so that each sum is made by one thread, in order.
                           parallel_columns(size, [&](int64_t begin, int64_t end) {
                             for (int64_t row = 0; row < rows; ++row) {
                               row_kernels<scalar_t>().add(end - begin, from + row * size + begin,
                                                           to + places[row] * size + begin);
                             }
                           });
                         });
                       }),
            {}};
  }
};

} // namespace

ctorch_status ckernels_embedding(ctorch_tensor weight, ctorch_tensor index, ctorch_tensor *out, char **error) {
  return ctorch::produce(out, error, [&]() -> Tensor {
    const Tensor &w = weight->value, &i = index->value;
    if (i.scalar_type() == at::kLong && i.dim() == 1) return Embedding::apply(w, i);
    return at::embedding(w, i);
  });
}
