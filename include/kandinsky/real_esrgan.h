#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kandinsky/checkpoint.h"
#include "kandinsky/device.h"
#include "kandinsky/export.h"
#include "kandinsky/image.h"
#include "kandinsky/progress.h"

namespace kandinsky {

// How a picture is cut into tiles. The first three are the reference's, in pixels of the input.
struct KANDINSKY_API TilingOptions {
  int tile = 192;    // side of a tile without its padding; must exceed 2 * padding
  int padding = 24;  // around every tile, dropped again
  int mirror = 15;   // mirrored around the whole picture, dropped again
  int batch = 4;     // tiles at a time: memory grows with it
  // The reference extends every picture to a multiple of `tile`. By default a tile is no larger than the picture needs.
  bool reference = false;
};

// Real-ESRGAN (Wang et al. 2021), an RRDBNet, x2, x4 or x8 with any number of blocks: read from the file.
// Immutable after load; may be called from several threads at once.
class KANDINSKY_API RealEsrgan {
 public:
  // Throws Error: not_found, io, bad_file.
  static RealEsrgan load(const std::filesystem::path& path, const ComputeOptions& options = {});
  static RealEsrgan load(const Checkpoint& checkpoint, const ComputeOptions& options = {});

  int scale() const noexcept;   // 2, 4 or 8
  int blocks() const noexcept;  // residual-in-residual dense blocks
  std::int64_t parameter_count() const noexcept;

  // The picture, scale() times larger. Memory stays bounded by tile and batch, besides the two pictures.
  // Throws Error (invalid_argument) for options out of range.
  Image upscale(const Image& image, const TilingOptions& options = {}, const ProgressCallback& progress = {}) const;

  // The bare network on [count, 3, height, width] floats; returns [count, 3, height * scale, width * scale].
  std::vector<float> forward(std::span<const float> pixels, int count, int height, int width) const;

  struct Impl;

 private:
  explicit RealEsrgan(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace kandinsky
