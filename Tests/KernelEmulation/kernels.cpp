// Runs the source of the kernels and the header of the launches on fibers.
#include "device.h"

#include "../../Sources/CKernels/cuda/device/kernels.cuh"
#include "../../Sources/CKernels/cuda/host/launches.h"
#include "kernel_emulation.h"

#include <functional>
#include <map>
#include <mutex>

extern "C" char __start_emulated_shared[], __stop_emulated_shared[];

namespace {

using namespace ckernels::cuda;

struct Kernel {
  size_t size; // of the arguments
  int threads;
  std::function<void(const void *)> run;
};

// A copy of the arguments for each thread, as on the device.
#define KERNEL(name, Arguments, threads, ...)                                                                          \
  {#name, {sizeof(Arguments), threads, [](const void *arguments) {                                                     \
             ckernels::entries::cuda_##name(*static_cast<const Arguments *>(arguments));                               \
           }}},
const std::map<std::string, Kernel> kernels = {CKERNELS_ALL(KERNEL)};
#undef KERNEL

void forget_shared_memory() {
  std::memset(__start_emulated_shared, 0xff, static_cast<size_t>(__stop_emulated_shared - __start_emulated_shared));
}

emulation::Order order_of(EmulatedOrder order) {
  switch (order) {
  case emulated_ascending: return emulation::Order::ascending;
  case emulated_descending: return emulation::Order::descending;
  case emulated_shuffled: return emulation::Order::shuffled;
  }
  return emulation::Order::ascending;
}

class EmulatedCPU : public Machine {
public:
  explicit EmulatedCPU(EmulatedMachine machine) : Machine(machine.multiprocessors), order(order_of(machine.order)) {}

  void launch(const std::string &name, int64_t blocks, int threads, const void *arguments, size_t size) override {
    if (!failure.empty()) return;
    const auto kernel = kernels.find(name);
    if (kernel == kernels.end()) {
      failure = "there is no kernel " + name;
    } else if (size != kernel->second.size || threads > kernel->second.threads) {
      failure = name + " is launched with the wrong arguments or too many threads";
    } else {
      failure = emulation::run(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), order,
                               forget_shared_memory, [&] { kernel->second.run(arguments); });
      if (!failure.empty()) failure = name + ", " + failure;
    }
  }

  std::string failure;

private:
  const emulation::Order order;
};

Element element_of(EmulatedElement element) {
  switch (element) {
  case emulated_f32: return Element::f32;
  case emulated_bf16: return Element::bf16;
  case emulated_f16: return Element::f16;
  }
  return Element::f32;
}

// Tests run on several threads, but shared memory and fibers exist only once.
std::mutex running;

template <typename Body> char *emulate(EmulatedMachine machine, Body body) {
  std::lock_guard<std::mutex> lock(running);
  EmulatedCPU cpu(machine);
  body(cpu);
  return cpu.failure.empty() ? nullptr : strdup(cpu.failure.c_str());
}

float mistaken_shared(EmulatedMistake mistake, bool synchronizes) {
  __shared__ float values[64];
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (mistake == emulated_divergent_barrier && threadIdx.x == 5) return 0;
  if (synchronizes) __syncthreads();
  float value = values[63 - threadIdx.x];
  if (mistake == emulated_two_barriers && threadIdx.x >= 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  if (mistake == emulated_divergent_shuffle && threadIdx.x == 40) return 0;
  return value + __shfl_xor_sync(0xffffffffu, 0.f, 1);
}

} // namespace

char *emulate_rms_norm(EmulatedMachine machine, EmulatedElement delta, EmulatedElement normed,
                       const RMSNormArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { rms_norm(cpu, element_of(delta), element_of(normed), *arguments); });
}
int64_t emulated_rms_norm_backward_blocks(EmulatedMachine machine, int64_t rows, int size) {
  return rms_norm_backward_blocks(machine.multiprocessors, rows, size);
}
char *emulate_rms_norm_backward(EmulatedMachine machine, EmulatedElement delta, EmulatedElement normed,
                                const RMSNormBackwardArguments *arguments, float *weight_gradient) {
  return emulate(machine, [&](Machine &cpu) {
    rms_norm_backward(cpu, element_of(delta), element_of(normed), *arguments, weight_gradient);
  });
}
char *emulate_rotate(EmulatedMachine machine, EmulatedElement element, const RotateArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { rotate(cpu, element_of(element), *arguments); });
}
int64_t emulated_rotate_backward_blocks(EmulatedMachine machine, int64_t tokens, int heads, int size) {
  return rotate_backward_blocks(machine.multiprocessors, tokens, heads, size);
}
char *emulate_rotate_backward(EmulatedMachine machine, EmulatedElement element,
                              const RotateBackwardArguments *arguments, float *query_weight_gradient,
                              float *key_weight_gradient) {
  return emulate(machine, [&](Machine &cpu) {
    rotate_backward(cpu, element_of(element), *arguments, query_weight_gradient, key_weight_gradient);
  });
}
char *emulate_swiglu(EmulatedMachine machine, EmulatedElement element, const SwiGLUArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { swiglu(cpu, element_of(element), *arguments); });
}
char *emulate_swiglu_backward(EmulatedMachine machine, EmulatedElement element, const SwiGLUArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { swiglu_backward(cpu, element_of(element), *arguments); });
}
char *emulate_log_probability(EmulatedMachine machine, EmulatedElement logits,
                              const LogProbabilityArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { log_probability(cpu, element_of(logits), *arguments); });
}
char *emulate_log_probability_backward(EmulatedMachine machine, EmulatedElement logits, EmulatedElement gradients,
                                       const LogProbabilityBackwardArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) {
    log_probability_backward(cpu, element_of(logits), element_of(gradients), *arguments);
  });
}
int64_t emulated_squares_blocks(EmulatedMachine machine, int64_t count) {
  return squares_blocks(EmulatedCPU(machine), count);
}
char *emulate_sum_of_squares(EmulatedMachine machine, const SquaresArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { sum_of_squares(cpu, *arguments); });
}
char *emulate_add_squares(EmulatedMachine machine, const SquaresSumArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { add_squares(cpu, *arguments); });
}
char *emulate_gradient_scaling(EmulatedMachine machine, const ScalingArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { gradient_scaling(cpu, *arguments); });
}
char *emulate_advance_step(EmulatedMachine machine, const StepArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { advance_step(cpu, *arguments); });
}
char *emulate_adamw(EmulatedMachine machine, EmulatedElement low, const AdamWArguments *arguments) {
  return emulate(machine, [&](Machine &cpu) { adamw(cpu, element_of(low), *arguments); });
}

char *emulate_mistake(EmulatedMachine machine, EmulatedMistake mistake, float *out) {
  return emulate(machine, [&](EmulatedCPU &cpu) {
    cpu.failure = emulation::run(1, 64, order_of(machine.order), forget_shared_memory, [&] {
      out[threadIdx.x] = mistaken_shared(mistake, mistake != emulated_missing_barrier);
    });
  });
}
