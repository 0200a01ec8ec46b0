#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "text/tokenizer_impl.h"

namespace kandinsky {

// Byte pair encoding as YouTokenToMe does it. Throws Error (bad_file).
std::shared_ptr<const Tokenizer::Impl> make_yttm_tokenizer(std::string_view model, const std::string& name);

}  // namespace kandinsky
