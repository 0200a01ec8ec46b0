#include "transformer/config.h"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "kandinsky/checkpoint.h"
#include "transformer/golden_transformer.h"

namespace kandinsky {
namespace {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

Shapes shapes_of(const TransformerConfig& config) {
  Shapes shapes;
  TransformerWeights::load(Weights([&](const std::string& name, at::IntArrayRef shape) {
                             shapes[name] = shape.vec();
                             return at::Tensor();
                           }),
                           config);
  return shapes;
}

// A safetensors file of zeros.
class TensorFile {
 public:
  explicit TensorFile(const Shapes& shapes, const std::string& dtype = "F16") {
    nlohmann::json header;
    std::size_t end = 0;
    for (const auto& [name, shape] : shapes) {
      const std::size_t first = end;
      std::size_t count = dtype == "BOOL" || dtype == "I8" ? 1 : 2;
      for (const std::int64_t n : shape) count *= n;
      end += count;
      header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {first, end}}};
    }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    bytes_.resize(8 + text.size() + end);
    std::memcpy(bytes_.data(), &length, 8);
    std::memcpy(bytes_.data() + 8, text.data(), text.size());
  }
  Checkpoint open() const { return Checkpoint::from_memory(bytes_, "model"); }

 private:
  std::vector<std::byte> bytes_;
};

TransformerConfig small() { return {5, 48, 3, 16, 8, 80, 96, 3, true, true}; }

std::filesystem::path write(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / name;
  std::ofstream(path) << text;
  return path;
}

std::string message(const std::function<void()>& body, ErrorCode expected = ErrorCode::bad_file) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    return error.what();
  }
  return "";
}

void expect_equal(const TransformerConfig& a, const TransformerConfig& b) {
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.hidden, b.hidden);
  EXPECT_EQ(a.heads, b.heads);
  EXPECT_EQ(a.text_length, b.text_length);
  EXPECT_EQ(a.grid, b.grid);
  EXPECT_EQ(a.text_vocab, b.text_vocab);
  EXPECT_EQ(a.image_vocab, b.image_vocab);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.sandwich, b.sandwich);
  EXPECT_EQ(a.relax, b.relax);
}

TEST(TransformerConfigTest, CountsTheParametersOfTheRealSizes) {
  const nlohmann::json counts = testing::read_json(testing::golden_path("counts.json"));
  const std::pair<const char*, const char*> cases[] = {{"kandinsky", "Kandinsky 12B"},
                                                       {"malevich", "Malevich 1.3B (XL)"},
                                                       {"surrealist", "Malevich 1.3B (XL)"},
                                                       {"malevich-v2", "Malevich 1.3B (XL)"},
                                                       {"emojich", "Malevich 1.3B (XL)"}};
  for (const auto& [name, golden] : cases) {
    const TransformerConfig config = *TransformerConfig::preset(name);
    const std::int64_t expected = counts.at(golden).at("parameters");
    EXPECT_EQ(config.parameter_count(), expected) << name;
    // The network's own tensors, without memory behind them.
    std::int64_t elements = 0;
    std::size_t tensors = 0;
    TransformerWeights::load(Weights([&](const std::string&, at::IntArrayRef shape) {
                               at::Tensor made = at::empty(shape, at::TensorOptions().device(at::kMeta));
                               elements += made.numel();
                               ++tensors;
                               return made;
                             }),
                             config);
    EXPECT_EQ(elements, expected) << name;
    EXPECT_EQ(tensors + 3, counts.at(golden).at("tensors")) << name << ", with the three masks";
  }
}

TEST(TransformerConfigTest, CountsWithoutSandwich) {
  TransformerConfig config = small();
  config.sandwich = false;
  std::int64_t elements = 0;
  for (const auto& [name, shape] : shapes_of(config)) {
    std::int64_t count = 1;
    for (const std::int64_t n : shape) count *= n;
    elements += count;
  }
  EXPECT_EQ(config.parameter_count(), elements);
}

