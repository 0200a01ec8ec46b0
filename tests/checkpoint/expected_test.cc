#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kandinsky/checkpoint.h"
#include "kandinsky/error.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

using nlohmann::json;
using testing::golden_path;

// tests/data/goldens/checkpoints/expected.json: what each file must give.
const json& expected() {
  static const json all = testing::read_json(golden_path("checkpoints/expected.json"));
  return all;
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& [name, rule] : expected().items()) names.push_back(name);
  return names;
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::byte> bytes(std::filesystem::file_size(path));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void check_tensors(const Checkpoint& checkpoint, const json& rule) {
  const json listed = rule.value("tensors", json::object());
  const std::string required = rule.value("required", "");
  for (const auto& [name, wanted] : listed.items()) {
    if (!name.starts_with(required)) continue;
    EXPECT_NE(checkpoint.find(name), nullptr) << name;
  }
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    if (!listed.contains(tensor.name)) {
      EXPECT_TRUE(!rule.contains("tensors") || rule.contains("required")) << "unexpected tensor " << tensor.name;
      continue;
    }
    const json& wanted = listed.at(tensor.name);
    EXPECT_EQ(dtype_name(tensor.dtype), wanted.at("dtype").get<std::string>()) << tensor.name;
    EXPECT_EQ(json(tensor.shape), wanted.at("shape")) << tensor.name;
    EXPECT_EQ(tensor.sha256(), wanted.at("sha256").get<std::string>()) << tensor.name;
  }
}

class Expected : public ::testing::TestWithParam<std::string> {
 protected:
  // Loads with `load` and holds the result against expected.json.
  template <typename Load>
  void check(Load load) {
    const json& rule = expected().at(GetParam());
    const std::string outcome = rule.at("expect");
    try {
      const Checkpoint checkpoint = load();
      EXPECT_NE(outcome, "error") << rule.at("why");
      EXPECT_EQ(checkpoint.name(), path().string());
      check_tensors(checkpoint, rule);
    } catch (const Error& error) {
      EXPECT_NE(outcome, "ok") << error.what();
      EXPECT_TRUE(error.code() == ErrorCode::bad_file || error.code() == ErrorCode::unsupported) << error.what();
      EXPECT_TRUE(std::string(error.what()).starts_with(path().string() + ": ")) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      RecordProperty("message", error.what());
    }
    if (rule.contains("must_not_create")) {
      EXPECT_FALSE(std::filesystem::exists(rule.at("must_not_create").get<std::string>()));
    }
  }

  static std::filesystem::path path() { return golden_path("checkpoints") / GetParam(); }
};

TEST_P(Expected, FromFile) {
  check([] { return Checkpoint::open(path()); });
}

TEST_P(Expected, FromMemory) {
  const std::vector<std::byte> bytes = read_file(path());
  check([&] { return Checkpoint::from_memory(bytes, path().string()); });
}

// Every tensor must also be found at an odd address.
TEST_P(Expected, FromUnalignedMemory) {
  const std::vector<std::byte> file = read_file(path());
  std::vector<std::byte> bytes(file.size() + 1);
  std::copy(file.begin(), file.end(), bytes.begin() + 1);
  check([&] { return Checkpoint::from_memory(std::span(bytes).subspan(1), path().string()); });
}

INSTANTIATE_TEST_SUITE_P(Goldens, Expected, ::testing::ValuesIn(names()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.'; }, '_');
  return name;
});

}  // namespace
}  // namespace kandinsky
