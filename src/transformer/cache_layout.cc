#include "transformer/cache_layout.h"

#include <algorithm>

namespace kandinsky {

CacheLayout::CacheLayout(MaskKind kind, const TransformerConfig& config) : kind_(kind), grid_(config.grid) {
  switch (kind) {
    case MaskKind::row:
      capacity_ = grid_ + 1;
      break;
    case MaskKind::column:
      groups_ = grid_;
      capacity_ = grid_;
      break;
    case MaskKind::convolution:
      capacity_ = config.version == 2 ? grid_ * grid_ : std::min(grid_, convolution_reach + 1) * grid_;
      break;
  }
  segments_.resize(config.image_length());
  std::vector<int> places;
  for (int raster = 0; raster < config.image_length(); ++raster) {
    places.clear();
    for (const int key : visible_keys(kind, config.version, grid_, raster)) places.push_back(slot(key));
    std::sort(places.begin(), places.end());
    for (const int place : places) {
      std::vector<KeySegment>& list = segments_[raster];
      if (!list.empty() && list.back().start + list.back().count == place)
        ++list.back().count;
      else
        list.push_back({place, 1});
    }
  }
}

int CacheLayout::slot(int raster) const {
  switch (kind_) {
    case MaskKind::row:
      return raster % capacity_;
    case MaskKind::column:
      return raster / grid_;
    default:
      return raster % capacity_;
  }
}

}  // namespace kandinsky
