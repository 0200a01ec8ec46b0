#include "text/bpe_model.h"

#include <array>
#include <charconv>
#include <initializer_list>
#include <span>

#include "core/fail.h"

namespace kandinsky {
namespace {

constexpr std::int64_t most_ids = 1 << 24;
// A hostile model can double a piece with every rule.
constexpr std::size_t most_piece_characters = std::size_t{1} << 24;

class Lines {
 public:
  Lines(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  // The next line's whole numbers, as many as asked for.
  template <std::size_t Count>
  std::array<std::int64_t, Count> numbers(const char* what) {
    ++line_;
    if (at_ >= text_.size()) fail(ErrorCode::bad_file, name_, "line {}: the file ends, expected {}", line_, what);
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    std::array<std::int64_t, Count> values{};
    const auto skip = [&line] {
      while (!line.empty() && (line.front() == ' ' || line.front() == '\t' || line.front() == '\r'))
        line.remove_prefix(1);
    };
    for (std::int64_t& value : values) {
      skip();
      const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), value);
      if (error != std::errc()) wrong(what);
      line.remove_prefix(stop - line.data());
      if (!line.empty() && line.front() != ' ' && line.front() != '\t' && line.front() != '\r') wrong(what);
    }
    skip();
    if (!line.empty()) wrong(what);
    return values;
  }

  [[noreturn]] void wrong(const char* what) const {
    fail(ErrorCode::bad_file, name_, "line {}: expected {}", line_, what);
  }
  std::size_t left() const { return at_ < text_.size() ? text_.size() - at_ : 0; }
  bool only_space_left() const { return at_ >= text_.size() || text_.find_first_not_of(" \t\r\n", at_) == text_.npos; }

 private:
  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 0;
};

}  // namespace

BpeModel BpeModel::parse(std::string_view text, const std::string& name) {
  Lines lines(text, name);
  const auto [characters, rules] = lines.numbers<2>("the numbers of characters and of merge rules");
  // A line of either kind takes at least four bytes.
  if (characters < 1 || rules < 0 || characters > most_ids || rules > most_ids ||
      static_cast<std::size_t>(characters + rules) > lines.left() / 3)
    fail(ErrorCode::bad_file, name, "{} characters and {} merge rules do not fit a file of {} bytes", characters, rules,
         text.size());
  BpeModel model;
  const std::int64_t size = characters + rules + 4;
  model.pieces.resize(size);
  std::vector<bool> taken(size);
  const auto take = [&](std::int64_t id, const char* what) {
    if (id < 0 || id >= size || taken[id]) lines.wrong(what);
    taken[id] = true;
    return static_cast<std::int32_t>(id);
  };
  for (std::int64_t i = 0; i < characters; ++i) {
    constexpr const char* what = "a Unicode code point and an id of its own";
    const auto [code_point, id] = lines.numbers<2>(what);
    if (code_point < 0 || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) lines.wrong(what);
    const auto c = static_cast<char32_t>(code_point);
    model.pieces[take(id, what)] = std::u32string(1, c);
    if (!model.characters.emplace(c, static_cast<std::int32_t>(id)).second) lines.wrong(what);
  }
  std::size_t total = 0;
  model.merges.reserve(rules);
  for (std::int64_t i = 0; i < rules; ++i) {
    constexpr const char* what = "two known ids and a new one";
    const auto [left, right, id] = lines.numbers<3>(what);
    if (left < 0 || left >= size || right < 0 || right >= size || !taken[left] || !taken[right]) lines.wrong(what);
    total += model.pieces[left].size() + model.pieces[right].size();
    if (total > most_piece_characters) fail(ErrorCode::bad_file, name, "the pieces are longer than any real model's");
    const std::u32string piece = model.pieces[left] + model.pieces[right];
    model.pieces[take(id, what)] = piece;
    const Merge merge{static_cast<std::int32_t>(i), static_cast<std::int32_t>(id)};
    model.merges.emplace(pair(static_cast<std::int32_t>(left), static_cast<std::int32_t>(right)), merge);
  }
  constexpr const char* what = "the ids unk, pad, bos and eos, none of them taken";
  const auto [unk, pad, bos, eos] = lines.numbers<4>(what);
  model.special.unk = take(unk, what);
  model.special.pad = take(pad, what);
  model.special.bos = take(bos, what);
  model.special.eos = take(eos, what);
  if (!lines.only_space_left()) fail(ErrorCode::bad_file, name, "there is more after the special ids");
  return model;
}

}  // namespace kandinsky
