#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/checkpoint.h"
#include "kandinsky/device.h"
#include "kandinsky/export.h"
#include "kandinsky/image.h"
#include "kandinsky/tokenizer.h"

namespace kandinsky {

// Hyper-parameters of ruCLIP: a ViT and a text transformer as in OpenAI's CLIP (Radford et al. 2021).
struct KANDINSKY_API RuClipConfig {
  int embed_dim = 768;
  int image_resolution = 336;
  int vision_layers = 24;
  int vision_width = 1024;
  int vision_patch_size = 14;
  int context_length = 77;
  int vocab_size = 49408;
  int transformer_width = 768;
  int transformer_heads = 12;
  int transformer_layers = 12;
  std::vector<float> mean = {0.48145466f, 0.4578275f, 0.40821073f};
  std::vector<float> std = {0.26862954f, 0.26130258f, 0.27577711f};

  // Keys are named as the fields. Throws Error: not_found, io, bad_file.
  static RuClipConfig load(const std::filesystem::path& path);
  // From the text of such a file; `name` stands for its path in messages. Throws Error (bad_file).
  static RuClipConfig parse(std::string_view text, const std::string& name = "<memory>");
};

// Latents of `count` rows of `width` floats.
struct KANDINSKY_API Latents {
  int count = 0;
  int width = 0;
  std::vector<float> values;
  std::span<const float> row(int i) const { return {values.data() + std::size_t(i) * width, std::size_t(width)}; }
};

// A picture of a ranking.
struct KANDINSKY_API Ranked {
  int index = 0;    // into the images given
  float score = 0;  // cosine, -1..1
};

// ruCLIP: scores of pictures against Russian texts. Immutable after load; may be called from several threads at once.
class KANDINSKY_API RuClip {
 public:
  // A directory with config.json, pytorch_model.bin (or model.safetensors) and bpe.model.
  // Throws Error: not_found, io, bad_file.
  static RuClip load(const std::filesystem::path& directory, const ComputeOptions& options = {});
  static RuClip load(const Checkpoint& checkpoint, const RuClipConfig& config, Tokenizer tokenizer,
                     const ComputeOptions& options = {});

  const RuClipConfig& config() const noexcept;
  const Tokenizer& tokenizer() const noexcept;
  std::int64_t parameter_count() const noexcept;

  // The reference's templates; each holds one "{}".
  static std::span<const std::string> default_templates() noexcept;

  // Normalised latents of pictures, in batches of `batch`.
  Latents image_latents(std::span<const Image> images, int batch = 8) const;
  // Normalised latents of texts: each is lower-cased and stripped, put into every template (the six default ones if
  // none are given), and the templates' latents are averaged as they are.
  Latents text_latents(std::span<const std::string> texts, std::span<const std::string> templates = {}) const;
  // Latents of token ids, rows of context_length, not normalised.
  Latents encode_tokens(std::span<const std::int32_t> ids) const;
  // Latents of prepared pixels [count, 3, resolution, resolution], not normalised.
  Latents encode_pixels(std::span<const float> pixels) const;

  // Cosines, texts x images, row after row.
  std::vector<float> scores(std::span<const std::string> texts, std::span<const Image> images) const;
  // The `count` best pictures (all if there are fewer), best first; equal scores keep their order.
  std::vector<Ranked> rank(const std::string& text, std::span<const Image> images, int count) const;

  // What the network sees of a picture: the centre square, resized to image_resolution. A nearly square picture, whose
  // crop the reference draws at random, gets the centre one.
  Image prepare(const Image& image) const;

  struct Impl;

 private:
  explicit RuClip(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace kandinsky
