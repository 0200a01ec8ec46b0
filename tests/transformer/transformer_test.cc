#include "kandinsky/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "kandinsky/error.h"
#include "kandinsky/tokenizer.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

using testing::Golden;

class TransformerTest : public ::testing::Test {
 protected:
  static const Transformer& model() {
    static const Transformer loaded = load(Precision::automatic);
    return loaded;
  }
  static Transformer load(Precision precision) {
    TransformerOptions options;
    options.device = "cpu";
    options.precision = precision;
    return Transformer::load(testing::nano_path("rudalle_kandinsky.bin"), options);
  }
  static std::vector<std::int32_t> text(const std::string& prompt) {
    static const Tokenizer tokenizer = Tokenizer::load(testing::nano_path("tokenizer/bpe.model"));
    return tokenizer.encode_for_transformer(prompt, 32);
  }
  static std::string message(const std::vector<std::int32_t>& ids, const DrawOptions& options) {
    try {
      model().draw(ids, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "";
  }
};

TEST_F(TransformerTest, SaysWhatItIs) {
  EXPECT_EQ(model().device(), "cpu");
  EXPECT_EQ(model().precision(), Precision::fp32);
  EXPECT_EQ(model().config().layers, 12);
  EXPECT_EQ(model().parameter_count(), model().config().parameter_count());
}

TEST_F(TransformerTest, PerplexityOnTheWayIsThatOfOneMorePass) {
  DrawOptions options;
  options.images = 3;
  options.seed = 4;
  const auto ids = text("тыква на сером фоне");
  for (const DrawnTokens& drawn : model().draw(ids, options))
    EXPECT_NEAR(drawn.ppl / model().ppl(ids, drawn.tokens), 1, 1e-4);
}

TEST_F(TransformerTest, HalfPrecisionsDraw) {
  const Golden golden("nano/greedy/cases.safetensors");
  const auto expected = golden.ints("0.ids");
  DrawOptions options;
  options.sampling.greedy = true;
  const auto ids = text(golden.info().at("cases")[0].at("text"));
  // The file holds fp16: nothing is lost.
  EXPECT_EQ(load(Precision::fp16).draw(ids, options)[0].tokens, expected);
  const auto brain = load(Precision::bf16).draw(ids, options)[0];
  EXPECT_EQ(brain.tokens.size(), 256u);
  EXPECT_LT(model().ppl(ids, brain.tokens), 2.5);  // another picture at most, and as likely a one: the golden's is 1.63
}

TEST_F(TransformerTest, ForcedIdsStay) {
  DrawOptions options;
  options.forced.assign(256, -1);
  for (int i = 0; i < 64; ++i) options.forced[i * 3] = i * 7;
  const auto drawn = model().draw(text("кот"), options)[0];
  for (int i = 0; i < 64; ++i) EXPECT_EQ(drawn.tokens[i * 3], i * 7);
}

TEST_F(TransformerTest, ProgressAndCancel) {
  DrawOptions options;
  options.images = 5;
  options.batch = 2;
  int last = 0;
  options.progress = [&](const Progress& p) {
    EXPECT_EQ(p.stage, Stage::drawing);
    EXPECT_EQ(p.steps, 3 * 256);
    EXPECT_EQ(p.step, last + 1);
    last = p.step;
    return true;
  };
  model().draw(text("кот"), options);
  EXPECT_EQ(last, 3 * 256);
  int calls = 0;
  options.progress = [&](const Progress&) { return ++calls < 10; };
  try {
    model().draw(text("кот"), options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
  EXPECT_EQ(calls, 10);
}

TEST_F(TransformerTest, RefusesWhatDoesNotFit) {
  const auto ids = text("кот");
  const auto with = [&](auto change) {
    DrawOptions options;
    change(options);
    return message(ids, options);
  };
  EXPECT_EQ(with([](auto& o) { o.images = 0; }), "images: 0 is not in 1..1048576");
  EXPECT_EQ(with([](auto& o) { o.batch = 0; }), "batch: 0 is not in 1..4096");
  EXPECT_EQ(with([](auto& o) { o.sampling.top_p = 0; }), "top_p: 0 is not above 0 and at most 1");
  EXPECT_EQ(with([](auto& o) { o.forced.resize(5); }), "forced: 5 ids, expected none or 256");
  EXPECT_EQ(with([](auto& o) { o.forced.assign(256, 2048); }), "forced: id 2048 is not in -1..2047");
  EXPECT_EQ(message(std::vector<std::int32_t>(31), {}), "text: 31 ids, expected 32");
  EXPECT_EQ(message(std::vector<std::int32_t>(32, 2080), {}), "text: id 2080 is not in 0..2079");
  EXPECT_THROW(model().logits(std::vector<std::int32_t>(5), {}), Error);
  EXPECT_THROW(model().ppl(ids, std::vector<std::int32_t>(5)), Error);
  EXPECT_THROW(model().losses(ids, std::vector<std::int32_t>(5)), Error);
}

TEST_F(TransformerTest, RefusesDevicesAndFiles) {
  TransformerOptions options;
  options.device = "tpu";
  EXPECT_THROW(Transformer::load(testing::nano_path("rudalle_kandinsky.bin"), options), Error);
  options.device = "cuda:99";
  EXPECT_THROW(Transformer::load(testing::nano_path("rudalle_kandinsky.bin"), options), Error);
  options.device = "cpu";
  options.threads = -1;
  EXPECT_THROW(Transformer::load(testing::nano_path("rudalle_kandinsky.bin"), options), Error);
  options.threads = 0;
  EXPECT_THROW(Transformer::load(testing::nano_path("vae/vqgan.gumbelf8.model.ckpt"), options), Error);
}

// One model on two threads at once gives what it gives alone.
TEST_F(TransformerTest, TwoThreadsOneModel) {
  DrawOptions options;
  options.images = 2;
  const auto first = text("панда на зеленом фоне"), second = text("снеговик на синем фоне");
  const auto expected_first = model().draw(first, options), expected_second = model().draw(second, options);
  std::vector<DrawnTokens> found;
  std::thread other([&] { found = model().draw(second, options); });
  const auto here = model().draw(first, options);
  other.join();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(here[i].tokens, expected_first[i].tokens);
    EXPECT_EQ(found[i].tokens, expected_second[i].tokens);
  }
}

}  // namespace
}  // namespace kandinsky
