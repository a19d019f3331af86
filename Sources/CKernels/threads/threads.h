// The threads that LibTorch's operators run on.
//
// LibTorch's at::parallel_for is a header that uses the compiler's OpenMP. Swift's compiler comes without its headers, and
// what is then compiled runs everything on one thread. So the runtime that LibTorch has loaded is called directly.
#pragma once

#include <cstdint>

namespace ckernels {

// GOMP_parallel: runs the function on a team of `threads` threads, of as many as usual where it is 0.
using Fork = void (*)(void (*)(void *), void *, unsigned threads, unsigned flags);

void run_in_parallel(int64_t count, void (*body)(void *, int64_t), void *context);

// Calls body(item) for items 0 ..< count, each on one thread, thread i the items i, i + threads, …
template <typename Body> void parallel_items(int64_t count, Body body) {
  run_in_parallel(count, [](void *context, int64_t item) { (*static_cast<Body *>(context))(item); }, &body);
}

} // namespace ckernels
