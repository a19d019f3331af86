// Seven products of half the size instead of eight (Strassen, 1969, "Gaussian Elimination is not Optimal", Numerische
// Mathematik 13). Sums of blocks are made where blocks are packed anyway, and results are added to where they belong from
// registers, so that neither takes a pass over memory (Huang, Smith, Henry and van de Geijn, 2016, "Strassen's Algorithm
// Reloaded", SC16). The loops around that are those of Goto and van de Geijn, 2008, "Anatomy of High-Performance Matrix
// Multiplication", ACM Transactions on Mathematical Software 34(3).
#include "large_product.h"

#include "threads.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>

using namespace ckernels;

namespace {

// A quarter of a matrix: upper or lower, left or right.
struct Quarter {
  int row, column;
  float sign;
};

struct Quarters {
  int count;
  Quarter of[2];
};

// (Σ quarters of a) (Σ quarters of b), added to the quarters of c. First terms of sums have the sign 1.
struct Multiplication {
  Quarters a, b, c;
};

constexpr int kMultiplications = 7;
constexpr Multiplication kStrassen[kMultiplications] = {
    {{2, {{0, 0, 1}, {1, 1, 1}}}, {2, {{0, 0, 1}, {1, 1, 1}}}, {2, {{0, 0, 1}, {1, 1, 1}}}},
    {{2, {{1, 0, 1}, {1, 1, 1}}}, {1, {{0, 0, 1}}}, {2, {{1, 0, 1}, {1, 1, -1}}}},
    {{1, {{0, 0, 1}}}, {2, {{0, 1, 1}, {1, 1, -1}}}, {2, {{0, 1, 1}, {1, 1, 1}}}},
    {{1, {{1, 1, 1}}}, {2, {{1, 0, 1}, {0, 0, -1}}}, {2, {{0, 0, 1}, {1, 0, 1}}}},
    {{2, {{0, 0, 1}, {0, 1, 1}}}, {1, {{1, 1, 1}}}, {2, {{0, 1, 1}, {0, 0, -1}}}},
    {{2, {{1, 0, 1}, {0, 0, -1}}}, {2, {{0, 0, 1}, {0, 1, 1}}}, {1, {{1, 1, 1}}}},
    {{2, {{0, 1, 1}, {1, 1, -1}}}, {2, {{1, 0, 1}, {1, 1, 1}}}, {1, {{0, 0, 1}}}},
};

// Whether no multiplication before this one has a part in the quarter.
constexpr bool is_first(int multiplication, const Quarter &quarter) {
  for (int i = 0; i < multiplication; ++i) {
    for (int j = 0; j < kStrassen[i].c.count; ++j) {
      const Quarter &earlier = kStrassen[i].c.of[j];
      if (earlier.row == quarter.row && earlier.column == quarter.column) return false;
    }
  }
  return true;
}

// A block of a dimension: two halves of the same size, of which the second may reach over the end.
struct Block {
  int64_t start, half, size;

  int64_t begin(int second) const { return start + second * half; }
  // How much of a half there is.
  int64_t length(int second) const { return std::clamp<int64_t>(size - second * half, 0, half); }
};

// A dimension cut into blocks of about the same size, whose halves are multiples of a unit.
struct Cut {
  int64_t size, unit, blocks;

  // As few blocks as have halves of at most `most`.
  Cut(int64_t size, int64_t unit, int64_t most) : size(size), unit(unit) {
    const int64_t units = std::max<int64_t>(1, most / unit);
    blocks = (half_units() + units - 1) / units;
  }
  // So many that all threads have as much to do, alone or several of them at a block, whose halves have not much less than
  // `least` then.
  void share_among(int64_t threads, int64_t least) {
    const int64_t most_blocks = std::max<int64_t>(1, half_units() * unit / least);
    const int64_t rounds = (blocks + threads - 1) / threads;
    if (rounds * threads <= most_blocks) {
      blocks = rounds * threads;
    } else {
      for (blocks = std::min(most_blocks, threads); threads % blocks != 0;) --blocks;
    }
  }
  Block operator[](int64_t block) const {
    const int64_t first = half_units() * block / blocks, last = half_units() * (block + 1) / blocks;
    const int64_t start = 2 * unit * first, half = unit * (last - first);
    return {start, half, std::clamp<int64_t>(size - start, 0, 2 * half)};
  }
  int64_t largest_half() const { return (half_units() + blocks - 1) / blocks * unit; }

private:
  int64_t half_units() const { return (size + 2 * unit - 1) / (2 * unit); }
};

// What fits the caches of the processors met so far: packed rows, half a second-level cache of 1 MB; depth and columns, so that
// both are packed seldom and results added to memory seldom. Halves of blocks.
constexpr int64_t kPackedRows = 150'000, kMostRows = 392, kLeastRows = 96, kMostDepth = 640, kMostColumns = 2560;

// Below, LibTorch's products are as fast. (Its rate falls with the size, too, but what is packed is used less often.)
constexpr int64_t kFewMultiplications = int64_t(1) << 27, kFewLines = 256;

const float *at(Matrix<float> matrix, int64_t row, int64_t column) {
  return matrix.data + (matrix.transposed ? column * matrix.stride + row : row * matrix.stride + column);
}

// Quarters of a block of a, or of bᵀ, whose rows are lines.
Combination combine(const Quarters &quarters, Matrix<float> matrix, const Block &lines, const Block &depth) {
  auto part = [&](int line, int inner) -> Part {
    return {at(matrix, lines.begin(line), depth.begin(inner)), lines.length(line), depth.length(inner)};
  };
  const Quarter &first = quarters.of[0], &second = quarters.of[quarters.count - 1];
  return {part(first.row, first.column), part(second.row, second.column), quarters.count == 2 ? second.sign : 0,
          matrix.transposed ? 1 : matrix.stride, matrix.transposed ? matrix.stride : 1};
}

Quarters transposed(Quarters quarters) {
  for (Quarter &quarter : quarters.of) std::swap(quarter.row, quarter.column);
  return quarters;
}

// Calls body(thread, item) for each item, which a thread takes when it is done with the one before.
template <typename Body> void share(int64_t threads, int64_t items, Body body) {
  std::atomic<int64_t> next{0};
  parallel_items(threads, [&](int64_t thread) {
    for (int64_t item = next++; item < items; item = next++) body(thread, item);
  });
}

} // namespace

