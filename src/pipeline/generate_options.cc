#include "pipeline/generate_options.h"

#include "core/fail.h"
#include "text/utf8.h"

namespace kandinsky {
namespace {

constexpr int most_images = 4096;

void check_range(const char* name, int value, int least, int most) {
  if (value < least || value > most)
    fail(ErrorCode::invalid_argument, name, "{} is not a whole number from {} to {}", value, least, most);
}

}  // namespace

void check(const GenerateOptions& options) {
  check_range("images", options.images, 1, most_images);
  check_range("pick", options.pick, 1, most_images);
  check_range("batch", options.batch, 1, most_images);
  if (options.preview_every < 0)
    fail(ErrorCode::invalid_argument, "preview_every", "{} is not a whole number from 0 (0 shows none)",
         options.preview_every);
  if (options.top_k && *options.top_k < 0)
    fail(ErrorCode::invalid_argument, "top_k", "{} is not a whole number from 0 (0 keeps all)", *options.top_k);
  if (options.top_p && !(*options.top_p > 0 && *options.top_p <= 1))
    fail(ErrorCode::invalid_argument, "top_p", "{} is not above 0 and at most 1", *options.top_p);
  if (options.temperature && !(*options.temperature >= 1e-6 && *options.temperature <= 1000))
    fail(ErrorCode::invalid_argument, "temperature", "{} is not from 0.000001 to 1000", *options.temperature);
}

void check_prompt(std::string_view prompt) { check_utf8(prompt, "prompt"); }

SamplingOptions sampling_options(const GenerateOptions& options, const GenerationConfig& model) {
  SamplingOptions sampling;  // holds the service's values
  sampling.greedy = options.greedy;
  sampling.top_k = options.top_k.value_or(model.top_k.value_or(sampling.top_k));
  sampling.top_p = options.top_p.value_or(model.top_p.value_or(sampling.top_p));
  sampling.temperature = options.temperature.value_or(model.temperature.value_or(sampling.temperature));
  return sampling;
}

}  // namespace kandinsky
