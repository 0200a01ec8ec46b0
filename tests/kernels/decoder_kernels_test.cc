#include "kernels/cpu/decoder_kernels.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/softmax.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/cpu/packed_matrix.h"
#include "support/compare.h"
#include "support/seeded.h"

// Every kernel set that this machine can run against ATen in double precision.
namespace kandinsky::cpu {
namespace {

using testing::max_difference;
using testing::seeded_reals;

at::Tensor tensor(std::vector<float> values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::TensorOptions().dtype(at::kFloat)).clone();
}

class DecoderKernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
};

struct Product {
  int rows, inputs, outputs;
  WeightFormat format;
  Activation activation;
};

std::vector<float> multiply(const Kernels& kernels, const PackedMatrix& matrix, const std::vector<float>& x, int rows,
                            Activation activation, int first_panel, int last_panel) {
  Matmul m = matrix.matmul(activation);
  std::vector<float> y(rows * padded(matrix.outputs()), -1000.0f);
  std::vector<std::uint32_t> pairs;
  const int inputs = matrix.inputs();
  m.rows = rows;
  m.x = x.data();
  m.x_stride = inputs;
  if (matrix.format() == WeightFormat::bf16_pairs) {
    m.x_stride = (inputs + 1) / 2;
    pairs.resize(rows * m.x_stride);
    for (int r = 0; r < rows; ++r)
      to_bf16_pairs(x.data() + std::size_t(r) * inputs, inputs, pairs.data() + r * m.x_stride);
    m.x = reinterpret_cast<const float*>(pairs.data());
  }
  m.y = y.data();
  m.y_stride = padded(matrix.outputs());
  m.first_panel = first_panel;
  m.last_panel = last_panel;
  kernels.matmul(m);
  return y;
}

TEST_P(DecoderKernelsTest, MatmulAgreesWithATen) {
  for (const WeightFormat format :
       {WeightFormat::fp32, WeightFormat::fp16, WeightFormat::bf16, WeightFormat::bf16_pairs})
    for (const auto& [rows, inputs, outputs] : {std::array{1, 48, 144},
                                                {2, 256, 96},
                                                {3, 255, 17},
                                                {5, 33, 160},
                                                {8, 256, 256},
                                                {13, 1024, 40},
                                                {32, 96, 208}})
      for (const Activation activation : {Activation::none, Activation::gelu}) {
        SCOPED_TRACE(::testing::Message() << int(format) << " " << rows << "x" << inputs << "x" << outputs);
        const auto weights = seeded_reals("w" + std::to_string(inputs), std::size_t(outputs) * inputs);
        const auto bias = seeded_reals("b", outputs);
        const auto x = seeded_reals("x" + std::to_string(rows), std::size_t(rows) * inputs);
        const PackedMatrix matrix(reinterpret_cast<const std::byte*>(weights.data()), DType::float32, outputs, inputs,
                                  bias, format);
        const auto y = multiply(kernels(), matrix, x, rows, activation, 0, matrix.panels());

        at::Tensor w = tensor(weights, {outputs, inputs});
        at::Tensor xs = tensor(x, {rows, inputs});
        const bool half = format == WeightFormat::fp16;
        if (format != WeightFormat::fp32) w = w.to(half ? at::kHalf : at::kBFloat16);
        if (format == WeightFormat::bf16_pairs) xs = xs.to(at::kBFloat16);
        at::Tensor expected = xs.to(at::kDouble).matmul(w.to(at::kDouble).t()) + tensor(bias, {outputs});
        if (activation == Activation::gelu) expected = at::gelu(expected, "tanh");
        const at::Tensor found = tensor(y, {rows, std::int64_t(padded(outputs))}).slice(1, 0, outputs);
        EXPECT_LT(max_difference(found, expected), 2e-6 * std::sqrt(inputs) + 1e-6);
      }
}

// The same bits for a row whatever comes with it and however panels are shared out.
TEST_P(DecoderKernelsTest, MatmulRowsDoNotDependOnEachOther) {
  constexpr int inputs = 130;
  constexpr int outputs = 200;
  const auto weights = seeded_reals("w", outputs * inputs);
  const auto x = seeded_reals("x", 21 * inputs);
  for (const WeightFormat format : {WeightFormat::fp32, WeightFormat::fp16, WeightFormat::bf16_pairs}) {
    const PackedMatrix matrix(reinterpret_cast<const std::byte*>(weights.data()), DType::float32, outputs, inputs, {},
                              format);
    const auto all = multiply(kernels(), matrix, x, 21, Activation::gelu, 0, matrix.panels());
    for (int first = 0; first < 21; first += 5)
      for (const int rows : {1, 2, 3, 4, 7, 8}) {
        if (first + rows > 21) continue;
        for (const int cut : {0, 1, 5, matrix.panels()}) {
          const std::vector<float> part(x.begin() + first * inputs, x.begin() + (first + rows) * inputs);
          const auto left = multiply(kernels(), matrix, part, rows, Activation::gelu, 0, cut);
          const auto right = multiply(kernels(), matrix, part, rows, Activation::gelu, cut, matrix.panels());
          for (int r = 0; r < rows; ++r)
            for (int o = 0; o < outputs; ++o) {
              const std::size_t at = r * padded(outputs) + o;
              ASSERT_EQ(o < cut * lanes ? left[at] : right[at], all[(first + r) * padded(outputs) + o]);
            }
        }
      }
  }
}