const ProductKernels *ckernels::kernels_for_product(int64_t m, int64_t n, int64_t k) {
  const bool is_large = std::min({m, n, k}) >= kFewLines && m * n * k >= kFewMultiplications;
  return is_large ? product_kernels(instruction_set()) : nullptr;
}

void ckernels::multiply_large(const ProductKernels &kernels, int64_t m, int64_t n, int64_t k, Matrix<float> a,
                              Matrix<float> b, float *c, int64_t stride, bool adds) {
  const int64_t threads = at::get_num_threads(), tile_rows = kernels.tile_rows, tile_columns = kernels.tile_columns;
  const Cut inner(k, 1, kMostDepth), right(n, tile_columns, kMostColumns);
  Cut left(m, tile_rows, std::min(kMostRows, kPackedRows / inner.largest_half()));
  left.share_among(threads, kLeastRows);
  const int64_t strips = std::max<int64_t>(1, threads / left.blocks); // of columns, where blocks are fewer than threads
  const auto buffer = [](int64_t count) { return at::empty({count}, at::TensorOptions().dtype(at::kFloat)); };
  const int64_t right_size = inner.largest_half() * right.largest_half();
  const int64_t left_size = inner.largest_half() * left.largest_half();
  const at::Tensor right_buffer = buffer(kMultiplications * right_size), left_buffer = buffer(threads * left_size);
  float *const packed_right = right_buffer.data_ptr<float>(), *const packed_left = left_buffer.data_ptr<float>();

  for (int64_t i = 0; i < inner.blocks * right.blocks; ++i) {
    const Block depth = inner[i / right.blocks], columns = right[i % right.blocks];
    const int64_t column_panels = columns.half / tile_columns;
    share(threads, kMultiplications * threads, [&](int64_t, int64_t item) {
      const int64_t number = item / threads, part = item % threads;
      const int64_t begin = column_panels * part / threads, end = column_panels * (part + 1) / threads;
      kernels.pack_columns(combine(transposed(kStrassen[number].b), b.t(), columns, depth), begin, end, depth.half,
                           packed_right + number * right_size + begin * tile_columns * depth.half);
    });
    share(threads, left.blocks * strips, [&](int64_t thread, int64_t item) {
      const Block rows = left[item / strips];
      const int64_t row_panels = rows.half / tile_rows, strip = item % strips;
      const int64_t begin = column_panels * strip / strips, end = column_panels * (strip + 1) / strips;
      float *const packed = packed_left + thread * left_size;
      for (int number = 0; number < kMultiplications; ++number) {
        const Multiplication &multiplication = kStrassen[number];
        kernels.pack_rows(combine(multiplication.a, a, rows, depth), 0, row_panels, depth.half, packed);
        Target targets[2];
        for (int j = 0; j < multiplication.c.count; ++j) {
          const Quarter &to = multiplication.c.of[j];
          targets[j] = {c + rows.begin(to.row) * stride + columns.begin(to.column), rows.length(to.row),
                        columns.length(to.column), to.sign, !adds && depth.start == 0 && is_first(number, to)};
        }
        for (int64_t column = begin; column < end; ++column) {
          const float *panel = packed_right + number * right_size + column * tile_columns * depth.half;
          for (int64_t row = 0; row < row_panels; ++row) {
            kernels.multiply(depth.half, packed + row * tile_rows * depth.half, panel, targets, multiplication.c.count,
                             row * tile_rows, column * tile_columns, stride);
          }
        }
      }
    });
  }
}
