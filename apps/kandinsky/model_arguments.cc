#include "model_arguments.h"

#include <fmt/format.h>

namespace kandinsky::cli {
namespace {

std::string checked_device(const std::string& name) {
  if (name == "auto" || name == "cpu" || name == "cuda") return name;
  if (name.starts_with("cuda:")) {
    try {
      parse_integer(name.substr(5), 0, 1023);
      return name;
    } catch (const UsageError&) {
    }
  }
  throw UsageError(fmt::format("'{}' is not one of auto, cpu, cuda, cuda:N", name));
}

}  // namespace

void ModelArguments::add_model(Command& command, Need need) {
  command.path("-m,--model", model, "Model directory, e.g. models/emojich-nano", need, "DIR");
}

void ModelArguments::add_compute(Command& command, bool with_dtype) {
  command.group("Computing");
  command.parsed(
      "--device", [this](const std::string& name) { device = checked_device(name); }, "auto|cpu|cuda:N",
      "auto is the first CUDA device, else the CPU [auto]");
  if (with_dtype)
    command.choice("--dtype", dtype, {"auto", "fp32", "bf16", "fp16"},
                   "Of the weights; auto is fp32 on the CPU, fp16 on a GPU");
  command.integer("--threads", threads, 0, 1024, "CPU threads, no more than cores; 0 is one a core");
}

void ModelArguments::add_all_files(Command& command) {
  add_transformer(command);
  add_tokenizer(command);
  add_vqgan(command);
  add_ruclip(command);
  add_real_esrgan(command);
  command.path("--generation-config", files.generation_config, "Sampling defaults (JSON)");
}

void ModelArguments::add_transformer(Command& command) {
  command.group("Files instead of the model directory's");
  command.path("--transformer", files.transformer, "Transformer weights");
  command.path("--transformer-config", files.transformer_config, "Transformer hyper-parameters (JSON)");
  command.choice("--preset", preset, {"kandinsky", "malevich", "malevich-v2", "emojich", "surrealist", "nano"},
                 "Hyper-parameters of a known transformer");
}

void ModelArguments::add_tokenizer(Command& command) {
  command.path("--tokenizer", files.tokenizer, "Text tokenizer (YTTM or SentencePiece)");
}

void ModelArguments::add_vqgan(Command& command) { command.path("--vqgan", files.vqgan, "VQGAN weights"); }

void ModelArguments::add_ruclip(Command& command) {
  command.path("--ruclip", files.ruclip, "ruCLIP directory", Need::optional, "DIR");
}

void ModelArguments::add_real_esrgan(Command& command) {
  command.path("--real-esrgan", files.real_esrgan, "Real-ESRGAN weights (x2, x4 or x8)");
}

ComputeOptions ModelArguments::compute() const {
  ComputeOptions options;
  options.device = device;
  options.precision = precision(dtype);
  options.threads = threads;
  return options;
}

PipelineOptions ModelArguments::pipeline() const {
  PipelineOptions options;
  static_cast<ComputeOptions&>(options) = compute();
  options.files = files;
  if (!preset.empty()) options.transformer = TransformerConfig::preset(preset);
  return options;
}

std::filesystem::path ModelArguments::find(std::filesystem::path ModelFiles::*part, const char* option,
                                           const char* what) const {
  if (!(files.*part).empty()) return files.*part;
  if (model.empty()) throw UsageError(fmt::format("--model or {} is required (see --help)", option));
  std::filesystem::path found = ModelFiles::find(model, files).*part;
  if (found.empty()) throw Error(ErrorCode::not_found, model.string(), fmt::format("has no {}", what));
  return found;
}

}  // namespace kandinsky::cli
