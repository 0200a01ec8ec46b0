#include "transformer/torch_decoder.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "kandinsky/tokenizer.h"
#include "support/compare.h"
#include "tensor/compute_device.h"
#include "transformer/draw.h"
#include "transformer/golden_transformer.h"
#include "transformer/losses.h"
#include "transformer/random_weights.h"

namespace kandinsky {
namespace {

using testing::Golden;
using testing::max_difference;

using Ids = std::vector<std::int32_t>;

std::vector<float> row_of(const at::Tensor& logits, std::int64_t row) {
  const float* first = logits.const_data_ptr<float>() + row * logits.size(1);
  return {first, first + logits.size(1)};
}

class TorchDecoderGoldenTest : public ::testing::TestWithParam<std::string> {};

// Step by step through forced ids, the second image 11 steps behind the first: at every position the image
// logits of the teacher-forced network, which are the reference's, and the reference's own from its cache.
TEST_P(TorchDecoderGoldenTest, LogitsOfEveryStep) {
  const Golden golden("transformer/" + GetParam() + ".safetensors");
  const TransformerConfig config = testing::golden_config(golden.info());
  const auto network = std::make_shared<Network>(testing::golden_weights(golden.info(), config), config);
  const int n = config.image_length();
  const Ids ids = golden.ints("ids");
  const at::Tensor first = golden.tensor("cached_logits_first");
  const at::Tensor last = golden.tensor("cached_logits_last5");
  const auto image_part = [&](const at::Tensor& logits) {
    return logits.narrow(-1, config.text_vocab, config.image_vocab).contiguous();
  };
  const at::Tensor states = network->states(golden.tensor("ids").to(at::kLong));
  const at::Tensor expected = network->image_logits(states.narrow(1, network->predicting(0), n)).contiguous();

  TorchDecoder decoder(network, 2);
  std::vector<std::vector<float>> seen[2];
  const auto start = [&](int row) {
    const std::span<const std::int32_t> sequence(ids.data() + row * (config.text_length + n), config.text_length + n);
    SlotRequest request;
    request.prompt = decoder.prefill(sequence.first(config.text_length));
    request.forced.assign(sequence.begin() + config.text_length, sequence.end());
    decoder.start(row, request);
  };
  start(0);
  for (int step = 0; step <= n + 11; ++step) {
    if (step == 11) start(1);
    for (int row = 0; row < 2; ++row)
      if (decoder.position(row) > int(seen[row].size())) seen[row].push_back(decoder.newest_logits(row));
    decoder.step();
  }
  for (int row = 0; row < 2; ++row) {
    ASSERT_EQ(seen[row].size(), n);
    EXPECT_LT(max_difference(seen[row][0], row_of(image_part(first), row)), 2e-5);
    for (int i = 0; i < 5; ++i) EXPECT_LT(max_difference(seen[row][n - 5 + i], row_of(image_part(last[row]), i)), 2e-5);
    for (int i = 0; i < n; ++i) EXPECT_LT(max_difference(seen[row][i], row_of(expected[row], i)), 2e-5) << i;
    EXPECT_EQ(decoder.result(row).tokens, Ids(ids.begin() + row * (config.text_length + n) + config.text_length,
                                              ids.begin() + (row + 1) * (config.text_length + n)));
  }
}

INSTANTIATE_TEST_SUITE_P(, TorchDecoderGoldenTest, ::testing::ValuesIn(testing::golden_transformers()),
                         [](const auto& info) { return info.param; });

class TorchDecoderNanoTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { network_ = std::make_shared<Network>(testing::nano_weights(), testing::nano_config); }
  static void TearDownTestSuite() { network_.reset(); }

  // Runs all requests in one loop.
  static std::vector<DrawnTokens> run(const std::vector<std::pair<Ids, Ids>>& texts_and_forced) {
    TorchDecoder decoder(network_, static_cast<int>(texts_and_forced.size()));
    for (int slot = 0; slot < decoder.slots(); ++slot) {
      SlotRequest request;
      request.prompt = decoder.prefill(texts_and_forced[slot].first);
      request.forced = texts_and_forced[slot].second;
      request.sampling.greedy = true;
      decoder.start(slot, request);
    }
    while (decoder.position(0) < network_->config().image_length()) decoder.step();
    std::vector<DrawnTokens> drawn;
    for (int slot = 0; slot < decoder.slots(); ++slot) drawn.push_back(decoder.result(slot));
    return drawn;
  }

