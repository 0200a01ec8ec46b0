#include "transformer/network.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "kandinsky/error.h"
#include "support/compare.h"
#include "transformer/golden_transformer.h"
#include "transformer/losses.h"
#include "transformer/random_weights.h"

namespace kandinsky {
namespace {

using testing::Golden;
using testing::max_difference;

class NetworkTest : public ::testing::TestWithParam<std::string> {
 protected:
  NetworkTest()
      : golden_("transformer/" + GetParam() + ".safetensors"),
        config_(testing::golden_config(golden_.info())),
        network_(testing::golden_weights(golden_.info(), config_), config_),
        ids_(golden_.tensor("ids").to(at::kLong)) {}

  // Text and image ids of both rows, as the host functions take them.
  std::vector<std::int32_t> part(int first, int count) const {
    const at::Tensor ids = ids_.narrow(1, first, count).to(at::kInt).contiguous();
    return {ids.const_data_ptr<std::int32_t>(), ids.const_data_ptr<std::int32_t>() + ids.numel()};
  }
  std::vector<std::int32_t> texts() const { return part(0, config_.text_length); }
  std::vector<std::int32_t> images() const { return part(config_.text_length, config_.image_length()); }

  c10::InferenceMode inference_;
  Golden golden_;
  TransformerConfig config_;
  Network network_;
  at::Tensor ids_;
};

TEST_P(NetworkTest, Logits) {
  const at::Tensor logits = network_.logits(network_.states(ids_));
  for (const int row : {0, 1}) {
    const std::string suffix = "_row" + std::to_string(row);
    const at::Tensor positions = golden_.tensor("positions" + suffix).to(at::kLong);
    EXPECT_LT(max_difference(logits[row].index_select(0, positions), golden_.tensor("logits" + suffix)), 2e-5);
  }
}

TEST_P(NetworkTest, CachedLogits) {
  const at::Tensor logits = network_.logits(network_.states(ids_));
  const int n = config_.image_length();
  EXPECT_LT(max_difference(logits.select(1, network_.predicting(0)), golden_.tensor("cached_logits_first")), 2e-5);
  EXPECT_LT(max_difference(logits.narrow(1, network_.predicting(n - 5), 5), golden_.tensor("cached_logits_last5")),
            2e-5);
}

class NetworkLayersTest : public NetworkTest {};

TEST_P(NetworkLayersTest, Outputs) {
  std::vector<at::Tensor> outputs;
  network_.states(ids_, &outputs);
  const at::Tensor expected = golden_.tensor("layer_outputs_row0_every8");
  ASSERT_EQ(outputs.size(), config_.layers);
  for (int i = 0; i < config_.layers; ++i)
    EXPECT_LT(max_difference(outputs[i][0].slice(0, 0, std::nullopt, 8), expected[i]), 2e-5) << "layer " << i;
}

TEST_P(NetworkTest, Losses) {
  const std::vector<float> expected = golden_.floats("loss_text_image_total");
  const Losses found = losses(network_, texts(), images());
  EXPECT_NEAR(found.text, expected[0], 1e-5);
  EXPECT_NEAR(found.image, expected[1], 1e-5);
  EXPECT_NEAR(found.total, expected[2], 1e-5);
}

// A shorter sequence, another batch, or other tokens later change nothing before.
TEST_P(NetworkTest, LooksBackOnly) {
  const at::Tensor whole = network_.states(ids_);
  for (const int image : {0, 1, config_.grid + 3, config_.image_length() - 1}) {
    const at::Tensor part = network_.states(ids_.narrow(0, 1, 1).narrow(1, 0, config_.text_length + image));
    EXPECT_EQ(part.size(1), config_.text_length + image + (config_.version == 2 ? 1 : 0));
    EXPECT_LT(max_difference(part[0], whole[1].narrow(0, 0, part.size(1))), 1e-5) << image;
  }
}

TEST_P(NetworkTest, HostLogitsAreTheNetworks) {
  const auto text = texts();
  const auto image = images();
  const std::span<const std::int32_t> first_text(text.data(), config_.text_length);
  const std::vector<float> found = logits(network_, first_text, {image.data(), 11});
  const at::Tensor expected =
      network_.logits(network_.states(ids_.narrow(0, 0, 1).narrow(1, 0, config_.text_length + 11)))[0].contiguous();
  EXPECT_EQ(found,
            std::vector<float>(expected.const_data_ptr<float>(), expected.const_data_ptr<float>() + expected.numel()));
}

INSTANTIATE_TEST_SUITE_P(, NetworkTest, ::testing::ValuesIn(testing::golden_transformers()),
                         [](const auto& info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(, NetworkLayersTest, ::testing::Values("v2_sandwich_relax_d8", "v3_sandwich_relax_d8"),
                         [](const auto& info) { return info.param; });

TEST(NetworkSizesTest, TakesTheRealSizes) {
  for (const char* name : {"kandinsky", "malevich", "malevich-v2"}) {
    const TransformerConfig config = *TransformerConfig::preset(name);
    const Weights weights([](const std::string&, at::IntArrayRef shape) {
      return at::empty(shape, at::TensorOptions().device(at::kMeta).dtype(at::kHalf));
    });
    const Network network(TransformerWeights::load(weights, config), config);
    EXPECT_TRUE(network.device().is_meta());
    EXPECT_EQ(network.predicting(0), config.version == 2 ? 128 : 127);
  }
}

// Zeros in the middle of a text are padding too, each with its position's own token; image id 0 is an id like
// others.
TEST(NetworkTextTest, ZerosBecomeTheirPositionsPadding) {
  TransformerConfig config{2, 16, 2, 6, 4, 30, 20, 3, true, true};
  const at::Tensor ids = at::tensor({5, 0, 7, 0, 0, 29}, at::kLong).unsqueeze(0);
  const at::Tensor expected = at::tensor({5, 25, 7, 27, 28, 29}, at::kLong).unsqueeze(0);
  EXPECT_TRUE(pad_text(ids, config).equal(expected));
  config.version = 2;
  const Network network(testing::random_transformer(config), config);
  EXPECT_TRUE(network.text_tokens(ids).equal(at::tensor({2, 5, 25, 7, 27, 28, 29}, at::kLong).unsqueeze(0)));
}

class HostFunctionsTest : public ::testing::Test {
 protected:
  std::string message(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "";
  }

  const TransformerConfig config_{2, 16, 2, 6, 4, 30, 40, 3, true, true};
  const Network network_{testing::random_transformer(config_), config_};
  std::vector<std::int32_t> text_ = {2, 5, 3, 0, 0, 0};
  std::vector<std::int32_t> image_ = std::vector<std::int32_t>(16, 7);
};

TEST_F(HostFunctionsTest, RefuseWhatDoesNotFit) {
  EXPECT_EQ(message([&] { losses(network_, text_, image_); }), "");
  EXPECT_EQ(message([&] { losses(network_, {}, {}); }), "text: 0 ids, expected a multiple of 6");
  EXPECT_EQ(message([&] { losses(network_, {text_.data(), 5}, image_); }), "text: 5 ids, expected a multiple of 6");
  EXPECT_EQ(message([&] {
              losses(network_, text_, {image_.data(), 15});
            }),
            "image: 15 ids, expected 16 for each of 1 texts");
  EXPECT_EQ(message([&] { perplexity(network_, text_, {}); }), "image: 0 ids, expected 16 for each of 1 texts");
  std::vector<std::int32_t> long_image(17, 7);
  EXPECT_EQ(message([&] { logits(network_, text_, long_image); }), "image: 17 ids, expected 16 at most");
  EXPECT_EQ(logits(network_, text_, {}).size(), 6u * 70);
  text_[2] = 30;
  EXPECT_EQ(message([&] { logits(network_, text_, image_); }), "text: id 30 is not in 0..29");
  text_[2] = 3;
  image_[15] = 40;
  EXPECT_EQ(message([&] { perplexity(network_, text_, image_); }), "image: id 40 is not in 0..39");
  image_[15] = -1;
  EXPECT_EQ(message([&] { losses(network_, text_, image_); }), "image: id -1 is not in 0..39");
}

TEST_F(HostFunctionsTest, FirstImageIdMustBeATextIdForLosses) {
  image_[0] = 35;
  EXPECT_EQ(message([&] { losses(network_, text_, image_); }),
            "image: its first id, 35, is scored as a text id and must be below 30");
  EXPECT_GT(perplexity(network_, text_, image_), 1);
  TransformerConfig config = config_;
  config.version = 2;
  const Network version_2(testing::random_transformer(config), config);
  EXPECT_GT(losses(version_2, text_, image_).total, 0);
}

class NanoNetworkTest : public ::testing::Test {
 protected:
  c10::InferenceMode inference_;
  const Network network_{testing::nano_weights(), testing::nano_config};
  const Golden golden_{"nano/transformer/teacher_forced.safetensors"};
};

TEST_F(NanoNetworkTest, Logits) {
  for (int i = 0; i < 3; ++i) {
    const std::string name = std::to_string(i) + ".";
    const at::Tensor ids = golden_.tensor(name + "input_ids").to(at::kLong).unsqueeze(0);
    const at::Tensor states = network_.states(ids)[0];
    const at::Tensor image = network_.image_logits(states.narrow(0, network_.predicting(0), 256));
    EXPECT_LT(max_difference(image.logsumexp(-1), golden_.tensor(name + "image_logsumexp")), 1e-4);
    const at::Tensor best = golden_.tensor(name + "top8_ids").to(at::kLong);
    EXPECT_LT(max_difference(image.gather(1, best), golden_.tensor(name + "top8_values")), 1e-4);
    EXPECT_LT(max_difference(std::get<0>(image.topk(8)), golden_.tensor(name + "top8_values")), 1e-4);
    const at::Tensor text = network_.text_logits(states.narrow(0, 0, 31));
    EXPECT_LT(max_difference(text.logsumexp(-1), golden_.tensor(name + "text_logsumexp")), 1e-4);
    const at::Tensor best_text = golden_.tensor(name + "text_top2_ids").to(at::kLong);
    EXPECT_LT(max_difference(text.gather(1, best_text), golden_.tensor(name + "text_top2_values")), 1e-4);
  }
}

TEST_F(NanoNetworkTest, LossesAndPerplexity) {
  for (int i = 0; i < 3; ++i) {
    const nlohmann::json& expected = golden_.info().at("cases")[i];
    const std::vector<std::int32_t> ids = golden_.ints(std::to_string(i) + ".input_ids");
    const std::span<const std::int32_t> text(ids.data(), 32), image(ids.data() + 32, 256);
    const Losses found = losses(network_, text, image);
    EXPECT_NEAR(found.text, expected.at("loss").at("text").get<double>(), 1e-5);
    EXPECT_NEAR(found.image, expected.at("loss").at("image").get<double>(), 1e-5);
    EXPECT_NEAR(found.total, expected.at("loss").at("total").get<double>(), 1e-5);
    const double ppl = expected.at("ppl");
    EXPECT_NEAR(perplexity(network_, text, image) / ppl, 1, 1e-3);
  }
}

}  // namespace
}  // namespace kandinsky
