#include "../../Sources/CKernels/cuda/host/image_cache.h"
#include "kernel_emulation.h"

#include <cstring>

using namespace ckernels::cuda;

char *image_cache_folder(void) {
  const auto folder = image_folder();
  return folder ? strdup(folder->c_str()) : nullptr;
}

char *image_cache_path(const char *folder, const char *key) { return strdup(image_path(folder, key).c_str()); }

bool image_cache_write(const char *folder, const char *key, const void *image, size_t size) {
  return write_image(folder, key, {static_cast<const char *>(image), size});
}

void *image_cache_read(const char *folder, const char *key, size_t *size) {
  const auto image = read_image(folder, key);
  if (!image) return nullptr;
  *size = image->size();
  void *bytes = std::malloc(image->size());
  return std::memcpy(bytes, image->data(), image->size());
}
