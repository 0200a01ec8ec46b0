#include "kandinsky/vqgan.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "kandinsky/error.h"
#include "support/compare.h"
#include "support/golden.h"
#include "vision/networks.h"
#include "vqgan/network.h"

namespace kandinsky {
namespace {

using testing::Golden;
using testing::max_difference;

VqganConfig config_of(const nlohmann::json& info) {
  const auto& dd = info.at("ddconfig");
  VqganConfig c;
  c.channels = dd.at("ch");
  c.channel_multipliers = dd.at("ch_mult").get<std::vector<int>>();
  c.residual_blocks = dd.at("num_res_blocks");
  c.attention_resolutions = dd.at("attn_resolutions").get<std::vector<int>>();
  c.resolution = dd.at("resolution");
  c.z_channels = dd.at("z_channels");
  c.embed_dim = info.at("embed_dim");
  c.codebook_size = info.at("n_embed");
  c.wavelet = info.at("dwt");
  return c;
}

// Ids may differ where the two best candidates are closer than rounding.
void expect_ids(const at::Tensor& found, const at::Tensor& expected, const at::Tensor& gap) {
  const at::Tensor wrong = found.to(at::kInt).ne(expected).logical_and(gap.gt(1e-5));
  EXPECT_EQ(wrong.sum().item<std::int64_t>(), 0);
}

class VqganGoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(VqganGoldenTest, EncodesAndDecodes) {
  const at::InferenceMode inference;
  const Golden golden(std::string("vqgan/") + GetParam() + ".safetensors");
  const VqganConfig config = config_of(golden.info());
  const vqgan::Network network(testing::seeded_weights(golden.info()), config, true);
  for (const char* input : {"image", "strip"}) {
    const std::string prefix = input == std::string("image") ? "" : "strip_";
    const at::Tensor features = network.features(golden.tensor(input));
    EXPECT_LT(max_difference(features, golden.tensor(prefix + "features")), 2e-5);
    expect_ids(at::argmax(network.scores(features), 1), golden.tensor(prefix + "ids"), golden.tensor(prefix + "gap"));
  }
  const std::int64_t side = config.resolution >> (config.channel_multipliers.size() - 1);
  const at::Tensor random = golden.tensor("random_ids").to(at::kLong).view({-1, side, side});
  const at::Tensor decoded = network.decode(random);
  EXPECT_LT(max_difference(decoded.slice(0, 0, 1), golden.tensor("raw_decoded")), 5e-5);
  EXPECT_LT(max_difference(decoded.clamp(-1, 1).add(1).div(2), golden.tensor("decoded")), 3e-5);
  const at::Tensor encoded = network.decode(golden.tensor("ids").slice(0, 0, 1).to(at::kLong));
  EXPECT_LT(max_difference(encoded.clamp(-1, 1).add(1).div(2), golden.tensor("decoded_encoded")), 3e-5);
}

// The public class, with the decoder that it chooses, and its 8-bit pictures.
TEST_P(VqganGoldenTest, DecodesToPictures) {
  const Golden golden(std::string("vqgan/") + GetParam() + ".safetensors");
  const VqganConfig config = config_of(golden.info());
  const std::string file =
      testing::seeded_file(golden.info(), [&](const Weights& weights) { vqgan::Network(weights, config, true); });
  const VqganDecoder model =
      VqganDecoder::load(Checkpoint::from_memory(std::as_bytes(std::span(file))), config, {.device = "cpu"});
  const int side = config.resolution >> (config.channel_multipliers.size() - 1);
  const std::vector<Image> found = model.decode(golden.ints("random_ids"), side, side);
  const at::Tensor expected = golden.tensor("decoded").mul(255).to(at::kByte).permute({0, 2, 3, 1}).contiguous();
  ASSERT_EQ(static_cast<std::int64_t>(found.size()), expected.size(0));
  for (std::size_t i = 0; i < found.size(); ++i) {
    const at::Tensor one = expected[static_cast<std::int64_t>(i)];
    const auto* pixels = one.const_data_ptr<std::uint8_t>();
    const Image picture(static_cast<int>(one.size(1)), static_cast<int>(one.size(0)), {pixels, pixels + one.numel()});
    const auto d = testing::difference(found[i], picture);
    EXPECT_LE(d.largest, 1) << i;
    EXPECT_LT(d.share, 1e-3) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, VqganGoldenTest, ::testing::Values("attn2", "dwt", "f8", "plain"),
                         [](const auto& info) { return std::string(info.param); });

TEST(VqganTest, InverseHaar) {
  const Golden golden("vqgan/dwt.safetensors");
  EXPECT_LT(max_difference(vqgan::inverse_haar(golden.tensor("freq")), golden.tensor("idwt")), 1e-6);
}

TEST(VqganTest, RealSizes) {
  const auto counts = testing::read_json(testing::golden_path("counts.json"));
  VqganConfig config;
  testing::Count f8, f8_large, wavelet, decoder;
  vqgan::Network(testing::counted_weights(f8), config, true);
  EXPECT_EQ(f8.parameters, counts.at("VQGAN f8 n_embed 8192").at("parameters").get<std::int64_t>());
  EXPECT_EQ(f8.tensors, counts.at("VQGAN f8 n_embed 8192").at("tensors").get<int>());
  vqgan::Decoder(testing::counted_weights(decoder), config);
  EXPECT_EQ(decoder.parameters, counts.at("VQGAN f8 decoder").at("parameters").get<std::int64_t>());
  config.codebook_size = 16384;
  vqgan::Network(testing::counted_weights(f8_large), config, true);
  EXPECT_EQ(f8_large.parameters, counts.at("VQGAN f8 n_embed 16384").at("parameters").get<std::int64_t>());
  config.codebook_size = 8192;
  config.wavelet = true;
  vqgan::Network(testing::counted_weights(wavelet), config, true);
  // The reference's wavelet model carries a post_quant_conv beside decoder.post_quant_conv that nothing reads.
  const std::int64_t unused = config.embed_dim * config.z_channels + config.z_channels;
  EXPECT_EQ(wavelet.parameters + unused, counts.at("VQGAN f8 DWT n_embed 8192").at("parameters").get<std::int64_t>());
}

class NanoVqganTest : public ::testing::Test {
 protected:
  static const VqganDecoder& model() {
    static const VqganDecoder decoder =
        VqganDecoder::load(testing::nano_path("vae/vqgan.gumbelf8.model.ckpt"), {.device = "cpu"});
    return decoder;
  }
};

TEST_F(NanoVqganTest, PicturesOfTheReference) {
  const Golden golden("nano/vqgan/cases.safetensors");
  for (const std::string name : {"d0", "e0", "e1", "e2"}) {
    const auto ids = golden.ints(name + ".ids");
    const auto found = model().encode(Image::load(testing::golden_path("nano/pictures/" + name + ".png")));
    const auto gap = golden.floats(name + ".gap");
    ASSERT_EQ(found.size(), ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_TRUE(found[i] == ids[i] || gap[i] < 1e-4) << name << " " << i;
    const auto d = testing::difference(model().decode(ids),
                                       Image::load(testing::golden_path("nano/vqgan/" + name + "_decoded.png")));
    EXPECT_LE(d.largest, 1) << name;
    EXPECT_LT(d.share, 1e-3) << name;
  }
}

TEST_F(NanoVqganTest, BatchAndThreadsChangeNothing) {
  const Golden golden("nano/vqgan/cases.safetensors");
  std::vector<std::int32_t> all;
  for (const std::string name : {"d0", "e0", "e1"}) {
    const auto ids = golden.ints(name + ".ids");
    all.insert(all.end(), ids.begin(), ids.end());
  }
  const auto together = model().decode(all, 16, 16, 8);
  const VqganDecoder one =
      VqganDecoder::load(testing::nano_path("vae/vqgan.gumbelf8.model.ckpt"), {.device = "cpu", .threads = 1});
  const auto alone = one.decode(all, 16, 16, 1);
  ASSERT_EQ(together.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_LE(testing::difference(together[i], alone[i]).largest, 1);
  EXPECT_EQ(model().decode(std::span(all).first(32), 2, 16)[0].width(), 128);
}

TEST_F(NanoVqganTest, RefusesWhatDoesNotFit) {
  const auto message = [](auto body) -> std::string {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "";
  };
  std::vector<std::int32_t> ids(256);
  EXPECT_EQ(message([&] { model().decode(std::span(ids).first(255)); }), "tokens: 255 ids are no square");
  EXPECT_EQ(message([&] { model().decode(ids, 16, 15); }), "tokens: 256 ids, expected a multiple of 16 x 15");
  EXPECT_EQ(message([&] { model().decode(ids, 0, 16); }), "grid_height: 0 is not in 1..1024");
  ids[7] = 2048;
  EXPECT_EQ(message([&] { model().decode(ids); }), "tokens: id 2048 is not in 0..2047");
  ids[7] = -1;
  EXPECT_EQ(message([&] { model().decode(ids); }), "tokens: id -1 is not in 0..2047");
  EXPECT_EQ(message([&] { model().encode(Image(130, 128)); }), "image: 130 x 128 pixels, expected multiples of 8");
  EXPECT_EQ(message([&] { model().encode(Image()); }), "image: 0 x 0 pixels, expected multiples of 8");
}

TEST_F(NanoVqganTest, Cancels) {
  const std::vector<std::int32_t> ids(3 * 256);
  int calls = 0;
  try {
    model().decode(ids, 16, 16, 1, [&](const Progress& p) {
      EXPECT_EQ(p.stage, Stage::decoding);
      EXPECT_EQ(p.steps, 3);
      return ++calls < 2;
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
  EXPECT_EQ(calls, 2);
}

TEST(VqganConfigTest, ReadsAndRefuses) {
  const VqganConfig nano = VqganConfig::load(testing::nano_path("vae/config.json"));
  EXPECT_EQ(nano.channels, 32);
  EXPECT_EQ(nano.codebook_size, 2048);
  EXPECT_EQ(nano.downsampling(), 8);
  const auto path = std::filesystem::temp_directory_path() / "kandinsky-vqgan-config.json";
  const auto message = [&](const std::string& text) -> std::string {
    std::ofstream(path) << text;
    try {
      VqganConfig::load(path);
    } catch (const Error& error) {
      return std::string(error.what()).substr(path.string().size());
    }
    return "";
  };
  EXPECT_EQ(message("[]"), ": not a JSON object");
  EXPECT_EQ(message("{"), ": not a JSON object");
  EXPECT_EQ(message(R"({"n_embed": 0})"), ": 'n_embed' must be a whole number from 1 to 1048576");
  EXPECT_EQ(message(R"({"n_embed": 1.5})"), ": 'n_embed' must be a whole number from 1 to 1048576");
  EXPECT_EQ(message(R"({"ddconfig": {"ch": 33}})"), ": 'ch' is 33, expected a multiple of 32");
  EXPECT_EQ(message(R"({"ddconfig": {"ch_mult": []}})"), ": 'ch_mult' must be a list of 1 to 10 whole numbers");
  std::filesystem::remove(path);
}

TEST(VqganLoadTest, NamesWhatIsMissing) {
  try {
    VqganDecoder::load(testing::nano_path("x4/RealESRGAN_x4.pth"), {.device = "cpu"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
    EXPECT_NE(std::string(error.what()).find("there is no tensor 'quantize.embed.weight'"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace kandinsky