TEST(TransformerConfigTest, PresetsAreKnownByName) {
  EXPECT_EQ(TransformerConfig::preset("emojich")->version, 2);
  EXPECT_EQ(TransformerConfig::preset("malevich-v2")->version, 2);
  EXPECT_EQ(TransformerConfig::preset("malevich")->version, 3);
  EXPECT_EQ(TransformerConfig::preset("kandinsky")->head_size(), 64);
  EXPECT_EQ(TransformerConfig::preset("malevich")->head_size(), 128);
  EXPECT_FALSE(TransformerConfig::preset("kandinsky2"));
}

TEST(TransformerConfigTest, DetectsTheBundledModel) {
  expect_equal(TransformerConfig::detect(Checkpoint::open(testing::nano_path("rudalle_kandinsky.bin"))),
               testing::nano_config);
}

TEST(TransformerConfigTest, DetectsFromShapesAndAConfigFile) {
  TransformerConfig config = small();
  const auto file = write("all.json", R"({"heads": 4, "version": 2, "relax": false, "layers": 5, "sandwich": true})");
  config.heads = 4;
  config.version = 2;
  config.relax = false;
  expect_equal(TransformerConfig::detect(TensorFile(shapes_of(config)).open(), file), config);

  config.sandwich = false;
  const auto heads = write("heads.json", R"({"heads": 6})");
  config.heads = 6;
  config.version = 3;
  config.relax = true;
  expect_equal(TransformerConfig::detect(TensorFile(shapes_of(config)).open(), heads), config);

  config.hidden = 128;
  config.heads = 2;
  expect_equal(TransformerConfig::detect(TensorFile(shapes_of(config)).open()), config);
}

TEST(TransformerConfigTest, ExtraTensorsDoNotMatter) {
  TransformerConfig config = small();
  config.hidden = 64;
  config.heads = 1;
  Shapes shapes = shapes_of(config);
  shapes["transformer.row_mask"] = {80, 80};
  shapes["optimizer.step"] = {};
  expect_equal(TransformerConfig::detect(TensorFile(shapes).open()), config);
}

TEST(TransformerConfigTest, NamesTheTensorThatDoesNotFit) {
  TransformerConfig config = small();
  config.hidden = 64;
  config.heads = 1;
  const Shapes good = shapes_of(config);
  const auto changed = [&](const std::string& name, std::optional<std::vector<std::int64_t>> shape) {
    Shapes shapes = good;
    shapes.erase(name);
    if (shape) shapes[name] = *shape;
    const TensorFile file(shapes);
    return message([&] { TransformerConfig::detect(file.open()); });
  };
  EXPECT_EQ(changed("text_embeddings.weight", std::nullopt), "model: there is no tensor 'text_embeddings.weight'");
  EXPECT_EQ(changed("text_embeddings.weight", {{64}}),
            "model: tensor 'text_embeddings.weight' has shape [64], expected 2 dimensions");
  EXPECT_EQ(changed("image_embeddings.weight", {{96, 63}}),
            "model: tensor 'image_embeddings.weight' has shape [96, 63], expected [96, 64]");
  EXPECT_EQ(changed("image_col_embeddings.weight", {{9, 64}}),
            "model: tensor 'image_col_embeddings.weight' has shape [9, 64], expected [8, 64]");
  EXPECT_EQ(changed("transformer.layers.3.mlp.dense_h_to_4h.bias", std::nullopt),
            "model: there is no tensor 'transformer.layers.3.mlp.dense_h_to_4h.bias'");
  EXPECT_EQ(changed("to_logits.1.weight", {{80 + 95, 64}}),
            "model: tensor 'to_logits.1.weight' has shape [175, 64], expected [176, 64]");
  EXPECT_EQ(changed("text_pos_embeddings.weight", {{0, 64}}), "model: text_length is -1, expected 1..4096");
  EXPECT_EQ(changed("text_pos_embeddings.weight", {{81, 64}}),
            "model: text_vocab is 80, expected 81 or more for texts of 80");
  EXPECT_EQ(changed("transformer.layers.x.bias", {{1}}), "model: tensor 'transformer.layers.x.bias' is of no layer");
  EXPECT_EQ(changed("transformer.layers.7.extra", {{1}}),
            "model: there is no tensor 'transformer.layers.5.input_layernorm.weight'");
  EXPECT_EQ(changed("transformer.layers.99999.extra", {{1}}), "model: layers is 100000, expected 1..1024");
  EXPECT_EQ(changed("text_embeddings.weight", {{std::int64_t{1} << 40, 0}}), "model: hidden is 0, expected 1..65536");

  EXPECT_EQ(message([&] {
              TransformerConfig::detect(TensorFile({{"other", {1}}}).open());
            }),
            "model: there is no tensor 'text_embeddings.weight'");
  EXPECT_EQ(message([&] { TransformerConfig::detect(TensorFile(good, "BOOL").open()); }),
            "model: tensor 'text_embeddings.weight' is bool, expected floating-point numbers");
  EXPECT_NE(message([&] { TransformerConfig::detect(TensorFile(shapes_of(small())).open()); }).find("\"heads\""),
            std::string::npos);
}

