#pragma once
#include <cstddef>
#include <vector>

#include "kandinsky/transformer.h"
#include "transformer/masks.h"

namespace kandinsky {

// Consecutive keys of a cache.
struct KeySegment {
  int start;
  int count;
};

// Where the keys and values of image positions of one layer are kept, and which of them a query reads. Only what a mask
// can see is kept: a row layer a ring of grid + 1 positions, a column layer one group a column, the convolution layer a
// ring of the rows within its reach (all rows in version 2, whose neighbourhood wraps around the grid).
class CacheLayout {
 public:
  CacheLayout(MaskKind kind, const TransformerConfig& config);

  MaskKind kind() const { return kind_; }
  int groups() const { return groups_; }      // parts that are read alone: the columns of a column layer, else 1
  int capacity() const { return capacity_; }  // keys of a group
  int group(int raster) const { return kind_ == MaskKind::column ? raster % grid_ : 0; }
  // Place in its group of the key at a raster index.
  int slot(int raster) const;
  // What the query at a raster index reads of its group, once its own key is there.
  std::vector<KeySegment> segments(int raster) const;

 private:
  MaskKind kind_;
  int version_;
  int grid_;
  int groups_ = 1;
  int capacity_ = 0;
};

}  // namespace kandinsky