TEST_P(DecoderKernelsTest, AttentionAgreesWithATen) {
  for (const int size : {12, 16, 32, 64, 128, 72})
    for (const int text : {1, 5, 16, 32, 128})
      for (const std::vector<Segment>& segments : std::vector<std::vector<Segment>>{
               {}, {{0, 1}}, {{0, 17}}, {{3, 11}, {20, 6}, {35, 1}}, {{0, 33}, {33, 70}}}) {
        SCOPED_TRACE(::testing::Message() << size << " " << text << " " << segments.size());
        constexpr int capacity = 110;
        const std::size_t values = padded(size);
        const std::size_t text_stride = padded(text) + lanes;
        const std::size_t image_stride = padded(capacity) + lanes;
        const auto query = seeded_reals("q", size);
        const auto text_keys = seeded_reals("tk", size * text_stride);
        const auto image_keys = seeded_reals("ik", size * image_stride);
        auto text_values = seeded_reals("tv", text * values);
        auto image_values = seeded_reals("iv", capacity * values);
        std::vector<float> scores(1024), out(values);
        Attention a{};
        a.query = query.data();
        a.head_size = size;
        a.text_keys = text_keys.data();
        a.text_stride = text_stride;
        a.text_values = text_values.data();
        a.text_count = text;
        a.image_keys = image_keys.data();
        a.image_stride = image_stride;
        a.image_values = image_values.data();
        a.segments = segments.data();
        a.segment_count = static_cast<int>(segments.size());
        a.value_stride = values;
        a.scores = scores.data();
        a.out = out.data();
        kernels().attention(a);

        const at::Tensor ik = tensor(image_keys, {size, std::int64_t(image_stride)}).to(at::kDouble);
        const at::Tensor iv = tensor(image_values, {capacity, std::int64_t(values)}).to(at::kDouble);
        std::vector<at::Tensor> k = {
            tensor(text_keys, {size, std::int64_t(text_stride)}).slice(1, 0, text).to(at::kDouble)};
        std::vector<at::Tensor> v = {tensor(text_values, {text, std::int64_t(values)}).to(at::kDouble)};
        for (const Segment& s : segments) {
          k.push_back(ik.slice(1, s.start, s.start + s.count));
          v.push_back(iv.slice(0, s.start, s.start + s.count));
        }
        const at::Tensor q = tensor(query, {1, size}).to(at::kDouble);
        const at::Tensor expected = at::softmax(q.matmul(at::cat(k, 1)), 1).matmul(at::cat(v, 0)).view({-1});
        EXPECT_LT(max_difference(tensor(out, {std::int64_t(values)}), expected), 2e-6);
      }
}

TEST_P(DecoderKernelsTest, ResidualNormAgreesWithATen) {
  for (const int n : {16, 48, 256, 3840})
    for (const bool sandwich : {false, true})
      for (const bool clamp : {false, true}) {
        auto x = seeded_reals("x", n);
        auto t = seeded_reals("t", n);
        if (clamp) t[3] = 1e6f;
        const auto sw = seeded_reals("sw", n), sb = seeded_reals("sb", n), w = seeded_reals("w", n),
                   b = seeded_reals("b", n);
        const auto wide = [n](const std::vector<float>& values) { return tensor(values, {n}).to(at::kDouble); };
        at::Tensor expected_t = wide(t);
        if (clamp) expected_t = expected_t.clamp(-65504, 65504);
        if (sandwich) expected_t = at::layer_norm(expected_t, {n}, wide(sw), wide(sb), 1e-5);
        const at::Tensor expected_x = wide(x) + expected_t;
        const at::Tensor expected_h = at::layer_norm(expected_x, {n}, wide(w), wide(b), 1e-5);

        std::vector<float> h(n), scratch(n);
        ResidualNorm a{};
        a.count = n;
        a.x = x.data();
        a.t = t.data();
        a.clamp = clamp;
        a.sandwich_weight = sandwich ? sw.data() : nullptr;
        a.sandwich_bias = sandwich ? sb.data() : nullptr;
        a.norm_weight = w.data();
        a.norm_bias = b.data();
        a.h = h.data();
        a.scratch = scratch.data();
        kernels().residual_norm(a);
        const double scale = expected_x.abs().max().item<double>();
        EXPECT_LT(max_difference(tensor(x, {n}), expected_x), 1e-6 * std::max(1.0, scale)) << n << sandwich << clamp;
        EXPECT_LT(max_difference(tensor(h, {n}), expected_h), 2e-5) << n << sandwich << clamp;
      }
}

TEST_P(DecoderKernelsTest, NotANumberComesOut) {
  std::vector<float> weights(48 * 16, 0.5f), x(48, 1.0f);
  x[7] = std::nanf("");
  const PackedMatrix matrix(reinterpret_cast<const std::byte*>(weights.data()), DType::float32, 16, 48, {},
                            WeightFormat::fp32);
  for (const Activation activation : {Activation::none, Activation::gelu})
    EXPECT_TRUE(std::isnan(multiply(kernels(), matrix, x, 1, activation, 0, 1)[0]));
}

INSTANTIATE_TEST_SUITE_P(, DecoderKernelsTest,
                         ::testing::ValuesIn(available_kernels().begin(), available_kernels().end()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST(KernelListTest, PlainIsAlwaysThere) { EXPECT_STREQ(available_kernels().back()->name, "plain"); }

}  // namespace
}  // namespace kandinsky::cpu
