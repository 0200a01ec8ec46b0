#include <dlfcn.h>

#include "core/fail.h"
#include "text/sentencepiece_tokenizer.h"

// AddressSanitizer's runtime does not allow the flag.
#if defined(__SANITIZE_ADDRESS__)
#define KANDINSKY_DEEPBIND 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KANDINSKY_DEEPBIND 0
#endif
#endif
#ifndef KANDINSKY_DEEPBIND
#define KANDINSKY_DEEPBIND RTLD_DEEPBIND
#endif

namespace kandinsky {
namespace {

using Make = void (*)(std::string_view, const std::string*, std::shared_ptr<const Tokenizer::Impl>*);

// Beside this library, whatever the program's search paths are. Never closed: its tokenizers' code lies there.
std::string module_path() {
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&module_path), &here) == 0 || here.dli_fname == nullptr)
    throw Error(ErrorCode::unsupported, KANDINSKY_SENTENCEPIECE_FILE, "libkandinsky does not know where it lies");
  const std::string library = here.dli_fname;
  const std::size_t slash = library.rfind('/');
  return (slash == library.npos ? std::string() : library.substr(0, slash + 1)) + KANDINSKY_SENTENCEPIECE_FILE;
}

Make open_module() {
  const std::string path = module_path();
  // Its own libraries' names come first for it, and nobody else sees them.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | KANDINSKY_DEEPBIND);
  void* make = module != nullptr ? dlsym(module, "kandinsky_sentencepiece_make") : nullptr;
  if (make == nullptr) {
    const char* reason = dlerror();
    fail(ErrorCode::unsupported, path, "SentencePiece models need this module, which cannot be opened: {}",
         reason != nullptr ? reason : "unknown error");
  }
  return reinterpret_cast<Make>(make);
}

}  // namespace

std::shared_ptr<const Tokenizer::Impl> make_sentencepiece_tokenizer(std::string_view model, const std::string& name) {
  static const Make make = open_module();
  std::shared_ptr<const Tokenizer::Impl> made;
  make(model, &name, &made);
  return made;
}

}  // namespace kandinsky
