#pragma once
#include <string>
#include <vector>

#include "kandinsky/pipeline.h"

namespace kandinsky {

// What follows drawing: pictures that have tokens and ppl are decoded, ranked, picked and enlarged, best
// first.
std::vector<Picture> finish_pictures(const Pipeline& pipeline, const std::string& prompt, std::vector<Picture> pictures,
                                     const GenerateOptions& options);

}  // namespace kandinsky
