#pragma once
#include <kandinsky/pipeline.h>

#include <filesystem>
#include <string>

#include "command.h"

namespace kandinsky::cli {

// Where the model is and how to compute. A subcommand adds the options that matter to it.
struct ModelArguments {
  std::filesystem::path model;
  ModelFiles files;
  std::string device = "auto";
  std::string dtype = "auto";
  std::string preset;
  int threads = 0;

  void add_model(Command& command, Need need = Need::optional);
  void add_compute(Command& command, bool with_dtype);
  // Paths that override the model directory's, and the transformer's preset.
  void add_all_files(Command& command);
  void add_transformer(Command& command);
  void add_tokenizer(Command& command);
  void add_vqgan(Command& command);
  void add_ruclip(Command& command);
  void add_real_esrgan(Command& command);

  ComputeOptions compute() const;
  PipelineOptions pipeline() const;

  // One of the files: the path given for it, else the one of the model directory. Throws UsageError if
  // neither is given and Error (not_found) if the model has none.
  std::filesystem::path find(std::filesystem::path ModelFiles::*part, const char* option, const char* what) const;
};

}  // namespace kandinsky::cli