TEST(TransformerConfigTest, NamesTheFieldThatDoesNotFit) {
  TransformerConfig config = small();
  config.hidden = 64;
  config.heads = 1;
  const TensorFile file(shapes_of(config));
  const auto with = [&](const std::string& text) {
    const auto path = write("bad.json", text);
    std::string found = message([&] { TransformerConfig::detect(file.open(), path); });
    const std::string prefix = path.string() + ": ";
    EXPECT_TRUE(found.starts_with(prefix)) << found;
    return found.substr(std::min(prefix.size(), found.size()));
  };
  EXPECT_EQ(with(R"({"heads": 5})"), "hidden is 64, expected a multiple of heads, 5");
  EXPECT_EQ(with(R"({"heads": 0})"), "heads is 0, expected 1..1024");
  EXPECT_EQ(with(R"({"version": 4})"), "version is 4, expected 2..3");
  EXPECT_EQ(with(R"({"layers": 6})"), "layers is 6, but the tensors' shapes say 5");
  EXPECT_EQ(with(R"({"sandwich": false})"), "sandwich is false, but the tensors' names say true");
  EXPECT_EQ(with(R"({"heads": "4"})"), "heads is \"4\", expected a whole number from 0");
  EXPECT_EQ(with(R"({"heads": -4})"), "heads is -4, expected a whole number from 0");
  EXPECT_EQ(with(R"({"heads": 1e99})"), "heads is 1e+99, expected a whole number from 0");
  EXPECT_EQ(with(R"({"heads": 18446744073709551615})"),
            "heads is 18446744073709551615, expected a whole number from 0");
  EXPECT_EQ(with(R"({"relax": 1})"), "relax is 1, expected true or false");
  EXPECT_EQ(with(R"({"relax": [1]})"), "relax is array, expected true or false");
  EXPECT_NE(with(R"({"head": 1})").find("unknown field \"head\""), std::string::npos);
  EXPECT_EQ(with("[1]"), "is not a JSON object");
  EXPECT_EQ(with("{"), "is not a JSON object");
  EXPECT_EQ(with(std::string((1 << 20) + 1, ' ')), "is too large for a transformer's config");
  message([&] { TransformerConfig::detect(file.open(), "/no/such/config.json"); }, ErrorCode::not_found);
}

TEST(TransformerConfigTest, ChecksGivenConfigurations) {
  const auto with = [](auto change) {
    TransformerConfig config = small();
    change(config);
    return message([&] { check(config, ErrorCode::invalid_argument, "config"); }, ErrorCode::invalid_argument);
  };
  EXPECT_EQ(with([](auto&) {}), "");
  EXPECT_EQ(with([](auto& c) { c.grid = 129; }), "config: grid is 129, expected 2..128");
  EXPECT_EQ(with([](auto& c) { c.image_vocab = 0; }), "config: image_vocab is 0, expected 1..1048576");
  EXPECT_EQ(with([](auto& c) { c.heads = 5; }), "config: hidden is 48, expected a multiple of heads, 5");
  EXPECT_EQ(with([](auto& c) { c.text_vocab = 16; }), "config: text_vocab is 16, expected 17 or more for texts of 16");
}

}  // namespace
}  // namespace kandinsky
