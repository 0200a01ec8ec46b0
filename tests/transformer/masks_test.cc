#include "transformer/masks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "transformer/golden_transformer.h"

namespace kandinsky {
namespace {

class MasksTest : public ::testing::TestWithParam<std::string> {};

// The goldens' masks cover text and image; text is seen causally.
TEST_P(MasksTest, AreTheReferences) {
  const testing::Golden golden("transformer/" + GetParam() + ".safetensors");
  const TransformerConfig config = testing::golden_config(golden.info());
  const int text = config.text_length;
  const int size = text + config.image_length();
  const std::pair<const char*, MaskKind> kinds[] = {
      {"mask_row", MaskKind::row}, {"mask_col", MaskKind::column}, {"mask_conv", MaskKind::convolution}};
  for (const auto& [name, kind] : kinds) {
    const std::vector<bool> expected = golden.bits(name, std::size_t(size) * size);
    int wrong = 0;
    for (int query = 0; query < size; ++query) {
      for (int key = 0; key < size; ++key) {
        bool found = key <= query;
        if (query >= text && key >= text) found = visible(kind, config.version, config.grid, query - text, key - text);
        wrong += found != expected[std::size_t(query) * size + key];
      }
    }
    EXPECT_EQ(wrong, 0) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(, MasksTest,
                         ::testing::Values("v2_sandwich_relax_d8", "v2_sandwich_relax_d12", "v3_sandwich_relax_d8",
                                           "v3_sandwich_relax_d12"),
                         [](const auto& info) { return info.param; });

TEST(VisibleKeys, AreThoseThatAreVisible) {
  for (const int version : {2, 3})
    for (const int grid : {1, 4, 8, 12, 32})
      for (const MaskKind kind : {MaskKind::row, MaskKind::column, MaskKind::convolution})
        for (int r = 0; r < grid * grid; ++r) {
          std::vector<int> expected;
          for (int p = 0; p < grid * grid; ++p)
            if (visible(kind, version, grid, r, p)) expected.push_back(p);
          EXPECT_EQ(visible_keys(kind, version, grid, r), expected) << version << " " << grid << " " << r;
        }
}

TEST(MaskKindTest, IsTheReferences) {
  for (const std::string& name : testing::golden_transformers()) {
    const testing::Golden golden("transformer/" + name + ".safetensors");
    const auto& kinds = golden.info().at("layer_masks");
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const MaskKind kind = mask_kind(static_cast<int>(i), static_cast<int>(kinds.size()));
      const char* found = kind == MaskKind::row ? "row" : kind == MaskKind::column ? "col" : "conv";
      EXPECT_EQ(found, kinds[i]) << name << " layer " << i;
    }
  }
}

}  // namespace
}  // namespace kandinsky
