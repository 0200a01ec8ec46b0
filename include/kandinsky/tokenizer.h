#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/export.h"

namespace kandinsky {

// Byte pair encoding of the ruDALL-E family: YouTokenToMe (YTTM) text models, exactly as the original C++, and
// SentencePiece models; which one is detected by content.
//
// Immutable after load; all member functions may be called from several threads at once. Text is UTF-8; invalid bytes
// are dropped one at a time before anything else, as YTTM does.
class KANDINSKY_API Tokenizer {
 public:
  // Throws Error: not_found, io, bad_file.
  static Tokenizer load(const std::filesystem::path& path);
  static Tokenizer from_memory(std::span<const std::byte> bytes, const std::string& name = "<memory>");

  // Ids of the text as it is: no lower-casing, no bos or eos.
  std::vector<std::int32_t> encode(std::string_view text) const;
  // encode() of every text, in order, on up to `threads` threads (0: one a core).
  std::vector<std::vector<std::int32_t>> encode_batch(std::span<const std::string> texts, int threads = 0) const;
  // BPE dropout (Provilkov et al. 2020; for training): every candidate merge is skipped with `probability` (0..1). The
  // same seed gives the same ids. Throws Error (unsupported) for a SentencePiece model.
  std::vector<std::int32_t> encode_with_dropout(std::string_view text, double probability, std::uint64_t seed) const;

  // Text of the ids, which must be 0..vocab_size()-1 (else Error, invalid_argument); ids in `ignore` are passed over.
  std::string decode(std::span<const std::int32_t> ids, std::span<const std::int32_t> ignore = {}) const;
  // decode() without pad, unknown, bos and eos.
  std::string decode_text(std::span<const std::int32_t> ids) const;

  // The transformer's input: lower-cased and stripped as Python does, [bos] + encode + [eos], then cut or padded with
  // pad_id() to `length`.
  std::vector<std::int32_t> encode_for_transformer(std::string_view text, int length) const;
  // ruCLIP's input: lower-cased, cut to context_length - 2, [bos] + ids + [eos], padded with 0.
  std::vector<std::int32_t> encode_for_ruclip(std::string_view text, int context_length = 77) const;

  int vocab_size() const noexcept;
  std::int32_t pad_id() const noexcept;
  std::int32_t unk_id() const noexcept;
  std::int32_t bos_id() const noexcept;
  std::int32_t eos_id() const noexcept;
  // The subword of an id, with U+2581 for a word's start. Throws Error (invalid_argument).
  std::string id_to_piece(std::int32_t id) const;
  // unk_id() if there is no such piece.
  std::int32_t piece_to_id(std::string_view piece) const;
  // "yttm" or "sentencepiece".
  std::string_view kind() const noexcept;

  struct Impl;

 private:
  explicit Tokenizer(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

// Python's str.lower() and str.strip() on UTF-8.
KANDINSKY_API std::string lower(std::string_view text);
KANDINSKY_API std::string strip(std::string_view text);

}  // namespace kandinsky
