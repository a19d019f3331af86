// Threads of a block as fibers, which yield when they wait for each other.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace emulation {

struct Dimension {
  unsigned x;
};

// The place of the running fiber.
struct Place {
  Dimension thread, block, threads, blocks;
};
extern Place current;

enum class Order { ascending, descending, shuffled };

// Runs `kernel` for all threads of all blocks, and `prepare` before each block. Returns an error or an empty text. One launch
// at a time.
std::string run(unsigned blocks, unsigned threads, Order order, const std::function<void()> &prepare,
                const std::function<void()> &kernel);

// Waits for all threads of the block.
void barrier(const char *file, int line);
// The bits of the lane `distance` away, once all lanes have arrived.
uint64_t shuffle_xor(unsigned mask, uint64_t bits, int distance, const char *file, int line);

} // namespace emulation
