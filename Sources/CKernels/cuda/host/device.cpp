#include "cuda/host/device.h"

#include "cuda/host/kernels.h"

#include <c10/util/Exception.h>

#ifdef USE_CUDA

#include "cuda/device/names.cuh"
#include "cuda/host/compiler.h"

#include <c10/cuda/CUDAMacros.h>
#include <c10/cuda/CUDAStream.h>

#include <array>
#include <limits>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <cuda.h>

using namespace ckernels::cuda;

namespace {

// Two steps, because macros of the header rename some functions.
#define NAME_OF(name) #name
#define DRIVER_FUNCTION(member, name)                                                                                  \
  decltype(&::name) member = reinterpret_cast<decltype(&::name)>(cuda_symbol(NAME_OF(name)))

struct Driver {
  DRIVER_FUNCTION(error_string, cuGetErrorString);
  DRIVER_FUNCTION(initialize, cuInit);
  DRIVER_FUNCTION(device, cuDeviceGet);
  DRIVER_FUNCTION(device_attribute, cuDeviceGetAttribute);
  DRIVER_FUNCTION(retain_context, cuDevicePrimaryCtxRetain);
  DRIVER_FUNCTION(current_context, cuCtxGetCurrent);
  DRIVER_FUNCTION(push_context, cuCtxPushCurrent);
  DRIVER_FUNCTION(pop_context, cuCtxPopCurrent);
  DRIVER_FUNCTION(load_module, cuModuleLoadData);
  DRIVER_FUNCTION(function, cuModuleGetFunction);
  DRIVER_FUNCTION(function_attribute, cuFuncGetAttribute);
  DRIVER_FUNCTION(launch, cuLaunchKernel);

  void check(CUresult result, const std::string &what) const {
    if (result == CUDA_SUCCESS) return;
    const char *words = nullptr;
    error_string(result, &words);
    TORCH_CHECK(false, "CUDA: ", what, ": ", words ? words : "an unknown error");
  }
};

const Driver &driver() {
  static const Driver loaded;
  return loaded;
}

// Makes a context the current one of this thread, unless it already is.
class Current {
public:
  explicit Current(CUcontext context) {
    CUcontext now = nullptr;
    driver().check(driver().current_context(&now), "reading the current context");
    if (now == context) return;
    driver().check(driver().push_context(context), "using a device's context");
    is_pushed = true;
  }
  ~Current() {
    CUcontext popped = nullptr;
    if (is_pushed) driver().pop_context(&popped);
  }
  Current(const Current &) = delete;
  Current &operator=(const Current &) = delete;

private:
  bool is_pushed = false;
};

int attribute(CUdevice device, CUdevice_attribute which) {
  int value = 0;
  driver().check(driver().device_attribute(&value, which, device), "reading a device attribute");
  return value;
}

struct Opened {
  CUdevice device = 0;
  CUcontext context = nullptr;
  int multiprocessors = 0;

  explicit Opened(int index) {
    driver().check(driver().initialize(0), "starting the driver");
    driver().check(driver().device(&device, index), "opening device " + std::to_string(index));
    // The context that LibTorch uses; as there, it is kept until the process ends.
    driver().check(driver().retain_context(&context, device), "using a device's context");
    multiprocessors = attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  }
};

class CUDADevice : public Machine {
public:
  explicit CUDADevice(c10::DeviceIndex index) : CUDADevice(index, Opened(index)) {}

  void launch(const std::string &kernel, int64_t blocks, int threads, const void *arguments, size_t) override {
    const auto function = functions.find(kernel);
    TORCH_INTERNAL_ASSERT(function != functions.end(), "there is no kernel ", kernel);
    TORCH_CHECK(blocks <= std::numeric_limits<int32_t>::max(), kernel, ": ", blocks, " rows are too many for a launch");
    const Current current(context);
    // The driver copies the arguments before it returns.
    void *parameters[] = {const_cast<void *>(arguments)};
    driver().check(driver().launch(function->second, static_cast<unsigned>(blocks), 1, 1,
                                   static_cast<unsigned>(threads), 1, 1, 0,
                                   c10::cuda::getCurrentCUDAStream(index).stream(), parameters, nullptr),
                   "launching " + kernel);
  }

private:
  CUDADevice(c10::DeviceIndex index, const Opened &opened)
      : Machine(opened.multiprocessors), index(index), context(opened.context) {
    const int major = attribute(opened.device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    const int minor = attribute(opened.device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    const Current current(context);
    const Image image = compile_kernels(major, minor);
    if (driver().load_module(&module, image.bytes.data()) != CUDA_SUCCESS) {
      // The cached image may come from a machine with another driver.
      const Image fresh = image.from_disk ? compile_kernels(major, minor, false) : image;
      driver().check(driver().load_module(&module, fresh.bytes.data()), "loading the kernels");
    }
#define KERNEL(name, ...) add(#name);
    CKERNELS_ALL(KERNEL)
#undef KERNEL
  }

  void add(const std::string &name) {
    CUfunction function = nullptr;
    driver().check(driver().function(&function, module, ("cuda_" + name).c_str()), "loading the kernel " + name);
    // The driver loads a kernel to the device at the first query, which must not happen during a capture.
    int registers = 0;
    driver().check(driver().function_attribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, function),
                   "loading the kernel " + name);
    functions.emplace(name, function);
  }

  const c10::DeviceIndex index;
  CUcontext context;
  CUmodule module = nullptr;
  std::unordered_map<std::string, CUfunction> functions;
};

// A device, or the reason why it cannot be used.
struct Slot {
  std::once_flag once;
  std::unique_ptr<CUDADevice> machine;
  std::string failure;
};

Slot &slot_of(c10::Device device) {
  static std::array<Slot, C10_COMPILE_TIME_MAX_GPUS> slots;
  TORCH_CHECK(device.is_cuda() && device.index() >= 0 && device.index() < C10_COMPILE_TIME_MAX_GPUS, device,
              " is not a CUDA device with an index");
  Slot &slot = slots[static_cast<size_t>(device.index())];
  std::call_once(slot.once, [&] {
    try {
      slot.machine = std::make_unique<CUDADevice>(device.index());
    } catch (const c10::Error &error) {
      slot.failure = error.what_without_backtrace();
    } catch (const std::exception &error) {
      slot.failure = error.what();
    }
    if (!slot.machine) TORCH_WARN("using plain operators instead of fused kernels on ", device, ": ", slot.failure);
  });
  return slot;
}

} // namespace

Machine &ckernels::cuda::machine_of(c10::Device device) {
  Slot &slot = slot_of(device);
  TORCH_CHECK(slot.machine, "no fused kernels for ", device, ": ", slot.failure);
  return *slot.machine;
}

bool ckernels::cuda::available(c10::Device device) { return device.is_cuda() && slot_of(device).machine; }

#else

ckernels::cuda::Machine &ckernels::cuda::machine_of(c10::Device device) {
  TORCH_CHECK(false, "this build has no CUDA and so no kernels for ", device,
              ": build it with a LibTorch that has CUDA (LIBTORCH=…)");
}

bool ckernels::cuda::available(c10::Device) { return false; }

#endif
