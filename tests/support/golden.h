#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/checkpoint.h"

namespace kandinsky::testing {

// tests/data/goldens/NAME, and models/emojich-nano/NAME.
std::filesystem::path golden_path(std::string_view name);
std::filesystem::path nano_path(std::string_view name = "");

nlohmann::json read_json(const std::filesystem::path& path);

// A golden .safetensors file.
class Golden {
 public:
  explicit Golden(std::string_view name);

  const nlohmann::json& info() const { return info_; }
  bool has(std::string_view name) const;
  std::vector<std::int64_t> shape(std::string_view name) const;
  // The tensor's own type, owned.
  at::Tensor tensor(std::string_view name) const;
  std::vector<float> floats(std::string_view name) const;
  std::vector<std::int32_t> ints(std::string_view name) const;
  // A packed bit set of `count` bits, lowest bit first.
  std::vector<bool> bits(std::string_view name, std::size_t count) const;

 private:
  const TensorInfo& find(std::string_view name) const;

  Checkpoint checkpoint_;
  nlohmann::json info_;
};

}  // namespace kandinsky::testing
