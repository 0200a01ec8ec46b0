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
#include "kandinsky/progress.h"

namespace kandinsky {

// Hyper-parameters of a Gumbel-VQGAN (taming-transformers, Esser et al. 2021). The defaults are the f8 model.
struct KANDINSKY_API VqganConfig {
  int channels = 128;
  std::vector<int> channel_multipliers = {1, 1, 2, 4};
  int residual_blocks = 2;
  std::vector<int> attention_resolutions = {32};
  int resolution = 256;
  int z_channels = 256;
  int embed_dim = 256;
  int codebook_size = 8192;
  bool wavelet = false;  // the DWT variant: an inverse Haar step doubles the size

  // The taming-transformers names: {"ddconfig": {"ch", "ch_mult", ...}, "n_embed", "embed_dim", "dwt"}.
  // Throws Error: not_found, io, bad_file.
  static VqganConfig load(const std::filesystem::path& path);
  // From the text of such a file; `name` stands for its path in messages. Throws Error (bad_file).
  static VqganConfig parse(std::string_view text, const std::string& name = "<memory>");
  // Pixels a token, along one side: 2^(levels - 1), twice that with wavelet.
  int downsampling() const noexcept;
};

// Image tokens to pixels and back, in fp32; on a GPU, unless the precision asked for is fp32, tensor cores multiply
// them as TF32 (pictures stay within 1 of 255). Immutable after load; may be called from several threads at once.
class KANDINSKY_API VqganDecoder {
 public:
  // Loads what matches and ignores the rest (`loss.*` ...). `config` defaults to `config.json` beside the file, else
  // the f8 model, with sizes that can be read from tensor shapes taken from there. Throws Error: not_found, io,
  // bad_file.
  static VqganDecoder load(const std::filesystem::path& path, const ComputeOptions& options = {});
  static VqganDecoder load(const Checkpoint& checkpoint, const VqganConfig& config, const ComputeOptions& options = {});

  const VqganConfig& config() const noexcept;
  std::int64_t parameter_count() const noexcept;

  // Pictures from `count` x grid_height x grid_width token ids, image after image, raster order. Ids must be
  // 0..codebook_size-1 (else Error, invalid_argument). Works in batches of at most `batch`.
  std::vector<Image> decode(std::span<const std::int32_t> tokens, int grid_height, int grid_width, int batch = 8,
                            const ProgressCallback& progress = {}) const;
  // One square picture.
  Image decode(std::span<const std::int32_t> tokens) const;

  // Token ids (argmax) of a picture whose sides are multiples of 2^(levels - 1), raster order.
  // Throws Error (invalid_argument) otherwise, and (unsupported) if the checkpoint holds no encoder.
  std::vector<std::int32_t> encode(const Image& image) const;

  struct Impl;

 private:
  explicit VqganDecoder(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace kandinsky
