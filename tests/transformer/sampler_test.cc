#include "transformer/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kandinsky/error.h"
#include "support/chi_square.h"
#include "support/golden.h"
#include "support/seeded.h"
#include "transformer/noise.h"

namespace kandinsky {
namespace {

using testing::Golden;

std::vector<float> golden_logits(const nlohmann::json& c) {
  const auto rows = c.at("rows").get<std::size_t>();
  const auto vocab = c.at("vocab").get<std::size_t>();
  const auto kind = c.at("kind").get<std::string>();
  const std::string key = "sampler/" + kind + "/1:logits";
  std::vector<float> logits(rows * vocab);
  if (kind == "ties") {
    const auto ints = testing::seeded_ints(key, logits.size(), 41);
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(ints[i]) * 0.25f - 5;
  } else {
    const auto x = testing::seeded_reals(key, logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i)
      logits[i] = kind == "flat" ? x[i] * 0x1p-6f : ((x[i] * x[i]) * x[i]) * 12;
  }
  return logits;
}

TEST(SamplerTest, KeepsWhatTheReferenceKeeps) {
  const Golden golden("sampler/cases.safetensors");
  Sampler sampler;
  int compared = 0;
  for (const auto& c : golden.info().at("cases")) {
    const std::string name = c.at("name");
    const auto rows = c.at("rows").get<std::size_t>();
    const auto vocab = c.at("vocab").get<std::size_t>();
    const std::vector<float> logits = golden_logits(c);
    const std::vector<bool> keep = golden.bits(name + ".keep", rows * vocab);
    const std::vector<float> probabilities = golden.floats(name + ".top_probs");
    const std::vector<std::int32_t> ids = golden.ints(name + ".top_ids");
    SamplingOptions options;
    options.temperature = c.at("temperature");
    options.top_k = c.at("top_k");
    options.top_p = c.at("top_p");
    const bool whole = options.top_p >= 1;
    for (std::size_t row = 0; row < rows; ++row) {
      SCOPED_TRACE(name + " row " + std::to_string(row));
      const std::span<const float> row_logits(logits.data() + row * vocab, vocab);
      const auto kept = sampler.keep(row_logits, options);
      if (whole) {
        // On purpose unlike the reference, whose running sum passes 1 early: all that top-k leaves is kept.
        EXPECT_EQ(kept.size(), c.at("kept_by_top_k")[row].get<std::size_t>());
        continue;
      }
      std::set<std::int32_t> expected;
      for (std::size_t i = 0; i < vocab; ++i)
        if (keep[row * vocab + i]) expected.insert(static_cast<std::int32_t>(i));
      const std::set<std::int32_t> found(kept.begin(), kept.end());
      // Where the border falls between sums a rounding apart, or among equal logits, the sort decides: see the goldens'
      // README, "Sampling". The number may then be off by a few, the rest not at all.
      const double margin = c.at("margin_to_top_p")[row];
      if (c.at("kind") == "ties" || margin < 1e-6) {
        EXPECT_NEAR(double(found.size()), double(expected.size()), margin < 1e-6 ? 8 : 0);
        float border = std::numeric_limits<float>::infinity();
        for (const auto id : expected) border = std::min(border, row_logits[id]);
        const float slack = margin < 1e-6 ? 0.02f : 0;
        for (std::size_t i = 0; i < vocab; ++i) {
          const bool kept_here = found.contains(static_cast<std::int32_t>(i));
          EXPECT_TRUE(kept_here || row_logits[i] <= border + slack);
          EXPECT_TRUE(!kept_here || row_logits[i] >= border - slack);
        }
      } else {
        EXPECT_EQ(found, expected);
        double total = 0;
        for (const float weight : sampler.kept_weights()) total += weight;
        for (std::size_t j = 0; j < std::min<std::size_t>(64, kept.size()); ++j) {
          const auto at = std::lower_bound(kept.begin(), kept.end(), ids[row * 64 + j]);
          ASSERT_TRUE(at != kept.end() && *at == ids[row * 64 + j]);
          EXPECT_NEAR(sampler.kept_weights()[at - kept.begin()] / total, probabilities[row * 64 + j], 2e-6);
        }
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 80);
}

// Known answers of the method's authors (Random123, kat_vectors).
TEST(NoiseTest, PhiloxKnownAnswers) {
  noise::Block b = noise::philox(0, 0, 0, 0, 0, 0);
  EXPECT_EQ(b.word[0], 0x6627e8d5u);
  EXPECT_EQ(b.word[1], 0xe169c58du);
  EXPECT_EQ(b.word[2], 0xbc57ac4cu);
  EXPECT_EQ(b.word[3], 0x9b00dbd8u);
  b = noise::philox(~0u, ~0u, ~0u, ~0u, ~0u, ~0u);
  EXPECT_EQ(b.word[0], 0x408f276du);
  EXPECT_EQ(b.word[1], 0x41c83b0eu);
  EXPECT_EQ(b.word[2], 0xa20bc7c6u);
  EXPECT_EQ(b.word[3], 0x6d5451fdu);
  b = noise::philox(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u);
  EXPECT_EQ(b.word[0], 0xd16cfe09u);
  EXPECT_EQ(b.word[1], 0x94fdccebu);
  EXPECT_EQ(b.word[2], 0x5001e420u);
  EXPECT_EQ(b.word[3], 0x24126ea1u);
}

TEST(NoiseTest, ExponentialIsMinusLog) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const std::uint32_t word = i < 1000 ? i : i < 2000 ? ~0u - (i - 1000) : static_cast<std::uint32_t>(random());
    const double u = (word + 0.5) / 4294967296.0;
    const double expected = u > 0.5 ? -std::log1p(-(1 - u)) : -std::log(u);
    ASSERT_NEAR(noise::exponential(word) / expected, 1, 1e-14) << word;
  }
}

TEST(NoiseTest, ExpOfNegative) {
  for (float x = 0; x > -86.9f; x -= 0.00137f)
    ASSERT_NEAR(noise::exp_of_negative(x) / std::exp(double(x)), 1, 3e-7) << x;
  EXPECT_EQ(noise::exp_of_negative(0.0f), 1.0f);
  EXPECT_EQ(noise::exp_of_negative(-88.0f), 0.0f);
  EXPECT_EQ(noise::exp_of_negative(-std::numeric_limits<float>::infinity()), 0.0f);
}

// Drawn frequencies over seeds against the probabilities, by chi-square.
TEST(SamplerTest, DrawsFromTheDistribution) {
  constexpr int vocab = 24;
  constexpr int draws = 40000;
  std::vector<float> logits(vocab);
  for (int i = 0; i < vocab; ++i) logits[i] = std::sin(float(i) * 1.7f) * 2;
  SamplingOptions options;
  options.temperature = 0.8;
  options.top_k = 16;
  options.top_p = 0.95;
  Sampler sampler;
  const auto ids = sampler.keep(logits, options);
  const std::vector<std::int32_t> kept(ids.begin(), ids.end());
  const std::vector<float> weights(sampler.kept_weights().begin(), sampler.kept_weights().end());
  ASSERT_GT(kept.size(), 5u);
  ASSERT_LT(kept.size(), 17u);
  for (const int varied : {0, 1, 2}) {
    std::vector<int> counts(vocab);
    for (int i = 0; i < draws; ++i) {
      const std::uint64_t seed = varied == 0 ? std::uint64_t(i) << 20 : 5;
      ++counts[sampler.sample(logits, options, seed, varied == 1 ? i : 3, varied == 2 ? i : 17)];
    }
    EXPECT_EQ(testing::draws_of(counts, kept), draws);
    // 99.9 % point of chi-square with up to 15 degrees of freedom.
    EXPECT_LT(testing::chi_square(counts, kept, weights, draws), 37.7) << "varied " << varied;
  }
}

TEST(SamplerTest, SameArgumentsSameId) {
  const std::vector<float> logits = testing::seeded_reals("repeat", 300);
  Sampler a, b;
  const SamplingOptions options;
  for (int i = 0; i < 100; ++i) {
    const std::int32_t first = a.sample(logits, options, 7, 2, i);
    b.sample(logits, options, 8, 1, i);  // what ran before does not matter
    EXPECT_EQ(first, b.sample(logits, options, 7, 2, i));
  }
}

TEST(SamplerTest, GreedyTakesTheFirstOfTheLargest) {
  Sampler sampler;
  SamplingOptions options;
  options.greedy = true;
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 5, 3, 5}, options, 0, 0, 0), 1);
}

