// What libkandinsky opens: see sentencepiece_loader.cc.
#include "text/sentencepiece_tokenizer.h"

extern "C" __attribute__((visibility("default"))) void kandinsky_sentencepiece_make(
    std::string_view model, const std::string* name, std::shared_ptr<const kandinsky::Tokenizer::Impl>* made) {
  *made = kandinsky::make_sentencepiece_tokenizer(model, *name);
}
