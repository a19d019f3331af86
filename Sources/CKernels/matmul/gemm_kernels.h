// The inner loops of large products of float32 matrices, compiled for each instruction set. None of them allocates or starts
// threads.
//
// A product is summed tile by tile in registers. What a tile reads lies packed: panels of as many rows of the left matrix, or
// of as many columns of the right one, as a tile has, one behind the other, [depth, lines of a panel].
#pragma once

#include "simd/instruction_set.h"

#include <cstdint>

namespace ckernels {

// A matrix that is to be packed, or what there is of it: zeros are behind its lines (rows of the left matrix, columns of the
// right one) and behind its depth (the dimension that is summed over).
struct Part {
  const float *data;
  int64_t lines, depth;
};

// first + sign · second, of the same strides; the first alone where the sign is 0.
struct Combination {
  Part first, second;
  float sign;
  int64_t line_stride, depth_stride; // one of them is 1
};

// A matrix that sign · product is added to, or is written to; of the tile, only what lies inside.
struct Target {
  float *data;
  int64_t rows, columns;
  float sign;
  bool overwrites;
};

struct ProductKernels {
  int64_t tile_rows, tile_columns;
  // Packs panels begin ..< end of a combination, `depth` deep.
  void (*pack_rows)(const Combination &from, int64_t begin, int64_t end, int64_t depth, float *to);
  void (*pack_columns)(const Combination &from, int64_t begin, int64_t end, int64_t depth, float *to);
  // The product of two panels, into one or two targets, at their `row` and `column`; rows of a target are `stride` apart.
  void (*multiply)(int64_t depth, const float *rows, const float *columns, const Target *targets, int count,
                   int64_t row, int64_t column, int64_t stride);
};

// Those for an instruction set that the processor has; nullptr for the portable one, which has none.
const ProductKernels *product_kernels(InstructionSet set);

} // namespace ckernels
