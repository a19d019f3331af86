// The text of the CUDA kernels, which this library carries with it.
#pragma once

#include <string>
#include <vector>

namespace ckernels::cuda {

struct SourceFile {
  const char *name;
  const char *text;
};

// The first is the one to compile; the others are what it includes.
const std::vector<SourceFile> &source_files();

// A hash of all names and texts.
std::string source_hash();

} // namespace ckernels::cuda
