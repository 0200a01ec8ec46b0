#include "caption_table.h"

#include <fmt/format.h>
#include <kandinsky/error.h>

#include <sstream>

#include "output.h"

namespace kandinsky::cli {
namespace {

constexpr std::size_t most_bytes = 1 << 30;

[[noreturn]] void bad_line(const std::filesystem::path& path, int number, const std::string& message) {
  throw Error(ErrorCode::bad_file, fmt::format("{}:{}", path.string(), number), message);
}

}  // namespace

std::vector<CaptionedImage> read_caption_table(const std::filesystem::path& path) {
  std::string text = read_text(path, most_bytes);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  std::istringstream lines(std::move(text));
  std::vector<CaptionedImage> pairs;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos || tab == 0 || line.find('\t', tab + 1) != std::string::npos)
      bad_line(path, number, "expected a picture's path, a tab and its caption");
    CaptionedImage pair{path.parent_path() / line.substr(0, tab), line.substr(tab + 1)};
    if (!is_utf8(pair.caption)) bad_line(path, number, "the caption is not valid UTF-8");
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(pair.image, ignored))
      bad_line(path, number, fmt::format("there is no file {}", pair.image.string()));
    pairs.push_back(std::move(pair));
  }
  if (pairs.empty()) throw Error(ErrorCode::bad_file, path.string(), "holds no pairs");
  return pairs;
}

}  // namespace kandinsky::cli
