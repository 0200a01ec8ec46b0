#include "transformer/cpu_weights.h"

#include <string>

#include "core/fail.h"

namespace kandinsky {
namespace {

using cpu::AlignedBuffer;
using cpu::PackedMatrix;
using cpu::WeightFormat;

DType dtype_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return DType::float32;
    case at::kHalf:
      return DType::float16;
    case at::kBFloat16:
      return DType::bfloat16;
    case at::kDouble:
      return DType::float64;
    default:
      fail(ErrorCode::unsupported, "transformer", "weights must be floating-point numbers");
  }
}

const std::byte* bytes_of(const at::Tensor& tensor) { return static_cast<const std::byte*>(tensor.const_data_ptr()); }

AlignedBuffer<float> floats(const at::Tensor& tensor) {
  AlignedBuffer<float> result(tensor.numel());
  cpu::to_floats(bytes_of(tensor), dtype_of(tensor), tensor.numel(), result.data());
  return result;
}

CpuWeights::Norm norm(const NormWeights& weights) {
  if (!weights.weight.defined()) return {};
  return {floats(weights.weight), floats(weights.bias)};
}

WeightFormat format_of(Precision precision, DType stored) {
  if (precision == Precision::bf16) return WeightFormat::bf16_pairs;
  if (precision == Precision::fp16) return WeightFormat::fp16;
  if (stored == DType::float16) return WeightFormat::fp16;
  if (stored == DType::bfloat16) return WeightFormat::bf16;
  return WeightFormat::fp32;
}

PackedMatrix packed(const LinearWeights& linear, Precision precision) {
  const AlignedBuffer<float> bias = floats(linear.bias);
  const DType stored = dtype_of(linear.weight);
  return PackedMatrix(bytes_of(linear.weight), stored, static_cast<int>(linear.weight.size(0)),
                      static_cast<int>(linear.weight.size(1)), {bias.data(), bias.size()},
                      format_of(precision, stored));
}

}  // namespace

bool cpu_kernels_fit(const TransformerConfig& config) { return config.hidden % cpu::lanes == 0; }

CpuWeights::CpuWeights(const TransformerWeights& weights, const TransformerConfig& model, Precision precision)
    : config(model),
      text_embeddings(floats(weights.text_embeddings)),
      text_positions(floats(weights.text_positions)),
      image_embeddings(floats(weights.image_embeddings)),
      image_rows(floats(weights.image_rows)),
      image_columns(floats(weights.image_columns)),
      final_norm(norm(weights.final_norm)),
      logits_norm(norm(weights.logits_norm)) {
  if (!cpu_kernels_fit(config))
    fail(ErrorCode::unsupported, "hidden", "{} is not a multiple of {}", config.hidden, cpu::lanes);
  layers.reserve(weights.layers.size());
  for (const LayerWeights& layer : weights.layers)
    layers.push_back({norm(layer.input_norm), norm(layer.first_addition_norm), norm(layer.post_attention_norm),
                      norm(layer.second_addition_norm), packed(layer.query_key_value, precision),
                      packed(layer.dense, precision), packed(layer.up, precision), packed(layer.down, precision)});
  const LinearWeights image_part = {
      weights.logits.weight.slice(0, config.text_vocab, config.text_vocab + config.image_vocab),
      weights.logits.bias.slice(0, config.text_vocab, config.text_vocab + config.image_vocab)};
  image_logits = packed(image_part, precision);
}

std::size_t CpuWeights::bytes() const {
  std::size_t total = image_logits.bytes();
  for (const auto* table : {&text_embeddings, &text_positions, &image_embeddings, &image_rows, &image_columns})
    total += table->size() * sizeof(float);
  for (const Layer& layer : layers) {
    total += layer.query_key_value.bytes() + layer.dense.bytes() + layer.up.bytes() + layer.down.bytes();
    for (const Norm* norm :
         {&layer.input_norm, &layer.first_addition_norm, &layer.post_attention_norm, &layer.second_addition_norm})
      total += 2 * norm->weight.size() * sizeof(float);
  }
  return total;
}

}  // namespace kandinsky
