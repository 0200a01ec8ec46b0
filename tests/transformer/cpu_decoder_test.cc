#include "transformer/cpu_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "support/compare.h"
#include "support/golden.h"
#include "support/seeded.h"
#include "transformer/random_weights.h"

namespace kandinsky {
namespace {

using testing::Golden;
using testing::max_difference;

TransformerConfig config_of(const nlohmann::json& info) {
  TransformerConfig c;
  c.layers = info.at("num_layers");
  c.hidden = info.at("hidden_size");
  c.heads = info.at("num_attention_heads");
  c.text_length = info.at("text_seq_length");
  c.grid = info.at("image_tokens_per_dim");
  c.text_vocab = info.at("vocab_size");
  c.image_vocab = info.at("image_vocab_size");
  c.version = info.at("hf_version") == "v2" ? 2 : 3;
  c.sandwich = info.at("cogview_sandwich_layernorm");
  c.relax = info.at("cogview_pb_relax");
  return c;
}

TransformerWeights weights_of(const nlohmann::json& info, const TransformerConfig& config) {
  return TransformerWeights::load(Weights([&](const std::string& name, at::IntArrayRef shape) {
                                    return testing::seeded_weight(info, name, shape);
                                  }),
                                  config);
}

std::vector<std::string> golden_names() {
  return {"v2_plain_norelax_d8",    "v2_plain_relax_d8",     "v2_sandwich_relax_d12",
          "v2_sandwich_relax_d8",   "v3_plain_norelax_d8",   "v3_plain_relax_d8",
          "v3_sandwich_norelax_d8", "v3_sandwich_relax_d12", "v3_sandwich_relax_d8"};
}

class CpuDecoderGoldenTest : public ::testing::TestWithParam<std::string> {};

// Step by step through forced ids: the image part of the reference's cached logits and, at every position, of its
// teacher-forced ones.
TEST_P(CpuDecoderGoldenTest, LogitsOfEveryStep) {
  const Golden golden("transformer/" + GetParam() + ".safetensors");
  const TransformerConfig config = config_of(golden.info());
  const auto weights = weights_of(golden.info(), config);
  const auto ids = golden.ints("ids");
  const int n = config.image_length();
  const int width = config.text_length + n;
  const int vocab = config.text_vocab + config.image_vocab;
  const auto first = golden.floats("cached_logits_first");
  const auto last = golden.floats("cached_logits_last5");
  const auto positions = golden.ints("positions_row0");
  const auto row0 = golden.floats("logits_row0");
  for (const cpu::Kernels* kernels : cpu::available_kernels())
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(std::string(kernels->name) + " " + std::to_string(threads));
      CpuDecoder decoder(std::make_shared<CpuWeights>(weights, config, Precision::fp32), 2, threads, *kernels);
      for (int row = 0; row < 2; ++row) {
        SlotRequest request;
        request.prompt = decoder.prefill({ids.data() + row * width, std::size_t(config.text_length)});
        request.forced.assign(ids.begin() + row * width + config.text_length, ids.begin() + (row + 1) * width);
        decoder.start(row, request);
      }
      std::vector<std::vector<float>> seen[2];
      for (;;) {
        for (int row = 0; row < 2; ++row)
          if (decoder.position(row) > int(seen[row].size())) seen[row].push_back(decoder.newest_logits(row));
        if (decoder.position(0) == n) break;
        decoder.step();
      }
      const auto part = [&](const std::vector<float>& from, std::size_t index) {
        const auto begin = from.begin() + index * vocab + config.text_vocab;
        return std::vector<float>(begin, begin + config.image_vocab);
      };
      for (int row = 0; row < 2; ++row) {
        EXPECT_LT(max_difference(seen[row][0], part(first, row)), 1e-4);
        for (int i = 0; i < 5; ++i) EXPECT_LT(max_difference(seen[row][n - 5 + i], part(last, row * 5 + i)), 1e-4);
      }
      const int before_first = config.text_length - (config.version == 2 ? 0 : 1);
      int compared = 0;
      for (std::size_t i = 0; i < positions.size(); ++i) {
        const int id = positions[i] - before_first;
        if (id < 0 || id >= n) continue;
        EXPECT_LT(max_difference(seen[0][id], part(row0, i)), 1e-4) << id;
        ++compared;
      }
      EXPECT_GT(compared, 10);
    }
}

INSTANTIATE_TEST_SUITE_P(, CpuDecoderGoldenTest, ::testing::ValuesIn(golden_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace kandinsky
