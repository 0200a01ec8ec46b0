#pragma once
#include <string_view>

#include "kandinsky/pipeline.h"
#include "pipeline/generation_config.h"

namespace kandinsky {

// Throws Error (invalid_argument) that names the option, its value and what it may be.
void check(const GenerateOptions& options);
void check_prompt(std::string_view prompt);

// What the options say, else the model, else the original service.
SamplingOptions sampling_options(const GenerateOptions& options, const GenerationConfig& model);

}  // namespace kandinsky
