#include "distributed.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef USE_C10D_NCCL
#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <chrono>
#include <csignal>
#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace ctorch;

namespace {

// Gloo allocates a buffer of up to a bucket's size for every operation and frees it. By default the C library returns
// blocks of this size to the system, which clears every page before it is used again.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20); // the largest value that mallopt accepts
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

// Gloo writes to sockets whose other end may be gone. The default of SIGPIPE would end this process before anybody sees the
// error. Python ignores the signal from its start; a handler of the program's own stays.
void survive_broken_pipes() {
  struct sigaction action;
  if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

#ifdef USE_C10D_NCCL
// Keeps the last collectives of every rank and writes them to files when one hangs.
void record_flights() {
  for (const char *name : {"TORCH_FR_BUFFER_SIZE", "TORCH_NCCL_TRACE_BUFFER_SIZE"}) setenv(name, "2000", 0);
  setenv("TORCH_NCCL_DUMP_ON_TIMEOUT", "1", 0);
}
#endif

} // namespace

ctorch_status ctorch_group_gloo(ctorch_store store, int rank, int size, int64_t timeout_ms, const char *interface,
                                const char *address, ctorch_group *out, char **error) {
  return communicating(error, [&] {
    keep_freed_memory();
    survive_broken_pipes();
    using Gloo = c10d::ProcessGroupGloo;
    auto options = Gloo::Options::create(std::chrono::milliseconds(timeout_ms));
    // Not the default device: that one resolves the host's own name, which often leads to the loopback interface.
    options->devices.push_back(interface ? Gloo::createDeviceForInterface(interface)
                                         : Gloo::createDeviceForHostname(address));
    *out = new ctorch_group_s{c10::make_intrusive<Gloo>(store->value, rank, size, options)};
  });
}

ctorch_status ctorch_group_nccl(ctorch_store store, int rank, int size, int64_t timeout_ms, ctorch_group *out,
                                char **error) {
  return communicating(error, [&] {
#ifdef USE_C10D_NCCL
    record_flights();
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = std::chrono::milliseconds(timeout_ms);
    auto group = c10::make_intrusive<c10d::ProcessGroupNCCL>(store->value, rank, size, options);
    // Connects now, so that an unreachable rank is found here and not in the first step.
    const at::Device device(at::kCUDA, c10::cuda::current_device());
    group->setBoundDeviceId(device);
    group->eagerConnectSingleDevice(device);
    *out = new ctorch_group_s{group};
#else
    (void)store, (void)rank, (void)size, (void)timeout_ms, (void)out;
    TORCH_CHECK(false, "this build of the program has no NCCL: it was built with a CPU-only LibTorch");
#endif
  });
}

void ctorch_group_shut_down(ctorch_group group) {
  try {
    group->value->shutdown();
  } catch (...) {
    // The rest ends with the process.
  }
}

void ctorch_group_free(ctorch_group group) { delete group; }

ctorch_status ctorch_group_all_reduce(ctorch_group group, ctorch_tensor tensor, ctorch_work *out, char **error) {
  return communicating(error, [&] {
    std::vector<at::Tensor> tensors{tensor->value};
    *out = new ctorch_work_s{group->value->allreduce(tensors)};
  });
}

ctorch_status ctorch_group_broadcast(ctorch_group group, ctorch_tensor tensor, int root, ctorch_work *out,
                                     char **error) {
  return communicating(error, [&] {
    std::vector<at::Tensor> tensors{tensor->value};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    *out = new ctorch_work_s{group->value->broadcast(tensors, options)};
  });
}

ctorch_status ctorch_group_all_gather(ctorch_group group, ctorch_tensor output, ctorch_tensor input, ctorch_work *out,
                                      char **error) {
  return communicating(error, [&] {
    at::Tensor all = output->value, own = input->value;
    *out = new ctorch_work_s{group->value->_allgather_base(all, own)};
  });
}

ctorch_status ctorch_group_send(ctorch_group group, ctorch_tensor tensor, int to, int tag, ctorch_work *out,
                                char **error) {
  return communicating(error, [&] {
    std::vector<at::Tensor> tensors{tensor->value};
    *out = new ctorch_work_s{group->value->send(tensors, to, tag)};
  });
}

ctorch_status ctorch_group_receive(ctorch_group group, ctorch_tensor tensor, int from, int tag, ctorch_work *out,
                                   char **error) {
  return communicating(error, [&] {
    std::vector<at::Tensor> tensors{tensor->value};
    *out = new ctorch_work_s{group->value->recv(tensors, from, tag)};
  });
}

ctorch_status ctorch_work_wait(ctorch_work work, char **error) {
  return communicating(error, [&] { work->value->wait(); });
}

void ctorch_work_free(ctorch_work work) { delete work; }
