#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "text/tokenizer_impl.h"

namespace kandinsky {

// A SentencePiece model (Kudo and Richardson 2018), through the original library. Throws Error (bad_file).
std::shared_ptr<const Tokenizer::Impl> make_sentencepiece_tokenizer(std::string_view model, const std::string& name);

}  // namespace kandinsky
