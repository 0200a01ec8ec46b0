#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "kandinsky/tokenizer.h"
#include "support/compare.h"
#include "support/golden.h"
#include "transformer/cpu_decoder.h"
#include "transformer/draw.h"

// The CPU token loop with the bundled model.
namespace kandinsky {
namespace {

using testing::Golden;
using testing::max_difference;

class NanoTest : public ::testing::Test {
 protected:
  static const std::shared_ptr<const CpuWeights>& weights(Precision precision = Precision::fp32) {
    static const auto load = [](Precision p) {
      const Checkpoint file = Checkpoint::open(testing::nano_path("rudalle_kandinsky.bin"));
      const auto config = TransformerConfig::detect(file);
      return std::make_shared<const CpuWeights>(TransformerWeights::load(Weights::mapped(file), config), config, p);
    };
    static const std::shared_ptr<const CpuWeights> exact = load(Precision::fp32), brain = load(Precision::bf16);
    return precision == Precision::bf16 ? brain : exact;
  }
  static std::vector<std::int32_t> text(const std::string& prompt) {
    static const Tokenizer tokenizer = Tokenizer::load(testing::nano_path("tokenizer/bpe.model"));
    return tokenizer.encode_for_transformer(prompt, weights()->config.text_length);
  }
};

TEST_F(NanoTest, GreedyTokensAndPerplexity) {
  const Golden golden("nano/greedy/cases.safetensors");
  const auto& cases = golden.info().at("cases");
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    CpuDecoder decoder(weights(), 1, 2, *kernels);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      DrawOptions options;
      options.sampling.greedy = true;
      const auto drawn = draw(decoder, weights()->config, text(cases[i].at("text")), options);
      EXPECT_EQ(drawn[0].tokens, golden.ints(std::to_string(i) + ".ids")) << kernels->name << i;
      EXPECT_NEAR(drawn[0].ppl / cases[i].at("ppl").get<double>(), 1, 1e-3);
    }
  }
}

TEST_F(NanoTest, GreedyTokensAroundAnImagePrompt) {
  const Golden golden("nano/prompts/cases.safetensors");
  int compared = 0;
  for (const auto& c : golden.info().at("cases")) {
    const std::string name = c.at("name");
    if (!golden.has(name + ".greedy_ids")) continue;
    const auto mask = golden.bits(name + ".mask", 256);
    auto forced = golden.ints(name + ".ids");
    for (std::size_t i = 0; i < forced.size(); ++i)
      if (!mask[i]) forced[i] = -1;
    DrawOptions options;
    options.sampling.greedy = true;
    options.forced = forced;
    CpuDecoder decoder(weights(), 1, 2);
    const auto drawn = draw(decoder, weights()->config, text(c.at("text")), options);
    EXPECT_EQ(drawn[0].tokens, golden.ints(name + ".greedy_ids")) << name;
    EXPECT_NEAR(drawn[0].ppl / c.at("ppl").get<double>(), 1, 1e-3) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

TEST_F(NanoTest, TokensDoNotDependOnBatchOrThreads) {
  const auto ids = text("лиса на фиолетовом фоне");
  DrawOptions options;
  options.images = 8;
  options.seed = 3;
  options.sampling.top_k = 512;
  options.sampling.top_p = 0.95;
  std::vector<DrawnTokens> reference;
  for (const int batch : {1, 3, 8})
    for (const int threads : {1, 2, 3}) {
      CpuDecoder decoder(weights(), batch, threads);
      const auto drawn = draw(decoder, weights()->config, ids, options);
      if (reference.empty()) reference = drawn;
      for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(drawn[i].number, i);
        EXPECT_EQ(drawn[i].tokens, reference[i].tokens) << batch << " " << threads;
        EXPECT_EQ(drawn[i].ppl, reference[i].ppl);
      }
    }
  options.first_number = 5;
  options.images = 1;
  CpuDecoder decoder(weights(), 1, 1);
  EXPECT_EQ(draw(decoder, weights()->config, ids, options)[0].tokens, reference[5].tokens);
  EXPECT_NE(reference[0].tokens, reference[1].tokens);
}

// Slots at different positions, with different prompts and parameters.
TEST_F(NanoTest, SlotsJoinWhileOthersRun) {
  CpuDecoder alone(weights(), 1, 2), shared(weights(), 3, 2);
  const auto request = [&](CpuDecoder& decoder, int i) {
    SlotRequest r;
    r.prompt = decoder.prefill(text(i % 2 == 0 ? "панда на зеленом фоне" : "снеговик"));
    r.seed = i;
    r.number = i;
    r.sampling.temperature = 0.7 + 0.1 * i;
    r.sampling.top_k = 100 * (i + 1);
    return r;
  };
  for (int i = 0; i < 3; ++i) {
    shared.start(i, request(shared, i));
    for (int step = 0; step < 40; ++step) shared.step();
  }
  for (int step = 0; step < 256; ++step) shared.step();
  for (int i = 0; i < 3; ++i) {
    alone.start(0, request(alone, i));
    while (alone.position(0) < 256) alone.step();
    EXPECT_EQ(alone.result(0).tokens, shared.result(i).tokens);
    alone.release(0);
  }
}

// bf16 keeps 8 bits: its greedy picture may differ, its logits must not by much.
TEST_F(NanoTest, Bf16LogitsStayClose) {
  const Golden golden("nano/greedy/cases.safetensors");
  const std::string prompt = golden.info().at("cases")[0].at("text");
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    CpuDecoder exact(weights(), 1, 2), brain(weights(Precision::bf16), 1, 2, *kernels);
    for (CpuDecoder* decoder : {&exact, &brain}) {
      SlotRequest request;
      request.prompt = decoder->prefill(text(prompt));
      request.forced = golden.ints("0.ids");
      decoder->start(0, request);
    }
    double worst = 0;
    for (int step = 0; step < 255; ++step) {
      worst = std::max(worst, max_difference(exact.newest_logits(0), brain.newest_logits(0)));
      exact.step();
      brain.step();
    }
    EXPECT_LT(worst, 1.0) << kernels->name;  // logits span some 30
    EXPECT_NEAR(brain.result(0).ppl / exact.result(0).ppl, 1, 0.1);
  }
}

}  // namespace
}  // namespace kandinsky
