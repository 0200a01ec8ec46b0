#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/checkpoint.h"
#include "kandinsky/device.h"
#include "kandinsky/export.h"
#include "kandinsky/progress.h"

namespace kandinsky {

class Decoder;

// Hyper-parameters of the ruDALL-E transformer.
struct KANDINSKY_API TransformerConfig {
  int layers = 0;
  int hidden = 0;
  int heads = 0;
  int text_length = 0;  // T: text tokens
  int grid = 0;         // D: image tokens along one side
  int text_vocab = 0;   // padding ids included
  int image_vocab = 0;
  int version = 3;       // 2 or 3: v2 puts one more token before the text
  bool sandwich = true;  // layer norms after attention and MLP too
  bool relax = true;     // precision-bottleneck relaxation (rounding only)

  int head_size() const noexcept { return hidden / heads; }
  int image_length() const noexcept { return grid * grid; }
  // Parameters of the network, masks not counted.
  std::int64_t parameter_count() const noexcept;

  // "kandinsky", "malevich", "malevich-v2", "emojich", "surrealist" or "nano"; nullopt for another name.
  static std::optional<TransformerConfig> preset(std::string_view name);
  // What tensor shapes tell, completed from `config_file` (JSON with the names of these fields, if the path is not
  // empty), else from the preset of the same sizes, else heads of 64 and version 3.
  // Throws Error (bad_file) that names the tensor or field that does not fit.
  static TransformerConfig detect(const Checkpoint& checkpoint, const std::filesystem::path& config_file = {});
};

struct KANDINSKY_API TransformerOptions : ComputeOptions {
  // Overrides what the files say; nullopt detects.
  std::optional<TransformerConfig> config;
};

// Mean cross-entropies in nats; total = (text + 7 image) / 8.
struct KANDINSKY_API Losses {
  double text = 0;
  double image = 0;
  double total = 0;
};

// How a token is drawn from the logits of the image vocabulary.
struct KANDINSKY_API SamplingOptions {
  double temperature = 1.0;  // > 0
  int top_k = 4096;          // keep the k likeliest (ties stay); 0, or more than the vocabulary: all
  double top_p = 0.975;      // then keep the likeliest until their sum exceeds p; 1: all. 0 < p <= 1
  bool greedy = false;       // the likeliest, always
};

// The image tokens of one picture.
struct KANDINSKY_API DrawnTokens {
  int number = 0;                    // which of the images
  std::vector<std::int32_t> tokens;  // grid * grid ids, raster order
  // Mean over ids 1..N-1 of exp(cross-entropy) given what precedes: the reference's score of an image, lower is better.
  double ppl = 0;
};

struct KANDINSKY_API DrawOptions {
  int images = 1;
  int first_number = 0;  // numbers are first_number .. first_number + images - 1
  int batch = 8;         // images in one step of the token loop; does not change the answers
  std::uint64_t seed = 0;
  SamplingOptions sampling;
  // One id a position, or -1 where the model draws; empty: all drawn. grid * grid values.
  std::vector<std::int32_t> forced;
  ProgressCallback progress;
  // Called on the calling thread with the ids of an image so far, for every image in work, whenever `preview_every`
  // more have been drawn (0: never). Returning false cancels.
  std::function<bool(int number, std::span<const std::int32_t> tokens)> preview;
  int preview_every = 0;
};

// The ruDALL-E transformer. Immutable after load; may be called from several threads at once.
class KANDINSKY_API Transformer {
 public:
  // Throws Error: not_found, io, bad_file, unsupported, out_of_memory.
  static Transformer load(const std::filesystem::path& path, const TransformerOptions& options = {});
  static Transformer load(const Checkpoint& checkpoint, const TransformerOptions& options = {});

  const TransformerConfig& config() const noexcept;
  std::int64_t parameter_count() const noexcept;
  // What was chosen: "cpu" or "cuda:N", and fp32, bf16 or fp16.
  const std::string& device() const noexcept;
  Precision precision() const noexcept;

  // Draws images for a prompt of text_length ids (as from Tokenizer::encode_for_transformer), in the order of their
  // numbers. An image depends on prompt, sampling, forced ids, seed and number alone: not on the batch, the device's
  // thread count or what ran before. Noise: argmax of probability / Exp(1), from Philox 4x32-10 (Salmon et al. 2011)
  // keyed by (seed, number) and counted by (position, id).
  // Throws Error: invalid_argument (names the option and its range), cancelled, out_of_memory.
  std::vector<DrawnTokens> draw(std::span<const std::int32_t> text, const DrawOptions& options) const;

  // Teacher-forced logits, [positions, text_vocab + image_vocab], of one sequence: text_length text ids and up to
  // grid * grid image ids. Runs the whole sequence through LibTorch.
  std::vector<float> logits(std::span<const std::int32_t> text, std::span<const std::int32_t> image) const;
  // The three losses over pairs: rows of text_length and of grid * grid ids.
  Losses losses(std::span<const std::int32_t> texts, std::span<const std::int32_t> images) const;
  // The perplexity score of a finished image, by one more pass; draw() gives the same number on the way.
  double ppl(std::span<const std::int32_t> text, std::span<const std::int32_t> image) const;

  struct Impl;

 private:
  friend std::unique_ptr<Decoder> make_decoder(const Transformer& transformer, int slots);
  explicit Transformer(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace kandinsky
