#pragma once
#include "kandinsky/pipeline.h"
#include "pipeline/generation_config.h"

namespace kandinsky {

// The loaded parts of a model.
struct Pipeline::Impl : PipelineParts {
  GenerationConfig generation;
};

}  // namespace kandinsky
