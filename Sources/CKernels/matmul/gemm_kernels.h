// The inner loops of large float32 matmuls, compiled for each instruction set. They do not allocate or start threads.
//
// A product is summed tile by tile in registers. The operands are packed into panels, which follow one another: each holds as
// many rows of the left matrix, or columns of the right one, as a tile has, [depth, lines of a panel].
#pragma once

#include "simd/instruction_set.h"

#include <cstdint>

namespace ckernels {

// A matrix to pack. It is padded with zeros after its lines (rows of the left matrix, columns of the right one) and after its
// depth (the dimension that is summed over).
struct Part {
  const float *data;
  int64_t lines, depth;
};

// first + sign · second, with the same strides; only the first if the sign is 0.
struct Combination {
  Part first, second;
  float sign;
  int64_t line_stride, depth_stride; // one of them is 1
};

// A matrix to which sign · product is added or written; only the part of a tile inside the matrix.
struct Target {
  float *data;
  int64_t rows, columns;
  float sign;
  bool overwrites;
};

struct GemmKernels {
  int64_t tile_rows, tile_columns;
  // Packs panels begin ..< end of a combination, `depth` deep.
  void (*pack_rows)(const Combination &from, int64_t begin, int64_t end, int64_t depth, float *to);
  void (*pack_columns)(const Combination &from, int64_t begin, int64_t end, int64_t depth, float *to);
  // Writes the product of two panels to one or two targets, at `row` and `column`; rows of a target are `stride` apart.
  void (*multiply)(int64_t depth, const float *rows, const float *columns, const Target *targets, int count,
                   int64_t row, int64_t column, int64_t stride);
};

// The kernels for an instruction set of this processor; nullptr for the portable one, which has none.
const GemmKernels *gemm_kernels(InstructionSet set);

} // namespace ckernels
