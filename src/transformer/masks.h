#pragma once
#include <vector>

namespace kandinsky {

// Which image keys a layer's image queries see. Text keys are always seen, causally.
enum class MaskKind { row, column, convolution };

// Layer i of `layers`: (i - 1) % 4 == 0 is a column layer; the last one, if it is not that, a convolution; else row.
MaskKind mask_kind(int layer, int layers);

constexpr int convolution_reach = 5;  // an 11x11 neighbourhood

// Whether the query at raster index r sees the key at raster index p of a grid of `grid` x `grid`; version 2 wraps the
// neighbourhood around the grid.
bool visible(MaskKind kind, int version, int grid, int r, int p);

// All p that r sees, ascending.
std::vector<int> visible_keys(MaskKind kind, int version, int grid, int r);

}  // namespace kandinsky
