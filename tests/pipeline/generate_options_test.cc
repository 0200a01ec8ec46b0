#include "pipeline/generate_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "pipeline/nano.h"

namespace kandinsky::testing {
namespace {

struct BadOption {
  const char* name;
  std::function<void(GenerateOptions&)> set;
  const char* message;
};

TEST(GenerateOptions, BadOnesAreNamedWithTheirRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const BadOption cases[] = {
      {"images", [](GenerateOptions& o) { o.images = 0; }, "images: 0 is not a whole number from 1 to 4096"},
      {"images", [](GenerateOptions& o) { o.images = 4097; }, "images: 4097 is not a whole number from 1 to 4096"},
      {"pick", [](GenerateOptions& o) { o.pick = -3; }, "pick: -3 is not a whole number from 1 to 4096"},
      {"batch", [](GenerateOptions& o) { o.batch = 0; }, "batch: 0 is not a whole number from 1 to 4096"},
      {"top_k", [](GenerateOptions& o) { o.top_k = -1; }, "top_k: -1 is not a whole number from 0 (0 keeps all)"},
      {"top_p", [](GenerateOptions& o) { o.top_p = 0; }, "top_p: 0 is not above 0 and at most 1"},
      {"top_p", [](GenerateOptions& o) { o.top_p = 1.5; }, "top_p: 1.5 is not above 0 and at most 1"},
      {"top_p", [=](GenerateOptions& o) { o.top_p = nan; }, "top_p: nan is not above 0 and at most 1"},
      {"temperature", [](GenerateOptions& o) { o.temperature = 0; }, "temperature: 0 is not from 0.000001 to 1000"},
      {"temperature", [=](GenerateOptions& o) { o.temperature = nan; },
       "temperature: nan is not from 0.000001 to 1000"},
      {"temperature", [](GenerateOptions& o) { o.temperature = INFINITY; },
       "temperature: inf is not from 0.000001 to 1000"},
  };
  for (const BadOption& bad : cases) {
    GenerateOptions options;
    bad.set(options);
    const Error error = error_of([&] { check(options); });
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_EQ(error.subject(), bad.name);
    EXPECT_STREQ(error.what(), bad.message);
    EXPECT_STREQ(error_of([&] { nano().generate("кот", options); }).what(), bad.message);
  }
}

TEST(GenerateOptions, DefaultsAreTheServicesThenTheModels) {
  const SamplingOptions service = sampling_options({}, {});
  EXPECT_EQ(service.top_k, 4096);
  EXPECT_EQ(service.top_p, 0.975);
  EXPECT_EQ(service.temperature, 1);
  EXPECT_FALSE(service.greedy);

  GenerationConfig model;
  model.top_k = 512;
  GenerateOptions options;
  options.top_p = 0.5;
  const SamplingOptions mixed = sampling_options(options, model);
  EXPECT_EQ(mixed.top_k, 512);
  EXPECT_EQ(mixed.top_p, 0.5);
  options.top_k = 7;
  EXPECT_EQ(sampling_options(options, model).top_k, 7);
}

TEST(GenerateOptions, TheBundledModelHasItsOwn) {
  const GenerateOptions options = nano().default_options();
  EXPECT_EQ(options.images, 8);
  EXPECT_EQ(options.pick, 4);
  EXPECT_EQ(options.top_k, 512);
  EXPECT_EQ(options.top_p, 0.95);
  EXPECT_FALSE(options.temperature.has_value());
}

TEST(GenerateOptions, WhatIsNotSetIsTheModels) {
  GenerateOptions options;  // nothing set
  options.images = 1;
  options.super_resolution = false;
  GenerateOptions same = nano().default_options();
  same.images = 1;
  same.super_resolution = false;
  EXPECT_EQ(nano().generate("кот", options).at(0).tokens, nano().generate("кот", same).at(0).tokens);
}

}  // namespace
}  // namespace kandinsky::testing
