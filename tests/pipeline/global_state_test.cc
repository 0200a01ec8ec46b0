// What LibTorch keeps for the whole process stays as the program left it.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "pipeline/nano.h"

namespace kandinsky::testing {
namespace {

TEST(GlobalState, SeedThreadsAndModesOfLibTorchStay) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_current_seed(1234);
  const at::Tensor state = generator.get_state().clone();
  at::set_num_threads(3);
  const bool grad = c10::GradMode::is_enabled();

  PipelineOptions loading;
  loading.threads = 1;
  const Pipeline pipeline = Pipeline::load(std::string(KANDINSKY_SOURCE_DIR) + "/models/emojich-nano", loading);
  GenerateOptions options = pipeline.default_options();
  options.images = 1;
  pipeline.generate("солнце", options);

  EXPECT_EQ(generator.current_seed(), 1234u);
  EXPECT_TRUE(at::equal(generator.get_state(), state));
  EXPECT_EQ(at::get_num_threads(), 3);
  EXPECT_EQ(c10::GradMode::is_enabled(), grad);
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms());
}

TEST(Pipeline, OfPartsDrawsTheSame) {
  GenerateOptions options = nano().default_options();
  options.images = 1;
  options.seed = 5;
  options.super_resolution = false;
  const Pipeline parts = Pipeline::from_parts({nano().tokenizer(), nano().transformer(), nano().vqgan(), {}, {}});
  EXPECT_EQ(parts.ruclip(), nullptr);
  options.top_k = nano().default_options().top_k;
  const std::vector<Picture> a = nano().generate("солнце", options), b = parts.generate("солнце", options);
  EXPECT_EQ(a.at(0).tokens, b.at(0).tokens);
  EXPECT_TRUE(a.at(0).image == b.at(0).image);
  EXPECT_FALSE(b.at(0).clip_score);
}

}  // namespace
}  // namespace kandinsky::testing
