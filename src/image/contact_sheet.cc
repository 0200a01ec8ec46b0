#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/fail.h"
#include "kandinsky/image.h"

namespace kandinsky {

Image contact_sheet(std::span<const Image> images, int columns, int gap) {
  if (images.empty()) throw Error(ErrorCode::invalid_argument, "images", "a contact sheet needs at least one picture");
  if (columns < 0) fail(ErrorCode::invalid_argument, "columns", "{} is negative", columns);
  if (gap < 0 || gap > 1000) fail(ErrorCode::invalid_argument, "gap", "{} is not in 0..1000", gap);
  int width = 0, height = 0;
  for (const Image& image : images) {
    if (image.empty()) throw Error(ErrorCode::invalid_argument, "images", "a picture has no pixels");
    width = std::max(width, image.width());
    height = std::max(height, image.height());
  }
  const int count = static_cast<int>(images.size());
  if (columns == 0) columns = static_cast<int>(std::ceil(std::sqrt(count)));
  columns = std::min(columns, count);
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t sheet_width = std::int64_t{columns} * (width + gap) + gap;
  const std::int64_t sheet_height = rows * (height + gap) + gap;
  if (sheet_width > 65535 || sheet_height > 65535)
    fail(ErrorCode::invalid_argument, "images", "the sheet would be {} x {} pixels", sheet_width, sheet_height);
  Image sheet(static_cast<int>(sheet_width), static_cast<int>(sheet_height));
  std::memset(sheet.pixels().data(), 255, sheet.pixels().size());
  for (int i = 0; i < count; ++i) {
    const Image& image = images[i];
    const int x = gap + i % columns * (width + gap) + (width - image.width()) / 2;
    const int y = gap + i / columns * (height + gap) + (height - image.height()) / 2;
    for (int row = 0; row < image.height(); ++row)
      std::memcpy(sheet.row(y + row) + std::size_t(x) * 3, image.row(row), std::size_t(image.width()) * 3);
  }
  return sheet;
}

}  // namespace kandinsky