  static Ids text(const std::string& prompt) {
    static const Tokenizer tokenizer = Tokenizer::load(testing::nano_path("tokenizer/bpe.model"));
    return tokenizer.encode_for_transformer(prompt, testing::nano_config.text_length);
  }

  static std::shared_ptr<const Network> network_;
};

std::shared_ptr<const Network> TorchDecoderNanoTest::network_;

TEST_F(TorchDecoderNanoTest, GreedyTokens) {
  const Golden golden("nano/greedy/cases.safetensors");
  const auto& cases = golden.info().at("cases");
  std::vector<std::pair<Ids, Ids>> requests;
  for (const auto& c : cases) requests.emplace_back(text(c.at("text")), Ids());
  const std::vector<DrawnTokens> drawn = run(requests);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(drawn[i].tokens, golden.ints(std::to_string(i) + ".ids")) << cases[i].at("text");
    EXPECT_NEAR(drawn[i].ppl / cases[i].at("ppl").get<double>(), 1, 1e-3);
    EXPECT_NEAR(drawn[i].ppl / perplexity(*network_, requests[i].first, drawn[i].tokens), 1, 1e-4);
  }
}

TEST_F(TorchDecoderNanoTest, ImagePrompts) {
  const Golden golden("nano/prompts/cases.safetensors");
  std::vector<std::pair<Ids, Ids>> requests;
  std::vector<const nlohmann::json*> cases;
  for (const auto& c : golden.info().at("cases")) {
    if (!c.contains("ppl")) continue;
    const std::string name = c.at("name");
    Ids forced = golden.ints(name + ".ids");
    const std::vector<bool> kept = golden.bits(name + ".mask", forced.size());
    for (std::size_t i = 0; i < forced.size(); ++i)
      if (!kept[i]) forced[i] = -1;
    requests.emplace_back(text(c.at("text")), forced);
    cases.push_back(&c);
  }
  ASSERT_EQ(cases.size(), 4u);
  const std::vector<DrawnTokens> drawn = run(requests);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string name = cases[i]->at("name");
    EXPECT_EQ(drawn[i].tokens, golden.ints(name + ".greedy_ids")) << name;
    EXPECT_NEAR(drawn[i].ppl / cases[i]->at("ppl").get<double>(), 1, 1e-3) << name;
  }
}

struct Case {
  const char* name;
  TransformerConfig config;
};

Ids some_text(const TransformerConfig& config, int which) {
  Ids ids = testing::seeded_ints("text" + std::to_string(which), config.text_length, config.text_vocab);
  for (int i = config.text_length / 2; i < config.text_length; ++i) ids[i] = 0;
  return ids;
}

class TorchDecoderTest : public ::testing::TestWithParam<Case> {
 protected:
  static std::shared_ptr<const Network> network(const at::Device& device, at::ScalarType type) {
    const TransformerConfig& config = GetParam().config;
    const Weights weights([&](const std::string& name, at::IntArrayRef shape) {
      return testing::seeded_weight({{"salt", "random"}}, name, shape).to(device, type);
    });
    return std::make_shared<Network>(TransformerWeights::load(weights, config), config);
  }
  static Ids text(int which) { return some_text(GetParam().config, which); }
};

