// The source of the CUDA kernels, which is embedded in this library.
#pragma once

#include <string>
#include <vector>

namespace ckernels::cuda {

struct SourceFile {
  const char *name;
  const char *text;
};

// The first file is compiled; it includes the others.
const std::vector<SourceFile> &source_files();

// A hash of all names and sources.
std::string source_hash();

} // namespace ckernels::cuda
