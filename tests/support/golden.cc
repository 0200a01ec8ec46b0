#include "support/golden.h"

#include <cstring>
#include <fstream>
#include <stdexcept>

#include <ATen/ops/from_blob.h>

namespace kandinsky::testing {

std::filesystem::path golden_path(std::string_view name) {
  return std::filesystem::path(KANDINSKY_SOURCE_DIR) / "tests/data/goldens" / name;
}

std::filesystem::path nano_path(std::string_view name) {
  return std::filesystem::path(KANDINSKY_SOURCE_DIR) / "models/emojich-nano" / name;
}

nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return nlohmann::json::parse(file);
}

Golden::Golden(std::string_view name) : checkpoint_(Checkpoint::open(golden_path(name))) {
  const std::string* info = checkpoint_.metadata("info");
  if (info != nullptr) info_ = nlohmann::json::parse(*info);
}

const TensorInfo& Golden::find(std::string_view name) const {
  const TensorInfo* tensor = checkpoint_.find(name);
  if (tensor == nullptr) throw std::runtime_error(checkpoint_.name() + " has no tensor " + std::string(name));
  return *tensor;
}

bool Golden::has(std::string_view name) const { return checkpoint_.find(name) != nullptr; }

std::vector<std::int64_t> Golden::shape(std::string_view name) const { return find(name).shape; }

at::Tensor Golden::tensor(std::string_view name) const {
  const TensorInfo& info = find(name);
  at::ScalarType type = at::kFloat;
  if (info.dtype == DType::int32) type = at::kInt;
  if (info.dtype == DType::uint8) type = at::kByte;
  if (info.dtype == DType::float16) type = at::kHalf;
  std::vector<std::byte> bytes = info.contiguous_bytes();
  return at::from_blob(bytes.data(), info.shape, at::TensorOptions().dtype(type)).clone();
}

std::vector<float> Golden::floats(std::string_view name) const {
  const TensorInfo& info = find(name);
  if (info.dtype != DType::float32) throw std::runtime_error(std::string(name) + " is not float32");
  const std::vector<std::byte> bytes = info.contiguous_bytes();
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<std::int32_t> Golden::ints(std::string_view name) const {
  const TensorInfo& info = find(name);
  if (info.dtype != DType::int32) throw std::runtime_error(std::string(name) + " is not int32");
  const std::vector<std::byte> bytes = info.contiguous_bytes();
  std::vector<std::int32_t> values(bytes.size() / sizeof(std::int32_t));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<bool> Golden::bits(std::string_view name, std::size_t count) const {
  const std::vector<std::byte> bytes = find(name).contiguous_bytes();
  std::vector<bool> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = (std::to_integer<int>(bytes.at(i / 8)) >> (i % 8)) & 1;
  return values;
}

}  // namespace kandinsky::testing
