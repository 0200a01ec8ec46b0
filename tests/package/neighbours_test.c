/* neighbours_test NEIGHBOUR LIBRARY MODEL: libkandinsky reads a SentencePiece model in a program that has another
 * SentencePiece and protobuf, which come first for everybody who looks for their names. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "kandinsky.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  void* neighbour = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
  void* library = neighbour ? dlopen(argv[2], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  kandinsky_status (*load)(const char*, kandinsky_tokenizer**, kandinsky_error*);
  kandinsky_status (*encode)(const kandinsky_tokenizer*, const char*, int32_t*, size_t, size_t*, kandinsky_error*);
  kandinsky_status (*decode)(const kandinsky_tokenizer*, const int32_t*, size_t, kandinsky_buffer**, kandinsky_error*);
  const char* (*kind)(const kandinsky_tokenizer*);
  const void* (*data)(const kandinsky_buffer*);
  *(void**)&load = dlsym(library, "kandinsky_tokenizer_load");
  *(void**)&encode = dlsym(library, "kandinsky_tokenizer_encode");
  *(void**)&decode = dlsym(library, "kandinsky_tokenizer_decode");
  *(void**)&kind = dlsym(library, "kandinsky_tokenizer_kind");
  *(void**)&data = dlsym(library, "kandinsky_buffer_data");

  kandinsky_error error;
  kandinsky_tokenizer* tokenizer;
  kandinsky_buffer* text;
  int32_t ids[64];
  size_t count;
  const char* prompt = "красное сердце на синем фоне";
  if (load(argv[3], &tokenizer, &error) != KANDINSKY_OK ||
      encode(tokenizer, prompt, ids, 64, &count, &error) != KANDINSKY_OK ||
      decode(tokenizer, ids, count, &text, &error) != KANDINSKY_OK)
    return fprintf(stderr, "%s\n", error.message), 1;
  printf("%s: %d ids, \"%s\"\n", kind(tokenizer), (int)count, (const char*)data(text));
  return strcmp(kind(tokenizer), "sentencepiece") != 0 || strcmp(data(text), prompt) != 0;
}
