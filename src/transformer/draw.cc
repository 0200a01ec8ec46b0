#include "transformer/draw.h"

#include <algorithm>
#include <string>

#include "core/fail.h"
#include "transformer/sampler.h"

namespace kandinsky {

void check(const DrawOptions& options, const TransformerConfig& config) {
  constexpr int most = 1 << 20;
  if (options.images < 1 || options.images > most)
    fail(ErrorCode::invalid_argument, "images", "{} is not in 1..{}", options.images, most);
  if (options.first_number < 0 || options.first_number > most)
    fail(ErrorCode::invalid_argument, "first_number", "{} is not in 0..{}", options.first_number, most);
  if (options.batch < 1 || options.batch > 4096)
    fail(ErrorCode::invalid_argument, "batch", "{} is not in 1..4096", options.batch);
  if (options.preview_every < 0)
    fail(ErrorCode::invalid_argument, "preview_every", "{} is negative", options.preview_every);
  check(options.sampling);
  if (options.forced.empty()) return;
  if (options.forced.size() != static_cast<std::size_t>(config.image_length()))
    fail(ErrorCode::invalid_argument, "forced", "{} ids, expected none or {}", options.forced.size(),
         config.image_length());
  for (const std::int32_t id : options.forced)
    if (id < -1 || id >= config.image_vocab)
      fail(ErrorCode::invalid_argument, "forced", "id {} is not in -1..{}", id, config.image_vocab - 1);
}

void check_text(std::span<const std::int32_t> text, const TransformerConfig& config) {
  if (text.size() != static_cast<std::size_t>(config.text_length))
    fail(ErrorCode::invalid_argument, "text", "{} ids, expected {}", text.size(), config.text_length);
  for (const std::int32_t id : text)
    if (id < 0 || id >= config.text_vocab)
      fail(ErrorCode::invalid_argument, "text", "id {} is not in 0..{}", id, config.text_vocab - 1);
}

std::vector<DrawnTokens> draw(Decoder& decoder, const TransformerConfig& config, std::span<const std::int32_t> text,
                              const DrawOptions& options) {
  const std::shared_ptr<const PromptState> prompt = decoder.prefill(text);
  const int slots = std::min(decoder.slots(), options.images);
  const int rounds = (options.images + slots - 1) / slots;
  const int length = config.image_length();
  std::vector<DrawnTokens> drawn;
  drawn.reserve(options.images);
  for (int round = 0; round < rounds; ++round) {
    const int first = round * slots;
    const int count = std::min(slots, options.images - first);
    for (int i = 0; i < count; ++i)
      decoder.start(i, {prompt, options.sampling, options.seed, options.first_number + first + i, options.forced});
    for (;;) {
      const int position = decoder.position(0);
      if (options.progress && position > 0 &&
          !options.progress(
              {Stage::drawing, round * length + position, rounds * length, count, options.first_number + first}))
        throw Error(ErrorCode::cancelled, "", "cancelled while drawing");
      if (position == length) break;
      if (options.preview && options.preview_every > 0 && position > 0 && position % options.preview_every == 0)
        for (int i = 0; i < count; ++i)
          if (const DrawnTokens so_far = decoder.result(i); !options.preview(so_far.number, so_far.tokens))
            throw Error(ErrorCode::cancelled, "", "cancelled while drawing");
      decoder.step();
    }
    for (int i = 0; i < count; ++i) {
      drawn.push_back(decoder.result(i));
      decoder.release(i);
    }
  }
  return drawn;
}

}  // namespace kandinsky
