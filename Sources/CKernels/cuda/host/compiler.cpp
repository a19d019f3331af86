#ifdef USE_CUDA

#include "cuda/host/compiler.h"

#include "cuda/host/source.h"
#include "cuda/host/image_cache.h"

#include <c10/cuda/CUDAStream.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

#include <dlfcn.h>
#include <nvrtc.h>

using namespace ckernels::cuda;

namespace {

std::string folder_of(const void *symbol) {
  Dl_info place{};
  if (!dladdr(symbol, &place) || !place.dli_fname) return {};
  const std::string path = place.dli_fname;
  return path.substr(0, path.rfind('/') + 1);
}

// LibTorch calls NVRTC and the driver through a table whose header its packages omit. But one of its libraries is linked with
// both and finds them, so this code opens that library and looks up their functions in it.
struct Libraries {
  std::vector<void *> handles;
  std::string failure;

  Libraries() {
    open("libcaffe2_nvrtc.so");
    if (handles.empty())
      open(folder_of(reinterpret_cast<void *>(&c10::cuda::getCurrentCUDAStream)) + "libcaffe2_nvrtc.so");
    // This LibTorch does not have that library.
    if (handles.empty()) {
      open("libcuda.so.1");
      for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) open(name);
    }
    preload_builtins();
  }

  void *find(const char *name) const {
    for (void *handle : handles) {
      if (void *symbol = dlsym(handle, name)) return symbol;
    }
    return nullptr;
  }

private:
  void open(const std::string &name) {
    if (void *handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      handles.push_back(handle);
    } else if (const char *words = dlerror()) {
      failure += std::string(failure.empty() ? "" : "; ") + words;
    }
  }

  // When it compiles, NVRTC opens its builtins library by name. If its folder is not in the search path, that finds only
  // libraries that are already loaded.
  void preload_builtins() {
    const auto version = reinterpret_cast<decltype(&nvrtcVersion)>(find("nvrtcVersion"));
    int major = 0, minor = 0;
    if (!version || version(&major, &minor) != NVRTC_SUCCESS) return;
    const std::string name = "libnvrtc-builtins.so." + std::to_string(major) + "." + std::to_string(minor);
    dlopen((folder_of(reinterpret_cast<void *>(version)) + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  }
};

#define NVRTC_FUNCTION(name) decltype(&::name) name = reinterpret_cast<decltype(&::name)>(cuda_symbol(#name))

struct NVRTC {
  NVRTC_FUNCTION(nvrtcVersion);
  NVRTC_FUNCTION(nvrtcGetErrorString);
  NVRTC_FUNCTION(nvrtcGetNumSupportedArchs);
  NVRTC_FUNCTION(nvrtcGetSupportedArchs);
  NVRTC_FUNCTION(nvrtcCreateProgram);
  NVRTC_FUNCTION(nvrtcDestroyProgram);
  NVRTC_FUNCTION(nvrtcCompileProgram);
  NVRTC_FUNCTION(nvrtcGetProgramLogSize);
  NVRTC_FUNCTION(nvrtcGetProgramLog);
  NVRTC_FUNCTION(nvrtcGetCUBINSize);
  NVRTC_FUNCTION(nvrtcGetCUBIN);
  NVRTC_FUNCTION(nvrtcGetPTXSize);
  NVRTC_FUNCTION(nvrtcGetPTX);

  void check(nvrtcResult result, const char *what, const std::string &log = {}) const {
    TORCH_CHECK(result == NVRTC_SUCCESS, "NVRTC: ", what, ": ", nvrtcGetErrorString(result), log.empty() ? "" : "\n",
                log);
  }
};

// "sm_90", or "compute_90" if the device is newer than the compiler.
std::string architecture(const NVRTC &nvrtc, int major, int minor) {
  int count = 0;
  nvrtc.check(nvrtc.nvrtcGetNumSupportedArchs(&count), "listing architectures");
  std::vector<int> known(static_cast<size_t>(count));
  nvrtc.check(nvrtc.nvrtcGetSupportedArchs(known.data()), "listing architectures");
  const int wanted = 10 * major + minor;
  int best = 0;
  for (const int number : known) {
    if (number <= wanted) best = std::max(best, number);
  }
  TORCH_CHECK(best > 0, "NVRTC does not compile for compute capability ", major, ".", minor, ": the device is too old");
  return (best == wanted ? "sm_" : "compute_") + std::to_string(best);
}

struct Program {
  const NVRTC &nvrtc;
  nvrtcProgram program = nullptr;

  explicit Program(const NVRTC &nvrtc) : nvrtc(nvrtc) {
    const auto &files = source_files();
    std::vector<const char *> names, texts;
    for (size_t i = 1; i < files.size(); ++i) {
      names.push_back(files[i].name);
      texts.push_back(files[i].text);
    }
    nvrtc.check(nvrtc.nvrtcCreateProgram(&program, files[0].text, files[0].name, static_cast<int>(names.size()),
                                         texts.data(), names.data()),
                "reading the kernels' source");
  }
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;
  ~Program() { nvrtc.nvrtcDestroyProgram(&program); }

  std::string compile(const std::vector<std::string> &options, bool to_machine_code) {
    std::vector<const char *> listed;
    for (const std::string &option : options) listed.push_back(option.c_str());
    const nvrtcResult result = nvrtc.nvrtcCompileProgram(program, static_cast<int>(listed.size()), listed.data());
    if (result != NVRTC_SUCCESS) {
      nvrtc.check(result, "compiling the kernels", get(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog));
    }
    return to_machine_code ? get(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN)
                           : get(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX);
  }

private:
  template <typename Size, typename Get> std::string get(Size size, Get read) {
    size_t count = 0;
    nvrtc.check(size(program, &count), "reading the size of a result");
    std::string bytes(count, '\0');
    nvrtc.check(read(program, bytes.data()), "reading a result");
    return bytes;
  }
};

} // namespace

void *ckernels::cuda::cuda_symbol(const char *name) {
  static const Libraries libraries;
  void *symbol = libraries.find(name);
  TORCH_CHECK(symbol, "the CUDA driver and NVRTC have no ", name,
              libraries.failure.empty() ? "" : "; opening them failed: ", libraries.failure);
  return symbol;
}

Image ckernels::cuda::compile_kernels(int major, int minor, bool reads_disk) {
  static const NVRTC nvrtc;
  const std::string target = architecture(nvrtc, major, minor);
  // NVRTC's defaults: exact division and square roots, and subnormals are kept. A multiplication and an addition are fused,
  // which rounds once instead of twice.
  const std::vector<std::string> options = {"-std=c++17", "--gpu-architecture=" + target};
  int version[2] = {};
  nvrtc.check(nvrtc.nvrtcVersion(&version[0], &version[1]), "reading the version");
  Image image;
  image.key = "source " + source_hash() + " NVRTC " + std::to_string(version[0]) + "." + std::to_string(version[1]);
  for (const std::string &option : options) image.key += " " + option;
  const auto folder = image_folder();
  if (folder && reads_disk) {
    if (auto kept = read_image(*folder, image.key)) {
      image.bytes = std::move(*kept);
      image.from_disk = true;
      return image;
    }
  }
  image.bytes = Program(nvrtc).compile(options, target.rfind("sm_", 0) == 0);
  if (folder) write_image(*folder, image.key, image.bytes);
  return image;
}

#endif
