// Compiled in place of everything else where Package.swift found no LibTorch: one message instead of hundreds.
#if !__has_include(<ATen/core/Tensor.h>)
// clang-format off
#error "LibTorch was not found. Run `make libtorch` (it fetches LibTorch into .libtorch/), or set LIBTORCH=/path/to/torch, the folder of an installed PyTorch: python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))' prints it."
// clang-format on
#else
// LibTorch has been installed since, but SwiftPM still has the old list of files: this one compiles the whole library.
#include "arithmetic.cpp"
#include "autograd.cpp"
#include "cuda.cpp"
#include "group.cpp"
#include "neural.cpp"
#include "optimizer.cpp"
#include "random.cpp"
#include "reducer.cpp"
#include "reductions.cpp"
#include "runtime.cpp"
#include "store.cpp"
#include "tensor.cpp"
#endif
