// The table of seeded values in tests/data/goldens/README.md: all golden networks are built on them.
#include "support/seeded.h"

#include <gtest/gtest.h>

namespace kandinsky::testing {
namespace {

struct Row {
  std::string salt;
  std::string name;
  std::vector<std::int64_t> shape;
  std::uint64_t h0;
  std::uint64_t h1;
  std::vector<float> first;
  float last;
  nlohmann::json affine;
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"v3_sandwich_relax_d8/1",
       "text_embeddings.weight",
       {80, 48},
       0x71a642f028b80e94,
       0x33415d1cdc321b89,
       {-0.0560568571f, -0.299783885f, -0.162807882f},
       0.325710297f,
       nlohmann::json::array()},
      {"v3_sandwich_relax_d8/1",
       "transformer.layers.0.attention.query_key_value.weight",
       {144, 48},
       0xb6ff079461ce2bab,
       0x400304407a598bab,
       {0.107414454f, -0.124976993f, 0.205857515f},
       0.133263081f,
       nlohmann::json::array()},
      {"v3_sandwich_relax_d8/1",
       "transformer.final_layernorm.weight",
       {48},
       0x7c69dd17cd100217,
       0xfec52b978a0e2589,
       {0.996497571f, 1.12379897f, 0.943876028f},
       0.977355301f,
       nlohmann::json::array()},
      {"v3_sandwich_relax_d8/1",
       "to_logits.1.bias",
       {176},
       0x98a775d22b53d908,
       0xce8c77e7ef006da6,
       {0.0240762979f, 0.0767077059f, -0.0184922218f},
       -0.080002442f,
       nlohmann::json::array()},
      {"vqgan_plain/1",
       "decoder.conv_out.weight",
       {3, 32, 3, 3},
       0xb936ecce631e46d1,
       0x506ce6ab1fc30b63,
       {0.0228102915f, -0.0189670473f, 0.0433360934f},
       0.0441221371f,
       nlohmann::json::parse(R"([["decoder.conv_out.weight", 0.5, 0]])")},
  };
  return rows;
}

TEST(Seeded, HashesOfTheTable) {
  for (const Row& row : table()) {
    const std::string key = row.salt + ":" + row.name;
    EXPECT_EQ(seeded_hash(key, 0), row.h0) << key;
    EXPECT_EQ(seeded_hash(key, 1), row.h1) << key;
  }
}

TEST(Seeded, WeightsOfTheTable) {
  for (const Row& row : table()) {
    const nlohmann::json info = {{"salt", row.salt}, {"affine", row.affine}};
    const at::Tensor weight = seeded_weight(info, row.name, row.shape);
    ASSERT_EQ(weight.sizes().vec(), row.shape);
    const float* values = weight.const_data_ptr<float>();
    for (std::size_t i = 0; i < row.first.size(); ++i) EXPECT_EQ(values[i], row.first[i]) << row.name << " " << i;
    EXPECT_EQ(values[weight.numel() - 1], row.last) << row.name;
  }
}

TEST(Seeded, InputsUseTheSameHash) {
  const std::string key = "sampler/flat/1:logits";
  const std::vector<float> reals = seeded_reals(key, 3);
  const std::vector<std::int32_t> integers = seeded_ints(key, 3, 41);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::uint64_t h = seeded_hash(key, i);
    EXPECT_EQ(reals[i], static_cast<float>(2.0 * static_cast<double>(h >> 40) / 16777216.0 - 1.0));
    EXPECT_EQ(integers[i], static_cast<std::int32_t>((h >> 33) % 41));
  }
}

TEST(Seeded, ScalarsAreOneConstant) {
  const at::Tensor scale = seeded_weight({{"salt", "any"}}, "logit_scale", {});
  EXPECT_EQ(scale.dim(), 0);
  EXPECT_EQ(*scale.const_data_ptr<float>(), 2.65926003f);
}

}  // namespace
}  // namespace kandinsky::testing
