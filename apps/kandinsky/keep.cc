#include "keep.h"

#include <fmt/format.h>

#include <algorithm>

#include "command.h"

namespace kandinsky::cli {

Keep Keep::parse(const std::string& text) {
  Keep keep;
  std::size_t at = 0;
  do {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, comma - at);
    const std::size_t equals = part.find('=');
    const std::string side = part.substr(0, equals);
    int* border = side == "up"      ? &keep.up
                  : side == "down"  ? &keep.down
                  : side == "left"  ? &keep.left
                  : side == "right" ? &keep.right
                                    : nullptr;
    if (border == nullptr || equals == std::string::npos)
      throw UsageError(fmt::format("'{}' is not up=N, down=N, left=N or right=N", part));
    if (*border != 0) throw UsageError(fmt::format("{} is given twice in '{}'", side, text));
    *border = static_cast<int>(parse_integer(part.substr(equals + 1), 1, 1024));
    at = comma + 1;
  } while (at <= text.size());
  return keep;
}

}  // namespace kandinsky::cli
