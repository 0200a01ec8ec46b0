#include "support/seeded.h"

#include <ATen/ops/empty.h>

#include <cmath>

namespace kandinsky::testing {
namespace {

std::uint64_t fnv1a64(std::string_view key) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

std::uint64_t mix(std::uint64_t base, std::uint64_t index) {
  std::uint64_t z = base + index + 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

float real_of(std::uint64_t hash) { return 2.0f * (static_cast<float>(hash >> 40) * 0x1p-24f) - 1.0f; }

}  // namespace

std::uint64_t seeded_hash(std::string_view key, std::uint64_t index) { return mix(fnv1a64(key), index); }

std::vector<float> seeded_reals(std::string_view key, std::size_t count) {
  const std::uint64_t base = fnv1a64(key);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = real_of(mix(base, i));
  return values;
}

std::vector<std::int32_t> seeded_ints(std::string_view key, std::size_t count, std::int32_t below) {
  const std::uint64_t base = fnv1a64(key);
  std::vector<std::int32_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::int32_t>((mix(base, i) >> 33) % below);
  return values;
}

at::Tensor seeded_weight(const nlohmann::json& info, const std::string& name, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  float* out = tensor.mutable_data_ptr<float>();
  const std::int64_t count = tensor.numel();
  if (shape.empty()) {
    out[0] = 2.65926003f;
  } else {
    const std::vector<float> x = seeded_reals(info.at("salt").get<std::string>() + ":" + name, count);
    if (shape.size() == 1) {
      const float base = name.ends_with(".weight") ? 1.0f : 0.0f;
      for (std::int64_t i = 0; i < count; ++i) out[i] = base + 0.125f * x[i];
    } else if (shape.size() == 2 && name.find("embed") != std::string::npos) {
      for (std::int64_t i = 0; i < count; ++i) out[i] = 0.5f * x[i];
    } else {
      std::int64_t fan_in = 1;
      for (std::size_t d = 1; d < shape.size(); ++d) fan_in *= shape[d];
      const float scale = static_cast<float>(std::sqrt(3.0 / static_cast<double>(fan_in)));
      for (std::int64_t i = 0; i < count; ++i) out[i] = x[i] * scale;
    }
  }
  if (info.contains("affine")) {
    for (const auto& rule : info.at("affine")) {
      if (!name.ends_with(rule.at(0).get<std::string>())) continue;
      const float mul = rule.at(1).get<float>();
      const float add = rule.at(2).get<float>();
      for (std::int64_t i = 0; i < count; ++i) out[i] = out[i] * mul + add;
    }
  }
  return tensor;
}

}  // namespace kandinsky::testing
