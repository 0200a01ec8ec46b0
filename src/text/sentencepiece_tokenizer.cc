#include "text/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include "core/fail.h"
#include "text/utf8.h"

namespace kandinsky {
namespace {

class SentencePieceTokenizer : public Tokenizer::Impl {
 public:
  SentencePieceTokenizer(std::string_view model, const std::string& name) {
    const auto status = processor_.LoadFromSerializedProto(model);
    if (!status.ok() || processor_.GetPieceSize() < 1)
      fail(ErrorCode::bad_file, name, "neither a YouTokenToMe nor a SentencePiece model");
    vocab_size = processor_.GetPieceSize();
    special = {processor_.pad_id(), processor_.unk_id(), processor_.bos_id(), processor_.eos_id()};
  }

  std::string_view kind() const override { return "sentencepiece"; }

  std::vector<std::int32_t> encode(std::string_view text, const std::optional<Dropout>& dropout) const override {
    if (dropout)
      throw Error(ErrorCode::unsupported, "dropout",
                  "SentencePiece models sample from one generator of the whole process; "
                  "BPE dropout needs a YouTokenToMe model");
    std::vector<int> ids;
    const auto status = processor_.Encode(encode_utf8(decode_utf8(text)), &ids);
    if (!status.ok()) throw Error(ErrorCode::internal, "SentencePiece", status.ToString());
    return {ids.begin(), ids.end()};
  }

  std::string decode(const std::vector<std::int32_t>& ids) const override {
    std::string text;
    const auto status = processor_.Decode(std::vector<int>(ids.begin(), ids.end()), &text);
    if (!status.ok()) throw Error(ErrorCode::internal, "SentencePiece", status.ToString());
    return text;
  }

  std::string piece(std::int32_t id) const override { return processor_.IdToPiece(id); }
  std::int32_t id(std::string_view piece) const override { return processor_.PieceToId(piece); }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace

std::shared_ptr<const Tokenizer::Impl> make_sentencepiece_tokenizer(std::string_view model, const std::string& name) {
  return std::make_shared<SentencePieceTokenizer>(model, name);
}

}  // namespace kandinsky
