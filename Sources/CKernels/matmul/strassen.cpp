// Seven products of half the size instead of eight (Strassen, 1969, "Gaussian Elimination is not Optimal", Numerische
// Mathematik 13). Sums of blocks are computed during packing, and results are added to their places directly from
// registers, so that neither takes a pass over memory (Huang, Smith, Henry and van de Geijn, 2016, "Strassen's Algorithm
// Reloaded", SC16). The loops around that are those of Goto and van de Geijn, 2008, "Anatomy of High-Performance Matrix
// Multiplication", ACM Transactions on Mathematical Software 34(3).
#include "matmul/strassen.h"

#include "threads/threads.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <utility>

using namespace ckernels;

namespace {

int64_t divide_up(int64_t number, int64_t by) { return (number + by - 1) / by; }

// A quarter of a matrix: upper or lower, left or right.
struct Quarter {
  int row, column;
  float sign;
};

struct Quarters {
  int count;
  Quarter of[2];
};

// (Σ quarters of a) (Σ quarters of b), added to quarters of c. The first term of each sum has the sign 1.
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

// Whether this is the first multiplication that contributes to the quarter.
constexpr bool is_first(int multiplication, const Quarter &quarter) {
  for (int i = 0; i < multiplication; ++i) {
    for (int j = 0; j < kStrassen[i].c.count; ++j) {
      const Quarter &earlier = kStrassen[i].c.of[j];
      if (earlier.row == quarter.row && earlier.column == quarter.column) return false;
    }
  }
  return true;
}

// A block of a dimension: two halves of the same size, of which the second may extend beyond the end.
struct Block {
  int64_t start, half, size;

  int64_t begin(int second) const { return start + second * half; }
  // The length of a half inside the matrix.
  int64_t length(int second) const { return std::clamp<int64_t>(size - second * half, 0, half); }
};

// A dimension divided into blocks of about the same size, whose halves are multiples of a unit.
struct Cut {
  int64_t size, unit, blocks;

  // Into the fewest blocks whose halves are at most `most`.
  static Cut coarse(int64_t size, int64_t unit, int64_t most) {
    const Cut whole{size, unit, 1};
    return {size, unit, divide_up(whole.half_units(), std::max<int64_t>(1, most / unit))};
  }
  Block operator[](int64_t block) const {
    const int64_t first = half_units() * block / blocks, last = half_units() * (block + 1) / blocks;
    const int64_t start = 2 * unit * first, half = unit * (last - first);
    return {start, half, std::clamp<int64_t>(size - start, 0, 2 * half)};
  }
  int64_t largest_half() const { return divide_up(half_units(), blocks) * unit; }
  int64_t halves_together() const { return half_units() * unit; }

private:
  int64_t half_units() const { return divide_up(size, 2 * unit); }
};

// Sizes of half blocks, chosen for the caches of the processors measured so far: a packed block of rows takes somewhat more
// than half of a 1 MB second-level cache; depth and columns are long, so that rows are packed, and results added to memory,
// rarely.
constexpr int64_t kPackedFloats = 150'000; // rows by depth
constexpr int64_t kMostRows = 392, kMostDepth = 640, kMostColumns = 2560;
constexpr int64_t kFewRows = 96; // the minimum when rows are divided only to give each thread a block

// For smaller products LibTorch is as fast.
constexpr int64_t kLeastMultiplications = int64_t(1) << 27, kLeastLines = 256;

int64_t largest_divisor(int64_t number, int64_t most) {
  int64_t divisor = std::min(number, most);
  while (number % divisor != 0) --divisor;
  return divisor;
}

// The number of blocks that rows are divided into, at least `rows.blocks`: the same number for each thread, unless blocks
// become too small; otherwise a number with which the same number of threads can work on each block.
int64_t shared_blocks(const Cut &rows, int64_t threads) {
  const int64_t even = divide_up(rows.blocks, threads) * threads;
  const int64_t most = std::max<int64_t>(1, rows.halves_together() / kFewRows);
  return even <= most ? even : std::max(rows.blocks, largest_divisor(threads, most));
}

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

// Calls body(thread, item) for each item; a thread takes the next item when it has finished one.
template <typename Body> void share(int64_t threads, int64_t items, Body body) {
  std::atomic<int64_t> next{0};
  parallel_items(threads, [&](int64_t thread) {
    for (int64_t item = next++; item < items; item = next++) body(thread, item);
  });
}

} // namespace

const GemmKernels *ckernels::kernels_for_matmul(int64_t m, int64_t n, int64_t k) {
  const bool is_large = std::min({m, n, k}) >= kLeastLines && m * n * k >= kLeastMultiplications;
  return is_large ? gemm_kernels(instruction_set()) : nullptr;
}

void ckernels::strassen_matmul(const GemmKernels &kernels, int64_t m, int64_t n, int64_t k, Matrix<float> a,
                               Matrix<float> b, float *c, int64_t stride, bool adds) {
  const int64_t threads = at::get_num_threads(), tile_rows = kernels.tile_rows, tile_columns = kernels.tile_columns;
  const Cut inner = Cut::coarse(k, 1, kMostDepth), right = Cut::coarse(n, tile_columns, kMostColumns);
  Cut left = Cut::coarse(m, tile_rows, std::min(kMostRows, kPackedFloats / inner.largest_half()));
  left.blocks = shared_blocks(left, threads);
  // With fewer blocks of rows than threads, several threads work on one block, each on a strip of columns.
  const int64_t strips = std::min(divide_up(threads, left.blocks), right.largest_half() / tile_columns);
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
      if (begin == end) return;
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
