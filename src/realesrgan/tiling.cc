#include "realesrgan/tiling.h"

#include <algorithm>

#include "core/fail.h"

namespace kandinsky::realesrgan {
namespace {

// One dimension of a tile.
struct Span {
  int start, size, before, after;
};

int rounded_up(int n, int to) { return (n + to - 1) / to * to; }

// The reference: the mirrored picture extended to a multiple of `tile`, cut there, `padding` more around
// each.
std::vector<Span> reference_spans(int size, const TilingOptions& options) {
  std::vector<Span> spans;
  const int mirrored = size + 2 * options.mirror;
  for (int start = 0; start < mirrored; start += options.tile)
    spans.push_back({start - options.mirror - options.padding, options.tile + 2 * options.padding, options.padding,
                     options.padding});
  return spans;
}

// Tiles of about equal size that cover the picture alone, with `padding` pixels around them: of the picture,
// or what the reference has beyond its borders.
std::vector<Span> even_spans(int size, const TilingOptions& options, int unit) {
  std::vector<Span> spans;
  const int count = (size + options.tile - 1) / options.tile;
  const int each = rounded_up((size + count - 1) / count, unit);
  for (int start = 0; start < size; start += each) {
    const int end = std::min(start + each, size);
    const int before = options.padding / unit * unit;
    int after = options.padding;
    after += rounded_up(end - start + after, unit) - (end - start + after);
    spans.push_back({start - before, before + end - start + after, before, after});
  }
  return spans;
}

}  // namespace

void check(const TilingOptions& options, int scale) {
  const auto in_range = [](const char* name, int value, int least, int most) {
    if (value < least || value > most)
      fail(ErrorCode::invalid_argument, name, "{} is not in {}..{}", value, least, most);
  };
  in_range("tile", options.tile, 1, 4096);
  in_range("padding", options.padding, 0, 1024);
  in_range("mirror", options.mirror, 0, 1024);
  in_range("batch", options.batch, 1, 256);
  if (options.tile <= 2 * options.padding)
    fail(ErrorCode::invalid_argument, "tile", "{} does not exceed twice the padding of {}", options.tile,
         options.padding);
  if (options.reference && scale == 2 && options.tile % 2 != 0)
    fail(ErrorCode::invalid_argument, "tile", "{} is odd, and x2 needs an even number", options.tile);
}

std::vector<Tile> tiles(int width, int height, const TilingOptions& options, int unit) {
  const auto spans = [&](int size) {
    return options.reference ? reference_spans(size, options) : even_spans(size, options, unit);
  };
  const std::vector<Span> across = spans(width);
  std::vector<Tile> result;
  for (const Span& down : spans(height))
    for (const Span& right : across)
      result.push_back(
          {right.start, down.start, right.size, down.size, {right.before, down.before, right.after, down.after}});
  return result;
}

int Border::source(int at) const {
  at = std::clamp(at, -mirror_, size_ + mirror_ - 1);
  const int period = 2 * size_;
  const int phase = ((at % period) + period) % period;
  return phase < size_ ? phase : period - 1 - phase;
}

}  // namespace kandinsky::realesrgan
