// The exchange of gradients between ranks while the backward pass still runs ("PyTorch Distributed", Li et al., 2020,
// section 3.2, has the idea: buckets, sent as soon as they are full, always in the same order).
//
// LibTorch's own c10d::Reducer keeps its buckets in tensors of its own, and every rank must run a backward pass of its
// own in every step. Here the buckets are slices of the flat gradient buffer that clipping and optimizer work on, and a
// rank without a micro-batch takes part with its zeros.
#include "distributed.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <chrono>
#include <functional>
#include <utility>

using namespace ctorch;

namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Runs behind the node that accumulates a variable's gradient, once per backward pass.
class AccumulationHook : public torch::autograd::FunctionPostHook {
public:
  explicit AccumulationHook(std::function<void()> body) : body_(std::move(body)) {}

  torch::autograd::variable_list operator()(const torch::autograd::variable_list &outputs,
                                            const torch::autograd::variable_list &) override {
    body_();
    return outputs;
  }

private:
  std::function<void()> body_;
};

using Accumulator = decltype(torch::autograd::impl::grad_accumulator(std::declval<const at::Tensor &>()));

} // namespace

struct ctorch_reducer_s {
  // Others may hold the accumulators longer; no hook may call what is gone.
  ~ctorch_reducer_s() {
    for (auto &[accumulator, key] : hooks) accumulator->del_post_hook(key);
  }

  struct Bucket {
    at::Tensor all;  // the slice of the gradient buffer
    at::Tensor mine; // the part of it whose sum this rank receives
    bool shards = false;
    size_t variables = 0;
    size_t missing = 0;
    c10::intrusive_ptr<c10d::Work> work;
  };

  c10::intrusive_ptr<c10d::Backend> group;
  std::vector<Bucket> buckets;
  // An accumulator lives only as long as somebody holds it, and its hooks with it.
  std::vector<std::pair<Accumulator, uintptr_t>> hooks;
  bool armed = false;
  size_t next = 0; // the first bucket that has not been sent
  Clock::time_point first_sent;

  void gradient_is_ready(ctorch_bucket_range reached) {
    if (!armed) return;
    for (size_t bucket = reached.first; bucket <= reached.last; ++bucket) {
      // A bucket that was counted twice has left without a part of its gradients.
      TORCH_CHECK(buckets[bucket].missing > 0, "a backward pass completed a gradient of bucket ", bucket, " twice");
      --buckets[bucket].missing;
    }
    // All ranks must send in the same order, whatever the order in which their gradients come.
    while (next < buckets.size() && buckets[next].missing == 0) send(next++);
  }

  void send(size_t index) {
    if (index == 0) first_sent = Clock::now();
    Bucket &bucket = buckets[index];
    c10::AutoGradMode no_grad(false);
    if (bucket.shards) {
      bucket.work = group->_reduce_scatter_base(bucket.mine, bucket.all);
    } else {
      std::vector<at::Tensor> tensors{bucket.all};
      bucket.work = group->allreduce(tensors);
    }
  }
};

ctorch_status ctorch_reducer_new(ctorch_group group, ctorch_tensor gradients, const ctorch_bucket *buckets,
                                 size_t bucket_count, const ctorch_tensor *variables,
                                 const ctorch_bucket_range *buckets_of_variables, size_t variable_count, int rank,
                                 int size, ctorch_reducer *out, char **error) {
  return guarded(error, [&] {
    auto reducer = std::make_unique<ctorch_reducer_s>();
    reducer->group = group->value;
    for (size_t i = 0; i < bucket_count; ++i) {
      ctorch_reducer_s::Bucket bucket;
      bucket.all = gradients->value.detach().narrow(0, buckets[i].offset, buckets[i].count);
      bucket.shards = buckets[i].shards;
      TORCH_CHECK(!bucket.shards || buckets[i].count % size == 0, "a bucket of ", buckets[i].count,
                  " elements cannot be divided among ", size, " ranks");
      const int64_t part = buckets[i].count / size;
      bucket.mine = bucket.shards ? bucket.all.narrow(0, part * rank, part) : bucket.all;
      reducer->buckets.push_back(std::move(bucket));
    }
    ctorch_reducer_s *target = reducer.get();
    for (size_t i = 0; i < variable_count; ++i) {
      const ctorch_bucket_range reached = buckets_of_variables[i];
      TORCH_CHECK(reached.first <= reached.last && reached.last < bucket_count, "there is no bucket ", reached.last);
      for (size_t bucket = reached.first; bucket <= reached.last; ++bucket) ++reducer->buckets[bucket].variables;
      auto accumulator = torch::autograd::impl::grad_accumulator(variables[i]->value);
      TORCH_CHECK(accumulator, "a tensor that needs no gradient was given to the reducer");
      const uintptr_t key = accumulator->add_post_hook(
          std::make_unique<AccumulationHook>([target, reached] { target->gradient_is_ready(reached); }));
      reducer->hooks.emplace_back(std::move(accumulator), key);
    }
    *out = reducer.release();
  });
}

ctorch_status ctorch_reducer_arm(ctorch_reducer reducer, char **error) {
  return guarded(error, [&] {
    for (auto &bucket : reducer->buckets) {
      bucket.missing = bucket.variables;
      bucket.work.reset();
    }
    reducer->next = 0;
    reducer->armed = true;
  });
}

ctorch_status ctorch_reducer_finish(ctorch_reducer reducer, ctorch_exchange_times *times, char **error) {
  return communicating(error, [&] {
    const auto computed = Clock::now();
    reducer->armed = false;
    while (reducer->next < reducer->buckets.size()) reducer->send(reducer->next++);
    for (auto &bucket : reducer->buckets) {
      bucket.work->wait();
      bucket.work.reset();
    }
    const auto done = Clock::now();
    times->exposed = seconds(done - computed);
    times->total = seconds(done - reducer->first_sent);
  });
}

void ctorch_reducer_free(ctorch_reducer reducer) { delete reducer; }
