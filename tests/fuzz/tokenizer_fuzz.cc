#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kandinsky/error.h"
#include "kandinsky/tokenizer.h"

// A tokenizer model, then a zero byte, then a text to encode with it: nothing but an Error may come of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = all.find('\0');
  const std::string_view model = all.substr(0, end);
  const std::string_view text = end == all.npos ? model : all.substr(end + 1);
  try {
    const auto tokenizer = kandinsky::Tokenizer::from_memory(std::as_bytes(std::span(model)));
    const auto ids = tokenizer.encode(text);
    for (const auto id : ids)
      if (id < 0 || id >= tokenizer.vocab_size()) __builtin_trap();
    tokenizer.decode(ids);
    tokenizer.encode_with_dropout(text, 0.5, size);
    tokenizer.encode_for_ruclip(text);
  } catch (const kandinsky::Error&) {
  }
  return 0;
}
