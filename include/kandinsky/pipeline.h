#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/device.h"
#include "kandinsky/error.h"
#include "kandinsky/export.h"
#include "kandinsky/image.h"
#include "kandinsky/progress.h"
#include "kandinsky/real_esrgan.h"
#include "kandinsky/ruclip.h"
#include "kandinsky/tokenizer.h"
#include "kandinsky/transformer.h"
#include "kandinsky/vqgan.h"

namespace kandinsky {

// Part of a picture to go on from. Borders are in tokens (8 pixels each for the f8 models).
struct KANDINSKY_API ImagePrompt {
  Image image;  // grid * 8 pixels a side (else Error, invalid_argument)
  int up = 0;
  int down = 0;
  int left = 0;
  int right = 0;
  bool crop_first = false;  // encode every border strip on its own
};

// A kept picture.
struct KANDINSKY_API Picture {
  Image image;
  int number = 0;  // which of the drawn images, 0..images-1
  std::uint64_t seed = 0;
  double ppl = 0;
  std::optional<float> clip_score;   // none without ranking
  std::vector<std::int32_t> tokens;  // raster order
};

// A new object holds the original service's defaults. Pipeline::default_options() holds the model's: those of its
// optional generation_config.json where that says otherwise.
struct KANDINSKY_API GenerateOptions {
  int images = 8;                     // to draw, 1..4096
  int pick = 4;                       // to keep, 1..4096; more than `images` keeps all
  std::optional<int> top_k;           // default 4096, or the model's
  std::optional<double> top_p;        // default 0.975, or the model's
  std::optional<double> temperature;  // default 1, or the model's
  bool greedy = false;
  std::uint64_t seed = 0;
  int batch = 8;                 // images in one step of the token loop, cut to what memory allows
  bool rank = true;              // by ruCLIP; otherwise, or with no ruCLIP model, by ppl
  bool super_resolution = true;  // enlarge the kept pictures, if there is a model for it
  std::optional<ImagePrompt> image_prompt;
  ProgressCallback on_progress;
  // Called on the calling thread with a picture as far as it is drawn (token rows that are not complete are grey), for
  // every image in work, whenever `preview_every` more tokens have been drawn (0: never). Returning false cancels.
  std::function<bool(int number, int tokens, const Image& image)> on_preview;
  int preview_every = 0;
  // Called on the calling thread with every kept picture once it is complete, best first: what has been handed over
  // stays when a later step is cancelled or fails.
  std::function<void(const Picture&)> on_picture;
};

// Where the parts of a model lie. Paths that are empty are found in the model's directory.
struct KANDINSKY_API ModelFiles {
  std::filesystem::path transformer;         // rudalle_kandinsky.bin, or any one *.bin, *.pt, *.safetensors
  std::filesystem::path transformer_config;  // config.json, optional
  std::filesystem::path tokenizer;           // tokenizer/bpe.model
  std::filesystem::path vqgan;               // vae/*.ckpt
  std::filesystem::path ruclip;              // a directory; optional
  std::filesystem::path real_esrgan;         // x4/*.pth; optional
  std::filesystem::path generation_config;   // generation_config.json, optional

  // Fills what is empty from a weights directory. Throws Error (not_found) that names what is missing.
  static ModelFiles find(const std::filesystem::path& directory, ModelFiles given = {});
};

struct KANDINSKY_API PipelineOptions : ComputeOptions {
  ModelFiles files;
  std::optional<TransformerConfig> transformer;  // overrides what the files say; nullopt detects
  bool rank = true;                              // false: ruCLIP is not loaded
  bool super_resolution = true;                  // false: Real-ESRGAN is not loaded
};

// Loaded models that make up a pipeline.
struct KANDINSKY_API PipelineParts {
  Tokenizer tokenizer;
  Transformer transformer;
  VqganDecoder vqgan;
  std::optional<RuClip> ruclip;
  std::optional<RealEsrgan> real_esrgan;
};

// What loading a model directory would take, found without loading it.
struct KANDINSKY_API MemoryEstimate {
  struct Part {
    std::string name;  // "transformer", "vqgan", "ruclip", "real_esrgan"
    std::int64_t parameters = 0;
    std::uint64_t weight_bytes = 0;  // in memory, at the precision asked for
  };
  std::vector<Part> parts;
  std::uint64_t cache_bytes = 0;  // keys, values and buffers of the token loop for the batch asked for
  std::uint64_t total_bytes = 0;
};

// The facade: a prompt becomes ranked, enlarged pictures. Immutable after load; generate() may run on several threads
// at once.
class KANDINSKY_API Pipeline {
 public:
  // Throws Error: invalid_argument, not_found, io, bad_file, unsupported, out_of_memory.
  static Pipeline load(const std::filesystem::path& directory, const PipelineOptions& options = {});
  // Of parts that are loaded already, which it shares. Throws Error (invalid_argument) if they do not fit each other.
  static Pipeline from_parts(PipelineParts parts);
  // Reads the files' directories alone. Throws what load() throws.
  static MemoryEstimate estimate(const std::filesystem::path& directory, const PipelineOptions& options = {},
                                 int batch = 8);

  GenerateOptions default_options() const;

  // The kept pictures, best first. `prompt` is UTF-8 (else Error, invalid_argument).
  // Throws Error: invalid_argument (names the option), cancelled, out_of_memory.
  std::vector<Picture> generate(std::string_view prompt, const GenerateOptions& options) const;
  std::vector<Picture> generate(std::string_view prompt) const { return generate(prompt, default_options()); }

  // Forced ids of an image prompt, grid * grid, -1 where nothing is kept.
  std::vector<std::int32_t> encode_image_prompt(const ImagePrompt& prompt) const;

  const Tokenizer& tokenizer() const;
  const Transformer& transformer() const;
  const VqganDecoder& vqgan() const;
  const RuClip* ruclip() const;           // nullptr if the directory has none
  const RealEsrgan* real_esrgan() const;  // nullptr if the directory has none

  struct Impl;

 private:
  explicit Pipeline(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace kandinsky
