#pragma once
// What the opaque handles of kandinsky.h hold.
#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "kandinsky.h"
#include "kandinsky/kandinsky.hpp"

struct kandinsky_devices {
  std::vector<kandinsky::DeviceInfo> list;
};
struct kandinsky_cancel {
  // Lock-free, so that a signal handler may set it.
  std::atomic<int> triggered{0};
};
static_assert(std::atomic<int>::is_always_lock_free);
struct kandinsky_buffer {
  std::vector<std::byte> bytes;
  std::size_t size = 0;  // a text has a zero byte behind it that does not count
};
struct kandinsky_image {
  kandinsky::Image image;
};
struct kandinsky_images {
  std::vector<kandinsky_image> list;
};
struct kandinsky_token_lists {
  std::vector<std::vector<std::int32_t>> list;
};
struct kandinsky_tokenizer {
  kandinsky::Tokenizer model;
};
struct kandinsky_transformer {
  kandinsky::Transformer model;
};
struct kandinsky_drawn {
  std::vector<kandinsky::DrawnTokens> list;
};
struct kandinsky_vqgan {
  kandinsky::VqganDecoder model;
};
struct kandinsky_ruclip {
  kandinsky::RuClip model;
};
struct kandinsky_real_esrgan {
  kandinsky::RealEsrgan model;
};
struct kandinsky_pipeline {
  kandinsky::Pipeline model;
};
struct kandinsky_pictures {
  struct Entry {
    kandinsky_image image;
    kandinsky::Picture picture;  // its image has moved out
  };
  std::vector<Entry> list;
};
struct kandinsky_checkpoint {
  kandinsky::Checkpoint file;
  std::vector<std::string> dtypes;  // with a zero byte behind
};
