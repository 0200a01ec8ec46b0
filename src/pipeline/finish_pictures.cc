#include "pipeline/finish_pictures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

namespace kandinsky {
namespace {

// Pictures of one call of the decoder and of ruCLIP. Not an option: a picture must not depend on it.
constexpr int pictures_at_once = 8;

void report(const ProgressCallback& progress, const Progress& state) {
  if (progress && !progress(state)) throw Error(ErrorCode::cancelled, "", "cancelled");
}

// The smaller number first; what is no number comes last.
bool stands_before(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

void decode(const VqganDecoder& vqgan, int grid, std::span<Picture> pictures, const ProgressCallback& progress) {
  const int total = static_cast<int>(pictures.size());
  for (int first = 0; first < total; first += pictures_at_once) {
    const int count = std::min(pictures_at_once, total - first);
    std::vector<std::int32_t> tokens;
    for (const Picture& picture : pictures.subspan(first, count))
      tokens.insert(tokens.end(), picture.tokens.begin(), picture.tokens.end());
    std::vector<Image> images = vqgan.decode(tokens, grid, grid, pictures_at_once);
    for (int i = 0; i < count; ++i) pictures[first + i].image = std::move(images[i]);
    report(progress, {Stage::decoding, first + count, total, count, pictures[first].number});
  }
}

// Best first.
void rank(const RuClip& ruclip, const std::string& prompt, std::vector<Picture>& pictures,
          const ProgressCallback& progress) {
  const Latents text = ruclip.text_latents(std::span(&prompt, 1));
  const std::span<const float> query = text.row(0);
  const int total = static_cast<int>(pictures.size());
  for (int first = 0; first < total; first += pictures_at_once) {
    const int count = std::min(pictures_at_once, total - first);
    std::vector<Image> images;
    images.reserve(count);
    for (int i = 0; i < count; ++i) images.push_back(pictures[first + i].image);
    const Latents latents = ruclip.image_latents(images, pictures_at_once);
    for (int i = 0; i < count; ++i) {
      const std::span<const float> row = latents.row(i);
      pictures[first + i].clip_score = std::inner_product(row.begin(), row.end(), query.begin(), 0.0f);
    }
    report(progress, {Stage::ranking, first + count, total, count, pictures[first].number});
  }
  std::stable_sort(pictures.begin(), pictures.end(),
                   [](const Picture& a, const Picture& b) { return stands_before(-*a.clip_score, -*b.clip_score); });
}

void enlarge(const RealEsrgan& real_esrgan, Picture& picture, int index, int total, const ProgressCallback& progress) {
  // Every tile is a chance to cancel; only whole pictures count as steps.
  ProgressCallback tiles;
  if (progress) tiles = [&](const Progress&) { return progress({Stage::enlarging, index, total, 1, picture.number}); };
  picture.image = real_esrgan.upscale(picture.image, {}, tiles);
}

}  // namespace

std::vector<Picture> finish_pictures(const Pipeline& pipeline, const std::string& prompt, std::vector<Picture> pictures,
                                     const GenerateOptions& options) {
  const std::size_t kept = std::min<std::size_t>(options.pick, pictures.size());
  const ProgressCallback& progress = options.on_progress;
  std::stable_sort(pictures.begin(), pictures.end(),
                   [](const Picture& a, const Picture& b) { return stands_before(a.ppl, b.ppl); });
  const RuClip* ruclip = options.rank ? pipeline.ruclip() : nullptr;
  if (ruclip == nullptr) pictures.resize(kept);
  decode(pipeline.vqgan(), pipeline.transformer().config().grid, pictures, progress);
  if (ruclip != nullptr) rank(*ruclip, prompt, pictures, progress);
  pictures.resize(kept);

  const RealEsrgan* real_esrgan = options.super_resolution ? pipeline.real_esrgan() : nullptr;
  const int total = static_cast<int>(kept);
  for (int i = 0; i < total; ++i) {
    if (real_esrgan != nullptr) enlarge(*real_esrgan, pictures[i], i, total, progress);
    if (options.on_picture) options.on_picture(pictures[i]);
    if (real_esrgan != nullptr) report(progress, {Stage::enlarging, i + 1, total, 1, pictures[i].number});
  }
  return pictures;
}

}  // namespace kandinsky
