#include <climits>

#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

namespace {

// ids of exactly `length` numbers into the caller's array.
template <typename Encode>
kandinsky_status encode_padded(const kandinsky_tokenizer* tokenizer, const char* text, int32_t* ids, size_t length,
                               kandinsky_error* error, Encode&& encode) {
  return guarded(error, [&] {
    const Tokenizer& model = need(tokenizer, "tokenizer").model;
    const std::string prompt = need_utf8(text, "text");
    need(ids, "ids");
    if (length < 2 || length > (1u << 20))
      fail(ErrorCode::invalid_argument, "length", "is {}, expected 2..{}", length, 1 << 20);
    const std::vector<std::int32_t> made = encode(model, prompt, int(length));
    std::memcpy(ids, made.data(), made.size() * sizeof *ids);
  });
}

}  // namespace

kandinsky_status kandinsky_tokenizer_load(const char* path, kandinsky_tokenizer** tokenizer, kandinsky_error* error) {
  return make(tokenizer, "tokenizer", error, [&] { return kandinsky_tokenizer{Tokenizer::load(need_text(path, "path"))}; });
}
kandinsky_status kandinsky_tokenizer_load_memory(const void* bytes, size_t size, const char* name,
                                                 kandinsky_tokenizer** tokenizer, kandinsky_error* error) {
  return make(tokenizer, "tokenizer", error, [&] {
    return kandinsky_tokenizer{Tokenizer::from_memory(need_bytes(bytes, size, "bytes"), name ? name : "<memory>")};
  });
}
int32_t kandinsky_tokenizer_vocab_size(const kandinsky_tokenizer* tokenizer) {
  return tokenizer ? tokenizer->model.vocab_size() : 0;
}
kandinsky_status kandinsky_tokenizer_encode(const kandinsky_tokenizer* tokenizer, const char* text, int32_t* ids,
                                            size_t capacity, size_t* count, kandinsky_error* error) {
  return guarded(error, [&] {
    const Tokenizer& model = need(tokenizer, "tokenizer").model;
    write_values<std::int32_t>(model.encode(need_utf8(text, "text")), ids, capacity, count);
  });
}
kandinsky_status kandinsky_tokenizer_encode_for_transformer(const kandinsky_tokenizer* tokenizer, const char* text,
                                                            int32_t* ids, size_t length, kandinsky_error* error) {
  return encode_padded(tokenizer, text, ids, length, error, [](const Tokenizer& model, const std::string& prompt, int n) {
    return model.encode_for_transformer(prompt, n);
  });
}
kandinsky_status kandinsky_tokenizer_encode_for_ruclip(const kandinsky_tokenizer* tokenizer, const char* text,
                                                       int32_t* ids, size_t length, kandinsky_error* error) {
  return encode_padded(tokenizer, text, ids, length, error, [](const Tokenizer& model, const std::string& prompt, int n) {
    return model.encode_for_ruclip(prompt, n);
  });
}
kandinsky_status kandinsky_tokenizer_decode(const kandinsky_tokenizer* tokenizer, const int32_t* ids, size_t count,
                                            kandinsky_buffer** text, kandinsky_error* error) {
  return make(text, "text", error, [&] {
    const std::string decoded = need(tokenizer, "tokenizer").model.decode_text(need_array(ids, count, "ids"));
    kandinsky_buffer made;
    made.bytes.resize(decoded.size() + 1);
    std::memcpy(made.bytes.data(), decoded.c_str(), decoded.size() + 1);
    made.size = decoded.size();
    return made;
  });
}
void kandinsky_tokenizer_release(kandinsky_tokenizer* tokenizer) { delete tokenizer; }
