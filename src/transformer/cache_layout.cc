#include "transformer/cache_layout.h"

#include <algorithm>

namespace kandinsky {

CacheLayout::CacheLayout(MaskKind kind, const TransformerConfig& config)
    : kind_(kind), version_(config.version), grid_(config.grid) {
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
}

std::vector<KeySegment> CacheLayout::segments(int raster) const {
  std::vector<int> places = visible_keys(kind_, version_, grid_, raster);
  for (int& place : places) place = slot(place);
  std::sort(places.begin(), places.end());
  std::vector<KeySegment> segments;
  for (const int place : places) {
    if (!segments.empty() && segments.back().start + segments.back().count == place)
      ++segments.back().count;
    else
      segments.push_back({place, 1});
  }
  return segments;
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
