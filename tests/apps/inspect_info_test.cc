#include <gtest/gtest.h>

#include <fstream>

#include "apps/process.h"

namespace kandinsky::testing {
namespace {

TEST(InspectCommand, ListsTheTensorsWithHashes) {
  const nlohmann::json expected = nlohmann::json::parse(std::ifstream(golden("checkpoints/expected.json")));
  for (const std::string name :
       {"dtypes.pt", "legacy_dtypes.pth", "good.safetensors", "views_shared.pt", "odd_keys.pt", "params_both.pth"}) {
    const nlohmann::json& what = expected.at(name);
    SCOPED_TRACE(name);
    const nlohmann::json json = run_json({"inspect", "--sha256", golden("checkpoints/" + name)});
    EXPECT_EQ(json.size(), 2u);
    nlohmann::json found = nlohmann::json::object();
    for (const nlohmann::json& tensor : json.at("tensors")) {
      EXPECT_EQ(tensor.size(), 4u);
      found[tensor.at("name").get<std::string>()] = {
          {"dtype", tensor.at("dtype")}, {"shape", tensor.at("shape")}, {"sha256", tensor.at("sha256")}};
    }
    EXPECT_EQ(found, what.at("tensors"));
  }
}

TEST(InspectCommand, NamesTheFormat) {
  const auto format = [](const std::string& name) {
    return run_json({"inspect", golden("checkpoints/" + name)}).at("format").get<std::string>();
  };
  EXPECT_EQ(format("dtypes.pt"), "torch-zip");
  EXPECT_EQ(format("legacy_dtypes.pth"), "torch-legacy");
  EXPECT_EQ(format("good.safetensors"), "safetensors");
}

TEST(InspectCommand, HashesOnlyWhenAsked) {
  const nlohmann::json json = run_json({"inspect", golden("checkpoints/good.safetensors")});
  for (const nlohmann::json& tensor : json.at("tensors")) EXPECT_FALSE(tensor.contains("sha256"));
}

TEST(InspectCommand, PrintsATable) {
  const Finished finished = run({"inspect", nano() + "/rudalle_kandinsky.bin"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  const std::vector<std::string> lines = lines_of(finished.out);
  ASSERT_GT(lines.size(), 100u);
  EXPECT_NE(finished.out.find("transformer.layers.0.attention.query_key_value.weight"), std::string::npos);
  EXPECT_NE(finished.out.find("[768, 256]"), std::string::npos);
  EXPECT_EQ(lines.back().find("torch-zip, "), 0u) << lines.back();
}

TEST(InspectCommand, RefusesWhatIsNoCheckpoint) {
  expect_error({"inspect", "/no/such/file"}, 1, "/no/such/file");
  expect_error({"inspect", "/tmp"}, 1, "/tmp");
  for (const char* name : {"bad_cut3.safetensors", "bad_not_a_checkpoint.txt", "bad_huge_storage.pt", "bad_zeros.bin"})
    expect_error({"inspect", golden(std::string("checkpoints/") + name)}, 1, name);
}

TEST(InfoCommand, ShowsVersionsAndDevices) {
  const Finished finished = run({"info"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out.find("kandinsky 0.1.0 (LibTorch 2."), 0u) << finished.out;
  EXPECT_NE(finished.out.find("\ncpu "), std::string::npos) << finished.out;
  const nlohmann::json json = run_json({"info"});
  EXPECT_EQ(json.at("version"), "0.1.0");
  EXPECT_EQ(json.at("devices").at(0).at("name"), "cpu");
  EXPECT_GT(json.at("devices").at(0).at("memory_total").get<std::uint64_t>(), 1u << 30);
  EXPECT_FALSE(json.contains("model"));
}

TEST(InfoCommand, EstimatesAModel) {
  const nlohmann::json json = run_json({"info", "--model", nano(), "--device", "cpu"});
  const nlohmann::json& model = json.at("model");
  std::uint64_t total = model.at("cache_bytes");
  std::vector<std::string> names;
  for (const nlohmann::json& part : model.at("parts")) {
    names.push_back(part.at("name"));
    EXPECT_GT(part.at("parameters").get<std::int64_t>(), 900'000);
    total += part.at("weight_bytes").get<std::uint64_t>();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"transformer", "vqgan", "ruclip", "real_esrgan"}));
  EXPECT_EQ(model.at("total_bytes").get<std::uint64_t>(), total);
  const Finished plain = run({"info", "--model", nano(), "--device", "cpu", "--batch", "1"});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_NE(plain.out.find("transformer"), std::string::npos);
  expect_error({"info", "--model", "/no/such"}, 1, "/no/such: no such model directory");
}

}  // namespace
}  // namespace kandinsky::testing
