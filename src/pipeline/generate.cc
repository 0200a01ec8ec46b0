#include <algorithm>
#include <string>
#include <utility>

#include "pipeline/finish_pictures.h"
#include "pipeline/generate_options.h"
#include "pipeline/image_prompt.h"
#include "pipeline/memory_estimate.h"
#include "pipeline/pipeline_impl.h"
#include "pipeline/preview.h"

namespace kandinsky {
namespace {

// Pictures without pixels, in the order of their numbers.
std::vector<Picture> draw(const Pipeline::Impl& model, std::string_view prompt, const GenerateOptions& options) {
  const TransformerConfig& config = model.transformer.config();
  DrawOptions drawing;
  drawing.images = options.images;
  drawing.batch = batch_that_fits(model.transformer, std::min(options.batch, options.images));
  drawing.seed = options.seed;
  drawing.sampling = sampling_options(options, model.generation);
  if (options.image_prompt) drawing.forced = forced_ids(*options.image_prompt, model.vqgan, config.grid);
  drawing.progress = options.on_progress;
  if (options.on_preview) {
    drawing.preview_every = options.preview_every;
    drawing.preview = [&](int number, std::span<const std::int32_t> tokens) {
      return options.on_preview(number, static_cast<int>(tokens.size()), preview(model.vqgan, tokens, config.grid));
    };
  }

  const std::vector<std::int32_t> text = model.tokenizer.encode_for_transformer(prompt, config.text_length);
  std::vector<Picture> pictures;
  for (DrawnTokens& drawn : model.transformer.draw(text, drawing)) {
    Picture& picture = pictures.emplace_back();
    picture.number = drawn.number;
    picture.seed = options.seed;
    picture.ppl = drawn.ppl;
    picture.tokens = std::move(drawn.tokens);
  }
  return pictures;
}

}  // namespace

std::vector<Picture> Pipeline::generate(std::string_view prompt, const GenerateOptions& options) const {
  check(options);
  check_prompt(prompt);
  return finish_pictures(*this, std::string(prompt), draw(*impl_, prompt, options), options);
}

}  // namespace kandinsky
