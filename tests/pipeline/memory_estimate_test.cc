#include "pipeline/memory_estimate.h"

#include <gtest/gtest.h>

#include <map>

#include "pipeline/nano.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

std::map<std::string, MemoryEstimate::Part> parts_of(const MemoryEstimate& estimate) {
  std::map<std::string, MemoryEstimate::Part> parts;
  for (const MemoryEstimate::Part& part : estimate.parts) parts.emplace(part.name, part);
  return parts;
}

MemoryEstimate estimate_nano(Precision precision, int batch = 8) {
  PipelineOptions options;
  options.device = "cpu";
  options.precision = precision;
  return Pipeline::estimate(nano_path(), options, batch);
}

TEST(MemoryEstimate, CountsTheParametersThatAreLoaded) {
  const auto parts = parts_of(estimate_nano(Precision::fp32));
  EXPECT_EQ(parts.at("transformer").parameters, nano().transformer().parameter_count());
  EXPECT_EQ(parts.at("vqgan").parameters, nano().vqgan().parameter_count());
  EXPECT_EQ(parts.at("ruclip").parameters, nano().ruclip()->parameter_count());
  EXPECT_EQ(parts.at("real_esrgan").parameters, nano().real_esrgan()->parameter_count());
  EXPECT_EQ(parts.at("vqgan").weight_bytes, 4u * nano().vqgan().parameter_count());
}

TEST(MemoryEstimate, AddsUp) {
  const MemoryEstimate estimate = estimate_nano(Precision::automatic);
  std::uint64_t sum = estimate.cache_bytes;
  for (const MemoryEstimate::Part& part : estimate.parts) sum += part.weight_bytes;
  EXPECT_EQ(estimate.total_bytes, sum);
  // 11.8 million parameters, matrices in the two bytes of the file.
  EXPECT_GT(parts_of(estimate).at("transformer").weight_bytes, 22'000'000u);
  EXPECT_LT(parts_of(estimate).at("transformer").weight_bytes, 30'000'000u);
}

TEST(MemoryEstimate, GrowsWithTheBatch) {
  const std::uint64_t one = estimate_nano(Precision::automatic, 1).cache_bytes;
  const std::uint64_t eight = estimate_nano(Precision::automatic, 8).cache_bytes;
  EXPECT_GT(eight, 2 * one);
  EXPECT_LT(eight, 8 * one);
  EXPECT_EQ(error_of([] { estimate_nano(Precision::automatic, 0); }).subject(), "batch");
}

TEST(MemoryEstimate, LeavesOutWhatIsNotLoaded) {
  PipelineOptions options;
  options.device = "cpu";
  options.rank = false;
  options.super_resolution = false;
  const auto parts = parts_of(Pipeline::estimate(nano_path(), options));
  EXPECT_EQ(parts.size(), 2u);
}

TEST(MemoryEstimate, RefusesWeightsThatCannotFit) {
  MemoryEstimate estimate;
  estimate.parts = {{"transformer", 1, std::uint64_t{1} << 60}};
  const Error error = error_of([&] { check_memory(estimate, "cpu"); });
  EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
  EXPECT_EQ(std::string(error.what()).find("cpu: the weights take 1152921504.6 GB and "), 0u) << error.what();
}

}  // namespace
}  // namespace kandinsky::testing
