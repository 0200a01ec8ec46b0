#include "text/yttm_tokenizer.h"

#include <functional>
#include <queue>
#include <random>
#include <utility>

#include "text/bpe_model.h"
#include "text/utf8.h"

namespace kandinsky {
namespace {

constexpr char32_t word_start = 0x2581;

// What YTTM splits words at: ASCII white space and its own mark.
bool splits(char32_t c) { return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == word_start; }

// Merges the symbols of a word, lowest rank first and leftmost among equals, in O(n log n).
class Word {
 public:
  Word(const BpeModel& model, const std::optional<Dropout>& dropout, std::mt19937_64& random)
      : model_(model), dropout_(dropout), random_(random) {}

  void push(std::int32_t id) {
    const int at = static_cast<int>(symbols_.size());
    symbols_.push_back({id, at - 1, at + 1});
  }

  bool ends_with(std::int32_t id) const { return !symbols_.empty() && symbols_.back().id == id; }

  void merge_into(std::vector<std::int32_t>& out) {
    if (symbols_.empty()) return;
    symbols_.back().next = none;
    for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) offer(static_cast<int>(i));
    while (!candidates_.empty()) {
      const Candidate best = candidates_.top();
      candidates_.pop();
      Symbol& left = symbols_[best.at];
      // Something merged here since this was offered.
      if (left.id != best.left || left.next == none || symbols_[left.next].id != best.right) continue;
      Symbol& right = symbols_[left.next];
      left.id = best.merged;
      left.next = right.next;
      if (right.next != none) symbols_[right.next].previous = best.at;
      right.id = none;
      if (left.previous != none) offer(left.previous);
      if (left.next != none) offer(best.at);
    }
    for (int i = 0; i != none; i = symbols_[i].next) out.push_back(symbols_[i].id);
  }

 private:
  static constexpr int none = -1;
  struct Symbol {
    std::int32_t id;
    int previous;
    int next;
  };
  struct Candidate {
    std::int32_t rank;
    int at;
    std::int32_t left, right, merged;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };

  void offer(int at) {
    const Symbol& left = symbols_[at];
    const Symbol& right = symbols_[left.next];
    const auto found = model_.merges.find(BpeModel::pair(left.id, right.id));
    if (found == model_.merges.end()) return;
    if (dropout_ && skips()) return;
    candidates_.push({found->second.rank, at, left.id, right.id, found->second.id});
  }

  // 53 random bits as a number in [0, 1): the same on every platform.
  bool skips() { return static_cast<double>(random_() >> 11) * 0x1p-53 < dropout_->probability; }

  const BpeModel& model_;
  const std::optional<Dropout>& dropout_;
  std::mt19937_64& random_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates_;
};

class YttmTokenizer : public Tokenizer::Impl {
 public:
  YttmTokenizer(std::string_view model, const std::string& name) : model_(BpeModel::parse(model, name)) {
    vocab_size = static_cast<int>(model_.pieces.size());
    special = model_.special;
    for (std::int32_t i = 0; i < vocab_size; ++i) ids_.emplace(piece(i), i);
  }

  std::string_view kind() const override { return "yttm"; }

  std::vector<std::int32_t> encode(std::string_view text, const std::optional<Dropout>& dropout) const override {
    std::vector<std::int32_t> ids;
    std::mt19937_64 random(dropout ? dropout->seed : 0);
    const std::u32string code_points = decode_utf8(text);
    for (std::size_t i = 0; i < code_points.size();) {
      if (splits(code_points[i])) {
        ++i;
        continue;
      }
      Word word(model_, dropout, random);
      push(word, word_start);
      for (; i < code_points.size() && !splits(code_points[i]); ++i) push(word, code_points[i]);
      word.merge_into(ids);
    }
    return ids;
  }

  std::string decode(const std::vector<std::int32_t>& ids) const override {
    std::string text;
    bool first = true;
    for (const std::int32_t id : ids) {
      if (model_.pieces[id].empty()) text += piece(id);
      for (const char32_t c : model_.pieces[id]) {
        // The space before the very first word is the tokenizer's own.
        if (c != word_start)
          append_utf8(text, c);
        else if (!first || !text.empty())
          text += ' ';
        first = false;
      }
      first = false;
    }
    return text;
  }

  std::string piece(std::int32_t id) const override {
    if (id == special.pad) return "<PAD>";
    if (id == special.unk) return "<UNK>";
    if (id == special.bos) return "<BOS>";
    if (id == special.eos) return "<EOS>";
    return encode_utf8(model_.pieces[id]);
  }

  std::int32_t id(std::string_view piece) const override {
    const auto found = ids_.find(std::string(piece));
    return found == ids_.end() ? special.unk : found->second;
  }

 private:
  // A run of unknown characters is one unk.
  void push(Word& word, char32_t c) const {
    const auto found = model_.characters.find(c);
    if (found != model_.characters.end())
      word.push(found->second);
    else if (!word.ends_with(special.unk))
      word.push(special.unk);
  }

  BpeModel model_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

}  // namespace

std::shared_ptr<const Tokenizer::Impl> make_yttm_tokenizer(std::string_view model, const std::string& name) {
  return std::make_shared<YttmTokenizer>(model, name);
}

}  // namespace kandinsky
