// A heap for large tensors that keeps its pages.
//
// The C library returns its largest blocks to the system as soon as they are free, and the system clears every page before
// it is used again. Here all large blocks come from one range of addresses, the best-fitting free block first; pages that
// were touched once are kept. Huge pages are not requested: clearing them took seconds and gained nothing.
#include "ckernels.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <map>
#include <mutex>
#include <set>

#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr size_t kLarge = size_t(1) << 18; // smaller blocks come from the C library
constexpr size_t kGrain = size_t(1) << 14; // sizes are multiples of this

class Heap final : public c10::Allocator {
public:
  explicit Heap(c10::Allocator *small) : small_(small) {
    // Only addresses, no memory: enough for all memory of the machine, or fewer if the system refuses.
    const size_t pages = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)),
                 page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
    flags |= MAP_NORESERVE;
#endif
    for (size_t size = 2 * pages * page / kGrain * kGrain; size > kLarge; size = size / 2 / kGrain * kGrain) {
      void *range = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
      if (range == MAP_FAILED) continue;
      base_ = static_cast<char *>(range);
      size_ = size;
      insert(0, size_);
      break;
    }
  }

  // One function releases every block, because LibTorch also uses bare pointers.
  c10::DataPtr allocate(size_t bytes) override {
    void *block = bytes >= kLarge ? take(bytes) : nullptr;
    if (!block) block = small_->raw_allocate(bytes);
    return {block, block, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void *destination, const void *source, size_t count) const override {
    default_copy_data(destination, source, count);
  }

  static Heap *shared;

private:
  static void release(void *block) {
    char *const address = static_cast<char *>(block), *const base = shared->base_;
    if (address >= base && address < base + shared->size_) return shared->give_back(address - base);
    shared->small_->raw_deallocate(block);
  }

  void *take(size_t bytes) {
    if (bytes > size_) return nullptr;
    const size_t size = (bytes + kGrain - 1) / kGrain * kGrain;
    std::lock_guard<std::mutex> lock(mutex_);
    // The smallest sufficient block, and among equal ones the lowest address: the untouched rest is the largest and
    // highest block, so it is used last.
    auto fit = by_size_.lower_bound({size, 0});
    if (fit == by_size_.end()) return nullptr;
    const auto [available, offset] = *fit;
    erase(offset, available);
    if (available > size) insert(offset + size, available - size);
    taken_[offset] = size;
    return base_ + offset;
  }

  void give_back(size_t offset) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto block = taken_.find(offset);
    size_t size = block->second;
    taken_.erase(block);
    // Merges with its free neighbours.
    if (const auto next = free_.find(offset + size); next != free_.end()) {
      const size_t more = next->second;
      erase(offset + size, more);
      size += more;
    }
    if (auto next = free_.lower_bound(offset); next != free_.begin()) {
      const auto [before, length] = *std::prev(next);
      if (before + length == offset) {
        erase(before, length);
        offset = before;
        size += length;
      }
    }
    insert(offset, size);
  }

  void insert(size_t offset, size_t size) {
    free_[offset] = size;
    by_size_.insert({size, offset});
  }

  void erase(size_t offset, size_t size) {
    free_.erase(offset);
    by_size_.erase({size, offset});
  }

  c10::Allocator *small_;
  char *base_ = nullptr;
  size_t size_ = 0;
  std::mutex mutex_;
  std::map<size_t, size_t> free_, taken_; // offset to size
  std::set<std::pair<size_t, size_t>> by_size_;
};

Heap *Heap::shared = nullptr;

} // namespace

void ckernels_keep_pages(void) {
  static std::once_flag once;
  std::call_once(once, [] {
    c10::Allocator *small = c10::GetAllocator(c10::DeviceType::CPU);
    if (!small->raw_deleter()) return;
    // Never destroyed: tensors may outlive all other objects.
    Heap::shared = new Heap(small);
    c10::SetAllocator(c10::DeviceType::CPU, Heap::shared, /*priority=*/1);
  });
}
