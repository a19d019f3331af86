#include "fibers.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include <ucontext.h>

namespace emulation {

Place current;

namespace {

constexpr size_t kStackSize = 64 << 10;

enum class State { ready, at_barrier, at_shuffle, done };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStackSize]};
  State state = State::done;
  // The place where it waits.
  const char *file = nullptr;
  int line = 0;
  // Its value for a shuffle, and the value that it receives.
  uint64_t given = 0, received = 0;
  int distance = 0;
};

struct Block {
  std::vector<Fiber> fibers;
  unsigned count = 0;
  ucontext_t scheduler;
  const std::function<void()> *kernel = nullptr;
  std::string failure;

  Fiber &running() { return fibers[current.thread.x]; }

  // Leaves the running fiber until it is ready again, or forever after a failure.
  void give_way() { swapcontext(&running().context, &scheduler); }
  void fail(const std::string &what, const char *file, int line) {
    if (failure.empty()) failure = what + " (" + file + ":" + std::to_string(line) + ")";
    running().state = State::done;
    give_way();
  }

  bool is_ready(unsigned number) const { return fibers[number].state == State::ready; }

  // Runs threads in the given order, `at_once` of them as far as possible before the next ones.
  void run(const std::vector<unsigned> &order, size_t at_once);
  void start(unsigned number);
  void release_barrier();
};

Block block;

void begin() {
  (*block.kernel)();
  block.running().state = State::done;
  block.give_way();
}

void Block::start(unsigned number) {
  Fiber &fiber = fibers[number];
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStackSize;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, begin, 0);
  fiber.state = State::ready;
}

void Block::run(const std::vector<unsigned> &order, size_t at_once) {
  if (fibers.size() < count) fibers.resize(count);
  for (unsigned i = 0; i < count; ++i) start(i);
  while (failure.empty()) {
    bool moved = false;
    for (size_t first = 0; first < order.size(); first += at_once) {
      const size_t last = std::min(order.size(), first + at_once);
      while (std::any_of(order.begin() + first, order.begin() + last, [&](unsigned i) { return is_ready(i); })) {
        moved = true;
        for (size_t i = first; i < last; ++i) {
          if (!is_ready(order[i])) continue;
          current.thread.x = order[i];
          swapcontext(&scheduler, &fibers[order[i]].context);
          if (!failure.empty()) return;
        }
      }
    }
    if (moved) continue;
    const auto begin = fibers.begin(), end = begin + count;
    if (std::all_of(begin, end, [](const Fiber &fiber) { return fiber.state == State::done; })) return;
    release_barrier();
  }
}

// No fiber can continue: all must be at the same barrier.
void Block::release_barrier() {
  const auto begin = fibers.begin(), end = begin + count;
  const auto first = std::find_if(begin, end, [](const Fiber &fiber) { return fiber.state != State::done; });
  for (auto fiber = begin; fiber != end; ++fiber) {
    const bool is_there = fiber->state == first->state && fiber->file == first->file && fiber->line == first->line;
    if (is_there && first->state == State::at_barrier) continue;
    const std::string waits = first->state == State::at_barrier ? "the barrier" : "the shuffle";
    const std::string other =
        fiber->state == State::done ? "has ended" : "waits at line " + std::to_string(fiber->line);
    failure = waits + " is not reached by all threads: thread " + std::to_string(fiber - begin) + " " + other + " (" +
              first->file + ":" + std::to_string(first->line) + ")";
    return;
  }
  for (auto fiber = begin; fiber != end; ++fiber) fiber->state = State::ready;
}

} // namespace

void barrier(const char *file, int line) {
  Fiber &fiber = block.running();
  fiber.state = State::at_barrier;
  fiber.file = file;
  fiber.line = line;
  block.give_way();
}

uint64_t shuffle_xor(unsigned mask, uint64_t bits, int distance, const char *file, int line) {
  const unsigned first = current.thread.x / 32 * 32;
  Fiber &fiber = block.running();
  if (mask != 0xffffffffu || block.count % 32 != 0 || distance <= 0 || distance >= 32) {
    block.fail("a shuffle without a whole warp", file, line);
  }
  fiber.state = State::at_shuffle;
  fiber.file = file;
  fiber.line = line;
  fiber.given = bits;
  fiber.distance = distance;
  const auto warp = block.fibers.begin() + first;
  for (auto lane = warp; lane != warp + 32; ++lane) {
    if (lane->state != State::at_shuffle) {
      block.give_way();
      return fiber.received;
    }
  }
  // The last thread to arrive exchanges all values.
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (warp[lane].line != line || warp[lane].file != file || warp[lane].distance != distance) {
      block.fail("lanes of a warp meet in different shuffles", file, line);
    }
    warp[lane].received = warp[lane ^ static_cast<unsigned>(distance)].given;
    warp[lane].state = State::ready;
  }
  return fiber.received;
}

std::string run(unsigned blocks, unsigned threads, Order order, const std::function<void()> &prepare,
                const std::function<void()> &kernel) {
  std::mt19937 random(1);
  auto turns = [&](unsigned count) {
    std::vector<unsigned> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0u);
    if (order == Order::descending) std::reverse(numbers.begin(), numbers.end());
    if (order == Order::shuffled) std::shuffle(numbers.begin(), numbers.end(), random);
    return numbers;
  };
  current.threads.x = block.count = threads;
  current.blocks.x = blocks;
  block.kernel = &kernel;
  block.failure.clear();
  for (unsigned number : turns(blocks)) {
    current.block.x = number;
    prepare();
    // In order, a warp runs as far as possible before another one: without a barrier, threads may be that far ahead.
    block.run(turns(threads), order == Order::shuffled ? threads : 32);
    if (!block.failure.empty()) return "block " + std::to_string(number) + ": " + block.failure;
  }
  return {};
}

} // namespace emulation
