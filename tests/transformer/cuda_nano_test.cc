#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "kandinsky/error.h"
#include "kandinsky/tokenizer.h"
#include "support/golden.h"
#include "transformer/cuda_decoder.h"
#include "transformer/cuda_device.h"
#include "transformer/draw.h"

// The CUDA token loop with the bundled model. Skipped, and said so, without a device.
namespace kandinsky {
namespace {

using testing::Golden;

class CudaNanoTest : public ::testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    NEEDS_DEVICE();
    const Checkpoint file = Checkpoint::open(testing::nano_path("rudalle_kandinsky.bin"));
    config_ = TransformerConfig::detect(file);
    weights_ = std::make_shared<const CudaWeights>(TransformerWeights::load(Weights::mapped(file), config_), config_,
                                                   GetParam(), 0);
  }
  std::vector<std::int32_t> text(const std::string& prompt) const {
    static const Tokenizer tokenizer = Tokenizer::load(testing::nano_path("tokenizer/bpe.model"));
    return tokenizer.encode_for_transformer(prompt, config_.text_length);
  }
  TransformerConfig config_;
  std::shared_ptr<const CudaWeights> weights_;
};

// Greedy pictures of the fp32 reference. The loop follows the golden's ids, so that one tie does not hide what comes
// after; where its own choice differs, the two candidates must lie closer than its rounding, by its own logits.
TEST_P(CudaNanoTest, GreedyTokensOrTies) {
  const Golden golden("nano/greedy/cases.safetensors");
  const auto& cases = golden.info().at("cases");
  const double rounding = GetParam() == Precision::fp16 ? 0.05 : 0.4;  // logits span some 30
  int differing = 0, all = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto expected = golden.ints(std::to_string(i) + ".ids");
    CudaDecoder decoder(weights_, 1);
    SlotRequest request;
    request.prompt = decoder.prefill(text(cases[i].at("text")));
    request.forced = expected;
    decoder.start(0, request);
    for (std::size_t position = 0;; ++position) {
      const auto logits = decoder.newest_logits(0);
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      ++all;
      if (best != expected[position]) {
        ++differing;
        EXPECT_LT(logits[best] - logits[expected[position]], rounding) << "case " << i << ", position " << position;
      }
      if (position + 1 == expected.size()) break;
      decoder.step();
    }
    EXPECT_NEAR(decoder.result(0).ppl / cases[i].at("ppl").get<double>(), 1,
                GetParam() == Precision::fp16 ? 0.01 : 0.1);

    DrawOptions options;
    options.sampling.greedy = true;
    CudaDecoder free(weights_, 1);
    const auto drawn = draw(free, config_, text(cases[i].at("text")), options)[0].tokens;
    const auto [first, unused] = std::mismatch(drawn.begin(), drawn.end(), expected.begin());
    std::printf("  case %zu: %s\n", i,
                first == drawn.end()
                    ? "all ids of the reference"
                    : ("the reference's ids up to a tie at " + std::to_string(first - drawn.begin())).c_str());
  }
  std::printf("  %d of %d greedy choices differ, all ties within rounding\n", differing, all);
  EXPECT_LT(differing, GetParam() == Precision::fp16 ? all / 50 : all / 10);
}

TEST_P(CudaNanoTest, TokensDoNotDependOnBatch) {
  const auto ids = text("лиса на фиолетовом фоне");
  DrawOptions options;
  options.images = 8;
  options.seed = 3;
  options.sampling.top_k = 512;
  options.sampling.top_p = 0.95;
  std::vector<DrawnTokens> reference;
  for (const int batch : {1, 3, 8, 16, 32, 64}) {
    CudaDecoder decoder(weights_, batch);
    const auto drawn = draw(decoder, config_, ids, options);
    if (reference.empty()) reference = drawn;
    for (int i = 0; i < 8; ++i) {
      EXPECT_EQ(drawn[i].tokens, reference[i].tokens) << batch;
      EXPECT_EQ(drawn[i].ppl, reference[i].ppl) << batch;
    }
  }
}

TEST_P(CudaNanoTest, KeepsAnImagePrompt) {
  const Golden golden("nano/prompts/cases.safetensors");
  int compared = 0;
  for (const auto& c : golden.info().at("cases")) {
    const std::string name = c.at("name");
    if (!golden.has(name + ".greedy_ids")) continue;
    const auto mask = golden.bits(name + ".mask", 256);
    const auto ids = golden.ints(name + ".ids");
    DrawOptions options;
    options.sampling.greedy = true;
    options.forced = ids;
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (!mask[i]) options.forced[i] = -1;
    CudaDecoder decoder(weights_, 1);
    const auto drawn = draw(decoder, config_, text(c.at("text")), options)[0].tokens;
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (mask[i]) {
        EXPECT_EQ(drawn[i], ids[i]) << name << " " << i;
      }
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

// Short enough for compute-sanitizer: prompts, slots that join, sampling, an image prompt's forced ids.
TEST_P(CudaNanoTest, AFewSteps) {
  CudaDecoder decoder(weights_, 3);
  for (int slot = 0; slot < 3; ++slot) {
    SlotRequest request;
    request.prompt = decoder.prefill(text(slot == 0 ? "панда на зеленом фоне" : "снеговик"));
    request.number = slot;
    request.sampling.top_k = 100;
    request.sampling.greedy = slot == 1;
    if (slot == 2) request.forced.assign(config_.image_length(), 7);
    decoder.start(slot, request);
    for (int step = 0; step < 6; ++step) decoder.step();
  }
  EXPECT_EQ(decoder.result(0).tokens.size(), 19u);
  EXPECT_EQ(decoder.result(2).tokens, std::vector<std::int32_t>(7, 7));
}

// Likewise, of passes of 32 and 64 rows.
TEST_P(CudaNanoTest, AFewStepsOfMany) {
  for (const int batch : {20, 40}) {
    CudaDecoder decoder(weights_, batch);
    const auto prompt = decoder.prefill(text("снеговик"));
    for (int slot = 0; slot < batch; ++slot) {
      SlotRequest request;
      request.prompt = prompt;
      request.sampling.greedy = true;
      decoder.start(slot, request);
    }
    for (int step = 0; step < 3; ++step) decoder.step();
    for (int slot = 0; slot < batch; ++slot) EXPECT_EQ(decoder.result(slot).tokens, decoder.result(0).tokens) << slot;
    EXPECT_EQ(decoder.result(0).tokens.size(), 4u);
  }
}

INSTANTIATE_TEST_SUITE_P(, CudaNanoTest, ::testing::Values(Precision::fp16, Precision::bf16),
                         [](const auto& info) { return std::string(precision_name(info.param)); });

}  // namespace
}  // namespace kandinsky
