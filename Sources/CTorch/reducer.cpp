// The exchange of gradients between ranks while the backward pass still runs: buckets that are sent as soon as they are
// full, always in the same order ("PyTorch Distributed", Li et al., 2020, section 3.2).
//
// LibTorch's c10d::Reducer keeps its buckets in separate tensors, and every rank must run a backward pass in every step.
// Here the buckets are slices of the flat gradient buffer that clipping and the optimizer work on, and a rank without a
// micro-batch takes part with zeros.
#include "distributed.h"
#include "exchange.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <functional>
#include <utility>

using namespace ctorch;

namespace {

// Runs after the node that accumulates a variable's gradient, once per backward pass.
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
  // The accumulators may outlive the reducer; their hooks must not call it then.
  ~ctorch_reducer_s() {
    for (auto &[accumulator, key] : hooks) accumulator->del_post_hook(key);
  }

  struct Bucket {
    at::Tensor all;  // the slice of the gradient buffer
    at::Tensor mine; // the part whose sum this rank receives
    bool shards = false;
    size_t variables = 0;
    size_t missing = 0;
    c10::intrusive_ptr<c10d::Work> work;
  };

  c10::intrusive_ptr<c10d::Backend> group;
  std::vector<Bucket> buckets;
  // Held here because an accumulator, with its hooks, is freed with its last reference.
  std::vector<std::pair<Accumulator, uintptr_t>> hooks;
  // What happens to buckets that the backward pass completes.
  enum class Pass { ordinary, sends, marks } pass = Pass::ordinary;
  size_t next = 0; // the first bucket that has not been sent or marked
  std::unique_ptr<ctorch_exchange_s> exchange;
  BucketMarks marks;

  void expect(Pass expected) {
    for (auto &bucket : buckets) {
      bucket.missing = bucket.variables;
      bucket.work.reset();
    }
    next = 0;
    pass = expected;
  }

  void gradient_is_ready(ctorch_bucket_range reached) {
    if (pass == Pass::ordinary) return;
    for (size_t bucket = reached.first; bucket <= reached.last; ++bucket) {
      // A bucket that was counted twice was sent without some of its gradients.
      TORCH_CHECK(buckets[bucket].missing > 0, "a backward pass completed a gradient of bucket ", bucket, " twice");
      --buckets[bucket].missing;
    }
    // All ranks must send in the same order, even if their gradients arrive in different orders.
    while (next < buckets.size() && buckets[next].missing == 0) {
      pass == Pass::marks ? marks.record(device(), next++) : send(next++);
    }
  }

  // Also buckets that the backward pass has not reached.
  void complete_all() {
    const Pass ended = std::exchange(pass, Pass::ordinary);
    while (next < buckets.size()) ended == Pass::marks ? marks.record(device(), next++) : send(next++);
  }

  c10::Device device() const { return buckets.front().all.device(); }

  void send(size_t index) {
    if (index == 0) {
      exchange = std::make_unique<ctorch_exchange_s>(device().is_cuda());
      exchange->take(ctorch_exchange_s::began);
    }
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
      TORCH_CHECK(reached.first <= reached.last && reached.last < bucket_count, "no bucket has the number ",
                  reached.last);
      for (size_t bucket = reached.first; bucket <= reached.last; ++bucket) ++reducer->buckets[bucket].variables;
      auto accumulator = torch::autograd::impl::grad_accumulator(variables[i]->value);
      TORCH_CHECK(accumulator, "the reducer was given a tensor that needs no gradient");
      const uintptr_t key = accumulator->add_post_hook(
          std::make_unique<AccumulationHook>([target, reached] { target->gradient_is_ready(reached); }));
      reducer->hooks.emplace_back(std::move(accumulator), key);
    }
    *out = reducer.release();
  });
}

ctorch_status ctorch_reducer_arm(ctorch_reducer reducer, char **error) {
  return guarded(error, [&] { reducer->expect(ctorch_reducer_s::Pass::sends); });
}

ctorch_status ctorch_reducer_mark(ctorch_reducer reducer, char **error) {
  return guarded(error, [&] { reducer->expect(ctorch_reducer_s::Pass::marks); });
}

ctorch_status ctorch_reducer_marked(ctorch_reducer reducer, char **error) {
  return guarded(error, [&] {
    if (reducer->pass == ctorch_reducer_s::Pass::marks) reducer->complete_all();
  });
}

ctorch_status ctorch_reducer_send_marked(ctorch_reducer reducer, char **error) {
  return communicating(error, [&] {
    reducer->expect(ctorch_reducer_s::Pass::ordinary);
    reducer->marks.follow(reducer->device(), reducer->buckets.size(), [&](size_t bucket) { reducer->send(bucket); });
    reducer->next = reducer->buckets.size();
  });
}

ctorch_status ctorch_reducer_finish(ctorch_reducer reducer, ctorch_exchange *out, char **error) {
  return communicating(error, [&] {
    // After the backward pass; if nothing has been sent yet, this is also the start of the exchange.
    std::unique_ptr<ctorch_exchange_s> &exchange = reducer->exchange;
    const bool is_sending = reducer->next > 0;
    TORCH_CHECK(exchange || !is_sending, "the reducer was not armed, so there are no gradients to wait for");
    if (is_sending) exchange->take(ctorch_exchange_s::computed);
    reducer->complete_all();
    if (!is_sending) exchange->take(ctorch_exchange_s::computed);
    for (auto &bucket : reducer->buckets) {
      bucket.work->wait();
      bucket.work.reset();
    }
    exchange->take(ctorch_exchange_s::done);
    *out = exchange.release();
  });
}

ctorch_status ctorch_exchange_get_times(ctorch_exchange exchange, ctorch_exchange_times *out, char **error) {
  return guarded(error, [&] {
    using Exchange = ctorch_exchange_s;
    *out = {exchange->seconds(Exchange::computed, Exchange::done), exchange->seconds(Exchange::began, Exchange::done)};
  });
}

void ctorch_exchange_free(ctorch_exchange exchange) { delete exchange; }

void ctorch_reducer_free(ctorch_reducer reducer) { delete reducer; }