TEST(SamplerTest, RefusesLogitsThatAreNoNumbers) {
  Sampler sampler;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(sampler.sample(std::vector<float>{nan, nan}, {}, 0, 0, 0), Error);
  SamplingOptions greedy;
  greedy.greedy = true;
  EXPECT_THROW(sampler.sample(std::vector<float>{nan, nan}, greedy, 0, 0, 0), Error);
}

TEST(SamplerTest, NotANumberIsAsUnlikelyAsCanBe) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  auto with_nan = testing::seeded_reals("sampler/nan", 100);
  auto without = with_nan;
  for (std::size_t i = 0; i < with_nan.size(); i += 3) {
    with_nan[i] = i % 2 == 0 ? std::nanf("") : -std::nanf("");
    without[i] = -infinity;
  }
  Sampler sampler;
  for (const int top_k : {0, 1, 30, 66, 67, 99})
    for (const double top_p : {1.0, 0.9}) {
      SamplingOptions options;
      options.top_k = top_k;
      options.top_p = top_p;
      for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto id = sampler.sample(with_nan, options, seed, 0, 0);
        EXPECT_NE(id % 3, 0);
        EXPECT_EQ(id, sampler.sample(without, options, seed, 0, 0));
      }
    }
}

TEST(SamplerTest, ChecksOptions) {
  const auto message = [](SamplingOptions options) -> std::string {
    try {
      check(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({}), "");
  EXPECT_EQ(message({.temperature = 0}), "temperature: 0 is not a number above 0");
  EXPECT_EQ(message({.temperature = 1e-60}), "temperature: 1e-60 is not a number above 0");
  EXPECT_NE(message({.temperature = std::nan("")}), "");
  EXPECT_EQ(message({.top_k = -1}), "top_k: -1 is negative (0 keeps all)");
  EXPECT_EQ(message({.top_p = 0}), "top_p: 0 is not above 0 and at most 1");
  EXPECT_NE(message({.top_p = 1.01}), "");
  EXPECT_NE(message({.top_p = std::nan("")}), "");
}

TEST(PerplexityMeterTest, AveragesExpOfCrossEntropy) {
  PerplexityMeter meter;
  EXPECT_EQ(meter.value(), 1);
  meter.add(std::vector<float>{0, 0, 0, 0}, 1);
  EXPECT_NEAR(meter.value(), 4, 1e-5);
  meter.add(std::vector<float>{0, 0}, 0);
  EXPECT_NEAR(meter.value(), 3, 1e-5);
  meter.add(std::vector<float>{100, 0}, 0);  // cross-entropy 0: does not count
  EXPECT_NEAR(meter.value(), 3, 1e-5);
}

TEST(PerplexityMeterTest, TakesNaNAsMinusInfinityWhereverItStands) {
  for (int place = 0; place < 3; ++place) {
    PerplexityMeter meter;
    std::vector<float> logits{1, 1, 1};
    logits[place] = std::nanf("");
    meter.add(logits, (place + 1) % 3);
    EXPECT_NEAR(meter.value(), 2, 1e-5) << place;
  }
}

}  // namespace
}  // namespace kandinsky
