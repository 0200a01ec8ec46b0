#include "transformer/cuda_decoder.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "support/chi_square.h"
#include "support/seeded.h"
#include "transformer/cpu_decoder.h"
#include "transformer/cuda_device.h"
#include "transformer/draw.h"
#include "transformer/random_weights.h"

// The CUDA token loop against the CPU one, which the goldens check. Skipped, and said so, without a device.
namespace kandinsky {
namespace {

struct Case {
  const char* name;
  TransformerConfig config;
};

TransformerConfig config(int layers, int hidden, int heads, int text, int grid, int vocab, int version, bool sandwich) {
  TransformerConfig c;
  c.layers = layers;
  c.hidden = hidden;
  c.heads = heads;
  c.text_length = text;
  c.grid = grid;
  c.text_vocab = 64 + text;
  c.image_vocab = vocab;
  c.version = version;
  c.sandwich = sandwich;
  return c;
}

const Case cases[] = {
    {"v3_grid8", config(6, 48, 3, 16, 8, 96, 3, true)},
    {"v2_grid8", config(6, 48, 3, 16, 8, 96, 2, true)},
    {"v3_plain_grid12", config(5, 64, 4, 16, 12, 130, 3, false)},
    {"v2_plain_grid12", config(5, 64, 4, 16, 12, 130, 2, false)},
    {"v3_grid16", config(12, 256, 4, 32, 16, 2048, 3, true)},
    {"v3_few_tiles", config(6, 512, 8, 16, 8, 96, 3, true)},  // a block has a part in few products
    {"v3_grid32", config(5, 128, 2, 128, 32, 1000, 3, true)},
    {"v2_grid32", config(5, 256, 2, 128, 32, 1000, 2, true)},
    {"v3_wide", config(4, 3840, 60, 128, 32, 8192, 3, true)},
};

std::vector<std::int32_t> some_text(const TransformerConfig& c, int which) {
  auto ids = testing::seeded_ints("text" + std::to_string(which), c.text_length, c.text_vocab - c.text_length);
  for (int i = c.text_length / 2; i < c.text_length; ++i) ids[i] = 0;
  return ids;
}

class CudaDecoderTest : public ::testing::TestWithParam<Case> {};

// Logits along a forced sequence. fp16 keeps 11 bits: a relative error of 5e-4 a rounding, of which a layer has a
// handful, so a few thousandths of the logits' spread is what a sound port shows; a wrong key or weight shows as
// tenths.
TEST_P(CudaDecoderTest, LogitsFollowTheCpu) {
  NEEDS_DEVICE();
  const TransformerConfig c = GetParam().config;
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    const bool half = precision == Precision::fp16;
    const TransformerWeights weights = testing::random_transformer(c, half ? at::kHalf : at::kBFloat16);
    CpuDecoder cpu(std::make_shared<CpuWeights>(weights, c, Precision::fp32), 3, 8);
    CudaDecoder gpu(std::make_shared<CudaWeights>(weights, c, precision, 0), 3);
    for (int slot = 0; slot < 3; ++slot) {
      const auto text = some_text(c, slot);
      SlotRequest request;
      request.forced = testing::seeded_ints("image" + std::to_string(slot), c.image_length(), c.image_vocab);
      request.prompt = cpu.prefill(text);
      cpu.start(slot, request);
      request.prompt = gpu.prefill(text);
      gpu.start(slot, request);
    }
    const int steps = c.hidden > 1000 ? 100 : c.image_length();
    double worst = 0, spread = 0;
    for (int step = 0; step < steps; ++step) {
      for (int slot = 0; slot < 3; ++slot) {
        const auto expected = cpu.newest_logits(slot);
        const auto found = gpu.newest_logits(slot);
        double mean = 0, square = 0;
        for (const float x : expected) mean += x / expected.size();
        for (std::size_t i = 0; i < expected.size(); ++i) {
          worst = std::max(worst, std::abs(double(expected[i]) - found[i]));
          square += (expected[i] - mean) * (expected[i] - mean) / expected.size();
          ASSERT_TRUE(std::isfinite(found[i]));
        }
        spread = std::max(spread, std::sqrt(square));
      }
      if (cpu.position(0) == c.image_length()) break;
      cpu.step();
      gpu.step();
    }
    RecordProperty(half ? "fp16" : "bf16", std::to_string(worst / spread));
    std::printf("  %s %s: largest difference %.2e of a spread of %.2f\n", GetParam().name, half ? "fp16" : "bf16",
                worst, spread);
    EXPECT_LT(worst, (half ? 0.01 : 0.08) * spread);
  }
}

// The same numbers in a file of wider ones are the same weights. Large enough that buffers are used several times.
TEST(CudaWeights, DoNotDependOnTheFilesType) {
  NEEDS_DEVICE();
  const TransformerConfig c = config(3, 1024, 16, 64, 16, 4096, 3, true);
  const auto logits_of = [&](at::ScalarType type) {
    const Weights weights([&](const std::string& name, at::IntArrayRef shape) {
      return testing::seeded_weight({{"salt", "wide"}}, name, shape).to(at::kHalf).to(type);
    });
    CudaDecoder decoder(std::make_shared<CudaWeights>(TransformerWeights::load(weights, c), c, Precision::fp16, 0), 1);
    SlotRequest request;
    request.forced = testing::seeded_ints("image", c.image_length(), c.image_vocab);
    request.prompt = decoder.prefill(some_text(c, 0));
    decoder.start(0, request);
    for (int step = 0; step < 3; ++step) decoder.step();
    return decoder.newest_logits(0);
  };
  const auto expected = logits_of(at::kHalf);
  for (const float x : expected) ASSERT_TRUE(std::isfinite(x));
  EXPECT_EQ(logits_of(at::kFloat), expected);
  EXPECT_EQ(logits_of(at::kDouble), expected);
}

// The same tokens whatever the batch and whoever the neighbours are.
TEST_P(CudaDecoderTest, TokensDoNotDependOnNeighbours) {
  NEEDS_DEVICE();
  const TransformerConfig c = GetParam().config;
  if (c.hidden > 1000) GTEST_SKIP() << "too large to repeat";
  const auto weights = std::make_shared<CudaWeights>(testing::random_transformer(c, at::kHalf), c, Precision::fp16, 0);
  DrawOptions options;
  options.images = 5;
  options.seed = 11;
  options.sampling.top_k = 50;
  options.sampling.top_p = 0.9;
  const auto text = some_text(c, 0);
  CudaDecoder one(weights, 1), four(weights, 4);
  const auto alone = draw(one, c, text, options);
  const auto together = draw(four, c, text, options);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(alone[i].tokens, together[i].tokens) << i;
    EXPECT_EQ(alone[i].ppl, together[i].ppl);
  }
  // Other prompts and parameters in the same loop, started at other times; slots 0 and 8 once more when they are done.
  for (const int slots : {16, 24, 40}) {
    CudaDecoder many(weights, slots);
    const auto prompt = many.prefill(text), other = many.prefill(some_text(c, 1));
    const auto start = [&](int slot) {
      const bool compared = slot % 8 == 0;
      SlotRequest request;
      request.prompt = compared ? prompt : other;
      request.seed = compared ? 11 : slot;
      request.number = compared ? slot / 8 : slot;
      request.sampling = options.sampling;
      if (!compared) request.sampling.temperature = 0.5 + 0.1 * slot;
      if (slot % 8 == 3) request.sampling.greedy = true;
      many.start(slot, request);
    };
    for (int slot = 0; slot < slots; ++slot) {
      start(slot);
      many.step();
    }
    for (int step = 0; step < c.image_length(); ++step) many.step();
    for (int i = 0; i * 8 < slots; ++i) EXPECT_EQ(many.result(i * 8).tokens, alone[i].tokens) << i << " of " << slots;
    for (const int slot : {0, 8}) {
      many.release(slot);
      start(slot);
      many.step();
    }
    for (int step = 0; step < c.image_length(); ++step) many.step();
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(many.result(i * 8).tokens, alone[i].tokens) << i << " of " << slots << ", again";
  }
}

