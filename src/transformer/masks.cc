#include "transformer/masks.h"

#include <algorithm>
#include <cstdlib>

namespace kandinsky {

MaskKind mask_kind(int layer, int layers) {
  if (layer % 4 == 1) return MaskKind::column;
  return layer == layers - 1 ? MaskKind::convolution : MaskKind::row;
}

bool visible(MaskKind kind, int version, int grid, int r, int p) {
  if (p > r) return false;
  switch (kind) {
    case MaskKind::row:
      return r - p <= grid;
    case MaskKind::column:
      return (r - p) % grid == 0;
    case MaskKind::convolution: {
      int rows = std::abs(r / grid - p / grid);
      int columns = std::abs(r % grid - p % grid);
      if (version == 2) {
        rows = std::min(rows, grid - rows);
        columns = std::min(columns, grid - columns);
      }
      return rows <= convolution_reach && columns <= convolution_reach;
    }
  }
  return false;
}

std::vector<int> visible_keys(MaskKind kind, int version, int grid, int r) {
  std::vector<int> keys;
  switch (kind) {
    case MaskKind::row:
      for (int p = std::max(0, r - grid); p <= r; ++p) keys.push_back(p);
      break;
    case MaskKind::column:
      for (int p = r % grid; p <= r; p += grid) keys.push_back(p);
      break;
    case MaskKind::convolution:
      for (int row = 0; row <= r / grid; ++row) {
        if (!visible(kind, version, grid, r, row * grid + r % grid)) continue;  // the row is out of reach
        for (int p = row * grid; p < (row + 1) * grid; ++p)
          if (visible(kind, version, grid, r, p)) keys.push_back(p);
      }
      break;
  }
  return keys;
}

}  // namespace kandinsky
