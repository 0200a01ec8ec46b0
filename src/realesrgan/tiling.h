#pragma once
#include <cstdint>
#include <vector>

#include "kandinsky/image.h"
#include "kandinsky/real_esrgan.h"
#include "realesrgan/network.h"

namespace kandinsky::realesrgan {

// A piece of the work, in pixels of the picture: what the network sees, which may reach beyond the picture,
// and how much of that around is context. x and y of the seen rectangle may be negative.
struct Tile {
  int x, y, width, height;
  Margins margins;
  int kept_x() const { return x + static_cast<int>(margins.left); }
  int kept_y() const { return y + static_cast<int>(margins.top); }
  int kept_width() const { return width - static_cast<int>(margins.left + margins.right); }
  int kept_height() const { return height - static_cast<int>(margins.top + margins.bottom); }
};

// Throws Error (invalid_argument) that names the option.
void check(const TilingOptions& options, int scale);

std::vector<Tile> tiles(int width, int height, const TilingOptions& options, int unit);

// Where pixels outside the picture come from: mirrored (the edge pixel repeated) within options.mirror, then
// the last of those repeated.
class Border {
 public:
  Border(int size, const TilingOptions& options) : size_(size), mirror_(options.mirror) {}
  int source(int at) const;

 private:
  int size_;
  int mirror_;
};

}  // namespace kandinsky::realesrgan
