#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "core/fail.h"
#include "pipeline/generate_options.h"
#include "pipeline/image_prompt.h"
#include "pipeline/memory_estimate.h"
#include "pipeline/pipeline_impl.h"

namespace kandinsky {
namespace {

// Pictures of one call of the decoder and of ruCLIP. Not an option: a picture must not depend on it.
constexpr int pictures_at_once = 8;

void report(const ProgressCallback& progress, const Progress& state) {
  if (progress && !progress(state)) throw Error(ErrorCode::cancelled, "", "cancelled");
}

// Pictures without pixels, lowest perplexity first.
std::vector<Picture> draw(const Pipeline::Impl& model, std::string_view prompt,
                          const GenerateOptions& options) {
  const TransformerConfig& config = model.transformer.config();
  DrawOptions drawing;
  drawing.images = options.images;
  drawing.batch = batch_that_fits(model.transformer, std::min(options.batch, options.images));
  drawing.seed = options.seed;
  drawing.sampling = sampling_options(options, model.generation);
  if (options.image_prompt) drawing.forced = forced_ids(*options.image_prompt, model.vqgan, config.grid);
  drawing.progress = options.on_progress;

  const std::vector<std::int32_t> text = model.tokenizer.encode_for_transformer(prompt, config.text_length);
  std::vector<Picture> pictures;
  for (DrawnTokens& drawn : model.transformer.draw(text, drawing)) {
    Picture& picture = pictures.emplace_back();
    picture.number = drawn.number;
    picture.seed = options.seed;
    picture.ppl = drawn.ppl;
    picture.tokens = std::move(drawn.tokens);
  }
  std::stable_sort(pictures.begin(), pictures.end(),
                   [](const Picture& a, const Picture& b) { return a.ppl < b.ppl; });
  return pictures;
}

void decode(const VqganDecoder& vqgan, int grid, std::span<Picture> pictures,
            const ProgressCallback& progress) {
  const int total = static_cast<int>(pictures.size());
  for (int first = 0; first < total; first += pictures_at_once) {
    const int count = std::min(pictures_at_once, total - first);
    std::vector<std::int32_t> tokens;
    for (const Picture& picture : pictures.subspan(first, count))
      tokens.insert(tokens.end(), picture.tokens.begin(), picture.tokens.end());
    std::vector<Image> images = vqgan.decode(tokens, grid, grid, pictures_at_once);
    for (int i = 0; i < count; ++i) pictures[first + i].image = std::move(images[i]);
    report(progress, {Stage::decoding, first + count, total, count});
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
    for (int i = 0; i < count; ++i) images.push_back(pictures[first + i].image);
    const Latents latents = ruclip.image_latents(images, pictures_at_once);
    for (int i = 0; i < count; ++i) {
      const std::span<const float> row = latents.row(i);
      pictures[first + i].clip_score = std::inner_product(row.begin(), row.end(), query.begin(), 0.0f);
    }
    report(progress, {Stage::ranking, first + count, total, count});
  }
  std::stable_sort(pictures.begin(), pictures.end(),
                   [](const Picture& a, const Picture& b) { return *a.clip_score > *b.clip_score; });
}

}  // namespace

std::vector<Picture> Pipeline::generate(std::string_view prompt, const GenerateOptions& options) const {
  check(options);
  check_prompt(prompt);
  const auto kept = static_cast<std::size_t>(std::min(options.pick, options.images));
  const bool by_ruclip = options.rank && impl_->ruclip;

  std::vector<Picture> pictures = draw(*impl_, prompt, options);
  if (!by_ruclip) pictures.resize(kept);
  decode(impl_->vqgan, impl_->transformer.config().grid, pictures, options.on_progress);
  if (by_ruclip) rank(*impl_->ruclip, std::string(prompt), pictures, options.on_progress);
  pictures.resize(kept);

  const bool enlarge = options.super_resolution && impl_->real_esrgan;
  const int total = static_cast<int>(kept);
  for (int i = 0; i < total; ++i) {
    if (enlarge) {
      // Every tile is a chance to cancel; only whole pictures count as steps.
      ProgressCallback tiles;
      if (options.on_progress)
        tiles = [&](const Progress&) { return options.on_progress({Stage::enlarging, i, total, 1}); };
      pictures[i].image = impl_->real_esrgan->upscale(pictures[i].image, {}, tiles);
    }
    if (options.on_picture) options.on_picture(pictures[i]);
    if (enlarge) report(options.on_progress, {Stage::enlarging, i + 1, total, 1});
  }
  return pictures;
}

}  // namespace kandinsky
