#include "kandinsky/pipeline.h"

#include <future>
#include <utility>

#include "core/fail.h"
#include "pipeline/image_prompt.h"
#include "pipeline/memory_estimate.h"
#include "pipeline/pipeline_impl.h"
#include "tensor/compute_device.h"

namespace kandinsky {
namespace {

Transformer load_transformer(const ModelFiles& files, const PipelineOptions& options) {
  const Checkpoint checkpoint = Checkpoint::open(files.transformer).state_dict();
  TransformerOptions transformer;
  transformer.device = options.device;
  transformer.precision = options.precision;
  transformer.threads = options.threads;
  transformer.config =
      options.transformer ? options.transformer : TransformerConfig::detect(checkpoint, files.transformer_config);
  return Transformer::load(checkpoint, transformer);
}

struct SmallParts {
  Tokenizer tokenizer;
  VqganDecoder vqgan;
  std::optional<RuClip> ruclip;
  std::optional<RealEsrgan> real_esrgan;
};

SmallParts load_small_parts(const ModelFiles& files, const PipelineOptions& options) {
  SmallParts parts{Tokenizer::load(files.tokenizer), VqganDecoder::load(files.vqgan, options), std::nullopt,
                   std::nullopt};
  if (options.rank && !files.ruclip.empty()) parts.ruclip = RuClip::load(files.ruclip, options);
  if (options.super_resolution && !files.real_esrgan.empty())
    parts.real_esrgan = RealEsrgan::load(files.real_esrgan, options);
  return parts;
}

// The names stand for the parts in messages.
void check_parts_fit(const PipelineParts& parts, ErrorCode code, const std::string& tokenizer_name,
                     const std::string& vqgan_name) {
  const TransformerConfig& config = parts.transformer.config();
  const int most = config.text_vocab - config.text_length;
  if (parts.tokenizer.vocab_size() > most)
    fail(code, tokenizer_name, "has {} text tokens, but the transformer knows only {}", parts.tokenizer.vocab_size(),
         most);
  const int codes = parts.vqgan.config().codebook_size;
  if (codes < config.image_vocab)
    fail(code, vqgan_name, "has {} image tokens, but the transformer draws from {}", codes, config.image_vocab);
}

}  // namespace

Pipeline::Pipeline(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Pipeline Pipeline::load(const std::filesystem::path& directory, const PipelineOptions& options) {
  resolve_threads(options.threads);
  const ModelFiles files = ModelFiles::find(directory, options.files);
  GenerationConfig generation;
  if (!files.generation_config.empty()) generation = GenerationConfig::load(files.generation_config);
  PipelineOptions resolved = options;
  resolved.device = device_name(resolve_device(options.device));
  check_memory(estimate(directory, resolved), resolved.device);

  // The transformer is most of the bytes: the other parts are loaded beside it.
  std::future<SmallParts> others = std::async(std::launch::async, [&] { return load_small_parts(files, resolved); });
  Transformer transformer = load_transformer(files, resolved);
  SmallParts small = others.get();
  PipelineParts parts{std::move(small.tokenizer), std::move(transformer), std::move(small.vqgan),
                      std::move(small.ruclip), std::move(small.real_esrgan)};
  check_parts_fit(parts, ErrorCode::bad_file, files.tokenizer.string(), files.vqgan.string());
  return Pipeline(std::make_shared<const Impl>(Impl{std::move(parts), generation}));
}

Pipeline Pipeline::from_parts(PipelineParts parts) {
  check_parts_fit(parts, ErrorCode::invalid_argument, "tokenizer", "vqgan");
  return Pipeline(std::make_shared<const Impl>(Impl{std::move(parts), {}}));
}

GenerateOptions Pipeline::default_options() const {
  GenerateOptions options;
  options.top_k = impl_->generation.top_k;
  options.top_p = impl_->generation.top_p;
  options.temperature = impl_->generation.temperature;
  return options;
}

std::vector<std::int32_t> Pipeline::encode_image_prompt(const ImagePrompt& prompt) const {
  return forced_ids(prompt, impl_->vqgan, impl_->transformer.config().grid);
}

const Tokenizer& Pipeline::tokenizer() const { return impl_->tokenizer; }
const Transformer& Pipeline::transformer() const { return impl_->transformer; }
const VqganDecoder& Pipeline::vqgan() const { return impl_->vqgan; }
const RuClip* Pipeline::ruclip() const { return impl_->ruclip ? &*impl_->ruclip : nullptr; }
const RealEsrgan* Pipeline::real_esrgan() const { return impl_->real_esrgan ? &*impl_->real_esrgan : nullptr; }

}  // namespace kandinsky
