#pragma once
#include <string>

namespace kandinsky::cli {

// Borders of an image prompt, in tokens.
struct Keep {
  int up = 0;
  int down = 0;
  int left = 0;
  int right = 0;

  bool any() const { return up + down + left + right > 0; }

  // "up=4,left=2": every side at most once, 1..1024 each. Throws UsageError.
  static Keep parse(const std::string& text);
};

}  // namespace kandinsky::cli