INSTANTIATE_TEST_SUITE_P(, CudaDecoderTest, ::testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

enum class Logits {
  random,
  tied,   // of a few values, each of many ids
  barred  // every other one is -infinity, and weights reach from 1 down to 0
};
struct SamplerCase {
  const char* name;
  int vocab;
  Logits logits;
};

class CudaSamplerTest : public ::testing::TestWithParam<SamplerCase> {};

// The device's sampler gives the CPU sampler's ids for the same logits.
TEST_P(CudaSamplerTest, SameIdsAsTheCpu) {
  NEEDS_DEVICE();
  const TransformerConfig c = config(4, 64, 4, 16, 8, GetParam().vocab, 3, true);
  TransformerWeights random = testing::random_transformer(c, at::kHalf);
  if (GetParam().logits == Logits::tied) {
    random.logits.weight = at::zeros_like(random.logits.weight);
    random.logits.bias = at::arange(c.text_vocab + c.image_vocab).remainder(7).to(at::kHalf);
  }
  if (GetParam().logits == Logits::barred) {
    random.logits.weight.mul_(20);
    random.logits.bias = at::arange(c.text_vocab + c.image_vocab).remainder(2).log().to(at::kHalf);
  }
  const auto weights = std::make_shared<CudaWeights>(random, c, Precision::fp16, 0);
  CudaDecoder gpu(weights, 6);
  Sampler cpu;
  int compared = 0;
  for (int round = 0; round < 6; ++round) {
    const auto prompt = gpu.prefill(some_text(c, round));
    std::vector<SlotRequest> requests(6);
    for (int slot = 0; slot < 6; ++slot) {
      SlotRequest& r = requests[slot];
      r.prompt = prompt;
      r.seed = 1000 * round + slot;
      r.number = slot;
      r.sampling.temperature = 0.2 + 0.3 * slot;
      r.sampling.top_k = std::vector<int>{0, 1, 100, 4096, 9000, 7}[slot];
      r.sampling.top_p = std::vector<double>{1, 0.9, 0.5, 0.975, 0.999, 0.3}[(slot + round) % 6];
      gpu.start(slot, r);
    }
    for (int step = 0; step < c.image_length(); ++step) {
      for (int slot = 0; slot < 6; ++slot) {
        const auto tokens = gpu.result(slot).tokens;
        const int position = static_cast<int>(tokens.size()) - 1;
        const SlotRequest& r = requests[slot];
        EXPECT_EQ(tokens[position], cpu.sample(gpu.newest_logits(slot), r.sampling, r.seed, r.number, position));
        ++compared;
      }
      gpu.step();
    }
    for (int slot = 0; slot < 6; ++slot) gpu.release(slot);
  }
  EXPECT_GT(compared, 2000);
}

INSTANTIATE_TEST_SUITE_P(, CudaSamplerTest,
                         ::testing::Values(SamplerCase{"of_8192", 8192, Logits::random},
                                           SamplerCase{"of_1001", 1001, Logits::random},
                                           SamplerCase{"of_20000", 20000, Logits::random},
                                           SamplerCase{"tied", 8192, Logits::tied},
                                           SamplerCase{"barred", 8192, Logits::barred}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CudaSampler, RefusesTemperaturesThatTheCpuRefuses) {
  NEEDS_DEVICE();
  const TransformerConfig c = config(3, 48, 3, 16, 8, 24, 3, true);
  CudaDecoder gpu(std::make_shared<CudaWeights>(testing::random_transformer(c, at::kHalf), c, Precision::fp16, 0), 1);
  SlotRequest request;
  request.prompt = gpu.prefill(some_text(c, 0));
  request.sampling.temperature = 1e-40;  // logits divided by it are infinite
  gpu.start(0, request);
  Sampler cpu;
  EXPECT_THROW(cpu.sample(gpu.newest_logits(0), request.sampling, 0, 0, 0), Error);
  EXPECT_THROW(gpu.result(0), Error);
}

// As on the CPU: where nothing is drawn, nothing is asked of the logits.
TEST(CudaSampler, TakesForcedIdsWithoutFiniteLogits) {
  NEEDS_DEVICE();
  const TransformerConfig c = config(3, 48, 3, 16, 8, 24, 3, true);
  TransformerWeights random = testing::random_transformer(c, at::kHalf);
  random.logits.bias.fill_(NAN);
  CudaDecoder gpu(std::make_shared<CudaWeights>(random, c, Precision::fp16, 0), 2);
  SlotRequest request;
  request.prompt = gpu.prefill(some_text(c, 0));
  gpu.start(0, request);
  request.forced.assign(c.image_length(), -1);
  request.forced[0] = 5;
  gpu.start(1, request);
  EXPECT_THROW(gpu.result(0), Error);
  EXPECT_EQ(gpu.result(1).tokens, std::vector<std::int32_t>{5});
  gpu.step();
  EXPECT_THROW(gpu.result(1), Error);
}

// A place that is not written yet holds a NaN (marked.cuh): no other NaN may be taken for it, or the device waits for
// ever. (fp16 numbers are clamped, and are never NaN.)
TEST(CudaDecoder, GoesOnWithNumbersThatAreNotFinite) {
  NEEDS_DEVICE();
  const TransformerConfig c = config(3, 48, 3, 16, 8, 24, 3, true);
  TransformerWeights random = testing::random_transformer(c, at::kHalf);
  random.layers[1].up.bias.fill_(NAN);
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    const auto weights = std::make_shared<CudaWeights>(random, c, precision, 0);
    for (const int slots : {1, 9, 17}) {
      CudaDecoder gpu(weights, slots);
      SlotRequest request;
      request.prompt = gpu.prefill(some_text(c, 0));
      request.forced.resize(c.image_length());
      for (int i = 0; i < c.image_length(); ++i) request.forced[i] = i % c.image_vocab;
      for (int slot = 0; slot < slots; ++slot) gpu.start(slot, request);
      for (int i = 1; i < c.image_length(); ++i) gpu.step();
      for (int slot = 0; slot < slots; ++slot) {
        EXPECT_EQ(gpu.result(slot).tokens, request.forced);
        if (precision == Precision::bf16) {
          EXPECT_TRUE(std::isnan(gpu.newest_logits(slot).front()));
        }
      }
    }
  }
}

// Frequencies of the first id over seeds against its probabilities, by chi-square.
TEST(CudaSamplerFrequencies, AreTheProbabilities) {
  NEEDS_DEVICE();
  constexpr int slots = 64, rounds = 300;
  const TransformerConfig c = config(3, 48, 3, 16, 8, 24, 3, true);
  const auto weights = std::make_shared<CudaWeights>(testing::random_transformer(c, at::kHalf), c, Precision::fp16, 0);
  CudaDecoder gpu(weights, slots);
  SlotRequest request;
  request.prompt = gpu.prefill(some_text(c, 0));
  request.sampling.temperature = 0.8;
  request.sampling.top_k = 16;
  request.sampling.top_p = 0.95;
  std::vector<int> counts(c.image_vocab);
  for (int round = 0; round < rounds; ++round)
    for (int slot = 0; slot < slots; ++slot) {
      request.seed = std::uint64_t(round) * slots + slot;
      gpu.start(slot, request);
      ++counts.at(gpu.result(slot).tokens.at(0));
      if (round + 1 < rounds || slot > 0) gpu.release(slot);
    }
  Sampler cpu;
  const auto kept = cpu.keep(gpu.newest_logits(0), request.sampling);
  const auto likely = cpu.kept_weights();
  ASSERT_GT(kept.size(), 5u);
  ASSERT_LT(kept.size(), 17u);
  constexpr int draws = slots * rounds;
  EXPECT_EQ(testing::draws_of(counts, kept), draws);
  // The 99.9 % point for 15 degrees of freedom, the most there can be.
  EXPECT_LT(testing::chi_square(counts, kept, likely, draws), 37.7);
}

}  // namespace
}  // namespace kandinsky
