#pragma once
#include <optional>

#include "kandinsky/pipeline.h"
#include "pipeline/generation_config.h"

namespace kandinsky {

// The loaded parts of a model.
struct Pipeline::Impl {
  Tokenizer tokenizer;
  Transformer transformer;
  VqganDecoder vqgan;
  std::optional<RuClip> ruclip;
  std::optional<RealEsrgan> real_esrgan;
  GenerationConfig generation;
};

}  // namespace kandinsky
