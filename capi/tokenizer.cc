#include <climits>

#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

namespace {

kandinsky_buffer text_buffer(const std::string& text) {
  kandinsky_buffer made;
  made.bytes.resize(text.size() + 1);
  std::memcpy(made.bytes.data(), text.c_str(), text.size() + 1);
  made.size = text.size();
  return made;
}

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
    std::copy(made.begin(), made.end(), ids);
  });
}

}  // namespace

kandinsky_status kandinsky_tokenizer_load(const char* path, kandinsky_tokenizer** tokenizer, kandinsky_error* error) {
  return make(tokenizer, "tokenizer", error,
              [&] { return kandinsky_tokenizer{Tokenizer::load(need_text(path, "path"))}; });
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
  return encode_padded(
      tokenizer, text, ids, length, error,
      [](const Tokenizer& model, const std::string& prompt, int n) { return model.encode_for_transformer(prompt, n); });
}
kandinsky_status kandinsky_tokenizer_encode_for_ruclip(const kandinsky_tokenizer* tokenizer, const char* text,
                                                       int32_t* ids, size_t length, kandinsky_error* error) {
  return encode_padded(
      tokenizer, text, ids, length, error,
      [](const Tokenizer& model, const std::string& prompt, int n) { return model.encode_for_ruclip(prompt, n); });
}
kandinsky_status kandinsky_tokenizer_decode(const kandinsky_tokenizer* tokenizer, const int32_t* ids, size_t count,
                                            kandinsky_buffer** text, kandinsky_error* error) {
  return make(text, "text", error, [&] {
    return text_buffer(need(tokenizer, "tokenizer").model.decode_text(need_array(ids, count, "ids")));
  });
}

kandinsky_status kandinsky_tokenizer_encode_batch(const kandinsky_tokenizer* tokenizer, const char* const* texts,
                                                  size_t text_count, int32_t threads, kandinsky_token_lists** lists,
                                                  kandinsky_error* error) {
  return make(lists, "lists", error, [&] {
    const Tokenizer& model = need(tokenizer, "tokenizer").model;
    return kandinsky_token_lists{model.encode_batch(need_texts(texts, text_count, "texts"), threads)};
  });
}
size_t kandinsky_token_lists_count(const kandinsky_token_lists* lists) { return lists ? lists->list.size() : 0; }
const int32_t* kandinsky_token_lists_ids(const kandinsky_token_lists* lists, size_t index, size_t* count) {
  const bool there = index < kandinsky_token_lists_count(lists);
  if (count) *count = there ? lists->list[index].size() : 0;
  return there ? lists->list[index].data() : nullptr;
}
void kandinsky_token_lists_release(kandinsky_token_lists* lists) { delete lists; }

kandinsky_status kandinsky_tokenizer_encode_with_dropout(const kandinsky_tokenizer* tokenizer, const char* text,
                                                         double probability, uint64_t seed, int32_t* ids,
                                                         size_t capacity, size_t* count, kandinsky_error* error) {
  return guarded(error, [&] {
    const Tokenizer& model = need(tokenizer, "tokenizer").model;
    write_values<std::int32_t>(model.encode_with_dropout(need_utf8(text, "text"), probability, seed), ids, capacity,
                               count);
  });
}

kandinsky_status kandinsky_tokenizer_id_to_piece(const kandinsky_tokenizer* tokenizer, int32_t id,
                                                 kandinsky_buffer** piece, kandinsky_error* error) {
  return make(piece, "piece", error, [&] { return text_buffer(need(tokenizer, "tokenizer").model.id_to_piece(id)); });
}
kandinsky_status kandinsky_tokenizer_piece_to_id(const kandinsky_tokenizer* tokenizer, const char* piece, int32_t* id,
                                                 kandinsky_error* error) {
  return guarded(error, [&] {
    const Tokenizer& model = need(tokenizer, "tokenizer").model;
    const std::string text = need_utf8(piece, "piece");
    need(id, "id") = model.piece_to_id(text);
  });
}
int32_t kandinsky_tokenizer_pad_id(const kandinsky_tokenizer* tokenizer) {
  return tokenizer ? tokenizer->model.pad_id() : 0;
}
int32_t kandinsky_tokenizer_unk_id(const kandinsky_tokenizer* tokenizer) {
  return tokenizer ? tokenizer->model.unk_id() : 0;
}
int32_t kandinsky_tokenizer_bos_id(const kandinsky_tokenizer* tokenizer) {
  return tokenizer ? tokenizer->model.bos_id() : 0;
}
int32_t kandinsky_tokenizer_eos_id(const kandinsky_tokenizer* tokenizer) {
  return tokenizer ? tokenizer->model.eos_id() : 0;
}
// A string literal, which ends with a zero byte.
const char* kandinsky_tokenizer_kind(const kandinsky_tokenizer* tokenizer) {
  return tokenizer ? tokenizer->model.kind().data() : nullptr;
}
void kandinsky_tokenizer_release(kandinsky_tokenizer* tokenizer) { delete tokenizer; }
