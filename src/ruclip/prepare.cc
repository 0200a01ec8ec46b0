#include "ruclip/prepare.h"

#include <algorithm>
#include <cmath>

#include "kandinsky/error.h"

namespace kandinsky::ruclip {

Image prepare(const Image& image, int resolution) {
  if (image.empty()) throw Error(ErrorCode::invalid_argument, "image", "there are no pixels");
  const int width = image.width(), height = image.height();
  const int side = std::min({static_cast<int>(std::nearbyint(std::sqrt(double(width) * height))), width, height});
  return image.crop((width - side) / 2, (height - side) / 2, side, side).resize(resolution, resolution);
}

}  // namespace kandinsky::ruclip
