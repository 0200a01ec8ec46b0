#include "kandinsky/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "core/cores.h"
#include "core/fail.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_impl.h"
#include "text/yttm_tokenizer.h"

namespace kandinsky {
namespace {

constexpr std::uintmax_t most_bytes = 256u << 20;  // the largest real models take a few MB

std::string read(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) fail(ErrorCode::not_found, path.string(), "there is no such file");
  if (!std::filesystem::is_regular_file(path, error)) fail(ErrorCode::bad_file, path.string(), "expected a file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > most_bytes) fail(ErrorCode::bad_file, path.string(), "{} bytes are no tokenizer model", size);
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), {}};
  if (!file) fail(ErrorCode::io, path.string(), "the file cannot be read");
  return content;
}

// A YTTM model starts with a number, a SentencePiece one with a protobuf field (0x0A).
bool is_yttm(std::string_view model) {
  const std::size_t at = model.find_first_not_of(" \t\r");
  return at != model.npos && ((model[at] >= '0' && model[at] <= '9') || model[at] == '-');
}

std::shared_ptr<const Tokenizer::Impl> make(std::string_view model, const std::string& name) {
  if (is_yttm(model)) return make_yttm_tokenizer(model, name);
  if (model.empty() || model.front() != '\x0A')
    fail(ErrorCode::bad_file, name, "neither a YouTokenToMe nor a SentencePiece model");
  return make_sentencepiece_tokenizer(model, name);
}

void check_length(int length, const char* what, int least) {
  constexpr int most = 1 << 20;
  if (length < least || length > most)
    fail(ErrorCode::invalid_argument, what, "{} is not in {}..{}", length, least, most);
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Tokenizer Tokenizer::load(const std::filesystem::path& path) { return Tokenizer(make(read(path), path.string())); }

Tokenizer Tokenizer::from_memory(std::span<const std::byte> bytes, const std::string& name) {
  return Tokenizer(make({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const { return impl_->encode(text, std::nullopt); }

std::vector<std::vector<std::int32_t>> Tokenizer::encode_batch(std::span<const std::string> texts, int threads) const {
  if (threads < 0 || threads > 1024) fail(ErrorCode::invalid_argument, "threads", "{} is not in 0..1024", threads);
  if (threads == 0) threads = available_cores();
  const auto count = static_cast<int>(std::min<std::size_t>(threads, texts.size()));
  std::vector<std::vector<std::int32_t>> result(texts.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < texts.size(); i = next++) result[i] = encode(texts[i]);
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      next = texts.size();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < count; ++i) others.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
  return result;
}

std::vector<std::int32_t> Tokenizer::encode_with_dropout(std::string_view text, double probability,
                                                         std::uint64_t seed) const {
  if (!(probability >= 0 && probability <= 1))
    fail(ErrorCode::invalid_argument, "probability", "{} is not in 0..1", probability);
  return impl_->encode(text, Dropout{probability, seed});
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, std::span<const std::int32_t> ignore) const {
  std::vector<std::int32_t> kept;
  kept.reserve(ids.size());
  for (const std::int32_t id : ids) {
    if (std::find(ignore.begin(), ignore.end(), id) != ignore.end()) continue;
    if (id < 0 || id >= vocab_size())
      fail(ErrorCode::invalid_argument, "ids", "{} is not in 0..{}", id, vocab_size() - 1);
    kept.push_back(id);
  }
  return impl_->decode(kept);
}

std::string Tokenizer::decode_text(std::span<const std::int32_t> ids) const {
  const std::int32_t special[] = {pad_id(), unk_id(), bos_id(), eos_id()};
  return decode(ids, special);
}

std::vector<std::int32_t> Tokenizer::encode_for_transformer(std::string_view text, int length) const {
  check_length(length, "length", 1);
  std::vector<std::int32_t> ids = encode(strip(lower(text)));
  if (bos_id() >= 0) ids.insert(ids.begin(), bos_id());
  if (eos_id() >= 0) ids.push_back(eos_id());
  ids.resize(length, std::max(pad_id(), 0));
  return ids;
}

std::vector<std::int32_t> Tokenizer::encode_for_ruclip(std::string_view text, int context_length) const {
  check_length(context_length, "context_length", 2);
  std::vector<std::int32_t> ids = encode(lower(text));
  ids.resize(std::min<std::size_t>(ids.size(), context_length - 2));
  if (bos_id() >= 0) ids.insert(ids.begin(), bos_id());
  if (eos_id() >= 0) ids.push_back(eos_id());
  ids.resize(context_length, 0);
  return ids;
}

int Tokenizer::vocab_size() const noexcept { return impl_->vocab_size; }
std::int32_t Tokenizer::pad_id() const noexcept { return impl_->special.pad; }
std::int32_t Tokenizer::unk_id() const noexcept { return impl_->special.unk; }
std::int32_t Tokenizer::bos_id() const noexcept { return impl_->special.bos; }
std::int32_t Tokenizer::eos_id() const noexcept { return impl_->special.eos; }

std::string Tokenizer::id_to_piece(std::int32_t id) const {
  if (id < 0 || id >= vocab_size()) fail(ErrorCode::invalid_argument, "id", "{} is not in 0..{}", id, vocab_size() - 1);
  return impl_->piece(id);
}

std::int32_t Tokenizer::piece_to_id(std::string_view piece) const { return impl_->id(piece); }
std::string_view Tokenizer::kind() const noexcept { return impl_->kind(); }

}  // namespace kandinsky
