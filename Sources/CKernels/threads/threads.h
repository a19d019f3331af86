// The threads that LibTorch's operators run on.
//
// LibTorch's at::parallel_for is a header that needs the compiler's OpenMP. Swift's compiler has no OpenMP headers, so the
// header would run everything on one thread. Instead, these functions call the OpenMP runtime that LibTorch has loaded.
#pragma once

#include <cstdint>

namespace ckernels {

// GOMP_parallel: runs the function on a team of `threads` threads, or of the default number if it is 0.
using Fork = void (*)(void (*)(void *), void *, unsigned threads, unsigned flags);

void run_in_parallel(int64_t count, void (*body)(void *, int64_t), void *context);

// Calls body(item) for items 0 ..< count, each on one thread, thread i the items i, i + threads, …
template <typename Body> void parallel_items(int64_t count, Body body) {
  run_in_parallel(count, [](void *context, int64_t item) { (*static_cast<Body *>(context))(item); }, &body);
}

} // namespace ckernels