// Bit for bit the same, whatever the batch and whoever the neighbours are.
void expect_no_dependence_on_neighbours(const std::shared_ptr<const Network>& network) {
  const TransformerConfig& config = network->config();
  const auto text = [&](int which) { return some_text(config, which); };
  DrawOptions options;
  options.images = 5;
  options.seed = 11;
  options.sampling.top_k = 50;
  TorchDecoder one(network, 1), three(network, 3), many(network, 20);
  const auto alone = draw(one, config, text(0), options);
  const auto together = draw(three, config, text(0), options);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(alone[i].number, i);
    EXPECT_EQ(alone[i].tokens, together[i].tokens) << i;
    EXPECT_EQ(alone[i].ppl, together[i].ppl) << i;
    if (network->weights().logits.weight.scalar_type() == at::kFloat) {
      EXPECT_NEAR(alone[i].ppl / perplexity(*network, text(0), alone[i].tokens), 1, 1e-4);
    }
  }
  EXPECT_NE(alone[0].tokens, alone[1].tokens);

  // Other prompts and parameters in the same loop, started at other times, in slots that other images have
  // used.
  const auto prompt = many.prefill(text(0)), other = many.prefill(text(1));
  const auto request = [&](int slot) {
    SlotRequest request;
    const bool compared = slot % 4 == 0;
    request.prompt = compared ? prompt : other;
    request.seed = compared ? 11 : slot;
    request.number = compared ? slot / 4 : slot;
    request.sampling = options.sampling;
    if (!compared) request.sampling.temperature = 0.5 + 0.1 * slot;
    return request;
  };
  for (int slot = 0; slot < 20; ++slot) many.start(slot, request(slot));
  for (int step = 0; step < 7; ++step) many.step();
  for (int slot = 0; slot < 20; ++slot) many.release(slot);
  EXPECT_EQ(many.position(3), -1);
  many.step();
  for (int slot = 0; slot < 20; ++slot) {
    many.start(slot, request(slot));
    if (slot % 3 != 2) many.step();
  }
  for (int step = 0; step < config.image_length(); ++step) many.step();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(many.position(i * 4), config.image_length());
    EXPECT_EQ(many.result(i * 4).tokens, alone[i].tokens) << i;
    EXPECT_EQ(many.result(i * 4).ppl, alone[i].ppl) << i;
  }
}

TEST_P(TorchDecoderTest, ImagesDoNotDependOnNeighbours) {
  expect_no_dependence_on_neighbours(network(at::kCPU, at::kFloat));
  if (!cuda_available()) return;
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16})
    expect_no_dependence_on_neighbours(network(at::Device(at::kCUDA, 0), type));
}

// fp16 keeps 11 bits, bf16 8: the logits, of a spread of about 1, are off by a few roundings.
TEST_P(TorchDecoderTest, HalfPrecisionFollowsFp32) {
  const TransformerConfig& config = GetParam().config;
  std::vector<at::Device> devices = {at::kCPU};
  if (cuda_available()) devices.emplace_back(at::kCUDA, 0);
  const auto exact = network(at::kCPU, at::kFloat);
  for (const at::Device& device : devices) {
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      SCOPED_TRACE(device.str() + " " + at::toString(type));
      const double limit = type == at::kFloat ? 2e-5 : type == at::kHalf ? 0.01 : 0.08;
      const auto rough = network(device, type);
      TorchDecoder expected(exact, 1), found(rough, 1);
      const Ids forced = testing::seeded_ints("image", config.image_length(), config.image_vocab);
      for (TorchDecoder* decoder : {&expected, &found})
        decoder->start(0, {decoder->prefill(text(0)), {}, 0, 0, forced});
      for (int i = 0; i < config.image_length(); ++i) {
        if (expected.position(0) > 0) {
          EXPECT_LT(max_difference(expected.newest_logits(0), found.newest_logits(0)), limit) << i;
        }
        expected.step();
        found.step();
      }
      const double sequence = max_difference(logits(*exact, text(0), forced), logits(*rough, text(0), forced));
      EXPECT_LT(sequence, limit);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, TorchDecoderTest,
                         ::testing::Values(Case{"v3_grid8", {6, 48, 3, 16, 8, 80, 96, 3, true, true}},
                                           Case{"v2_grid8", {6, 48, 3, 16, 8, 80, 96, 2, true, true}},
                                           Case{"v3_plain_odd", {5, 60, 5, 13, 7, 70, 97, 3, false, false}},
                                           Case{"v2_plain_grid12", {5, 64, 4, 16, 12, 80, 130, 2, false, false}}),
                         [](const auto& info) { return std::string(info.param.name); });

// Only what the masks can see is kept.
TEST(TorchDecoderMemoryTest, IsWhatTheMasksNeed) {
  const TransformerConfig config = *TransformerConfig::preset("kandinsky");
  // 47 row layers of 33 keys, 16 column layers of 1024, one convolution layer of 6 rows.
  const std::size_t keys = 47 * 33 + 16 * 1024 + 6 * 32;
  EXPECT_EQ(TorchDecoder::cache_bytes(config, 8, 2), 8 * keys * 3840 * 2 * 2);
  EXPECT_EQ(TorchDecoder::cache_bytes(config, 9, 2), 16 * keys * 3840 * 2 * 2);
  EXPECT_EQ(TorchDecoder::prompt_bytes(config, 2), std::size_t{64} * 128 * 3840 * 2 * 2);
}

}  // namespace
}  // namespace kandinsky
