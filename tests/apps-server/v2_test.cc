#include <gtest/gtest.h>

#include <cstring>

#include "apps-server/server_process.h"

namespace kandinsky::testing {
namespace {

using nlohmann::json;

json infer_body(const json& parameters = json::object()) {
  json all = {{"images_to_gen", 2}, {"images_to_cherry_pick", 2}, {"super_res", false}, {"seed", 5}};
  all.update(parameters);
  return {{"id", "42"},
          {"parameters", all},
          {"inputs", {{{"name", "query"}, {"datatype", "BYTES"}, {"shape", {1}}, {"data", {"кот"}}}}}};
}

json output(const json& answer, const std::string& name) {
  for (const json& tensor : answer.at("outputs"))
    if (tensor.at("name") == name) return tensor;
  ADD_FAILURE() << "no output " << name;
  return {};
}

std::string with_length(const std::string& text) {
  const std::uint32_t size = text.size();
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &size, 4);
  return bytes + text;
}

TEST(V2, SaysWhatItIs) {
  const int port = shared_server().port();
  EXPECT_EQ(get(port, "/v2").json()["name"], "kandinsky-server");
  EXPECT_EQ(get(port, "/v2").json()["extensions"], json({"binary_tensor_data"}));
  EXPECT_EQ(get(port, "/v2/health/live").json(), json({{"live", true}}));
  EXPECT_EQ(get(port, "/v2/health/ready").json(), json({{"ready", true}}));
  EXPECT_EQ(get(port, "/v2/models/kandinsky/ready").json(), json({{"name", "kandinsky"}, {"ready", true}}));
  const json model = get(port, "/v2/models/kandinsky/versions/1").json();
  EXPECT_EQ(model["name"], "kandinsky");
  EXPECT_EQ(model["inputs"][0], json({{"name", "query"}, {"datatype", "BYTES"}, {"shape", {-1}}}));
  EXPECT_EQ(model["outputs"].size(), 5u);
  EXPECT_EQ(get(port, "/v2/models/kandinsky/versions/2").status, 404);
  EXPECT_EQ(get(port, "/v2/models/other").status, 404);
}

TEST(V2, InfersWhatV1Predicts) {
  const int port = shared_server().port();
  json body = infer_body();
  body["outputs"] = {
      {{"name", "images"}}, {{"name", "clip_scores"}}, {{"name", "ppl"}}, {{"name", "seeds"}}, {{"name", "numbers"}}};
  const HttpAnswer answer = post(port, infer_path, body.dump());
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json made = answer.json();
  EXPECT_EQ(made["model_name"], "kandinsky");
  EXPECT_EQ(made["id"], "42");
  const json expected =
      post(port, predict_path, predict_body({{"images_to_gen", 2}, {"images_to_cherry_pick", 2}, {"details", true}}))
          .json();
  EXPECT_EQ(output(made, "images")["data"], expected["images"]);
  EXPECT_EQ(output(made, "images")["shape"], json({1, 2}));
  EXPECT_EQ(output(made, "images")["datatype"], "BYTES");
  EXPECT_EQ(output(made, "clip_scores")["data"], expected["clip_scores"]);
  EXPECT_EQ(output(made, "ppl")["data"], expected["ppl"]);
  EXPECT_EQ(output(made, "seeds")["data"], expected["seeds"]);
  EXPECT_EQ(output(made, "numbers")["data"], expected["numbers"]);
}

TEST(V2, SeveralQueries) {
  json body = infer_body({{"images_to_gen", 1}, {"images_to_cherry_pick", 1}});
  body["inputs"][0]["shape"] = {2, 1};
  body["inputs"][0]["data"] = {{"кот"}, {"дом"}};
  const HttpAnswer answer = post(shared_server().port(), infer_path, body.dump());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json()["outputs"].size(), 2u);
  EXPECT_EQ(output(answer.json(), "images")["shape"], json({2, 1}));
  EXPECT_EQ(output(answer.json(), "images")["data"].size(), 2u);
}

TEST(V2, BinaryData) {
  const int port = shared_server().port();
  json body = infer_body({{"binary_data_output", true}});
  const std::string data = with_length("кот");
  body["inputs"][0].erase("data");
  body["inputs"][0]["parameters"] = {{"binary_data_size", data.size()}};
  const std::string head = body.dump();
  const Headers headers = {{"Inference-Header-Content-Length", std::to_string(head.size())}};
  const HttpAnswer answer = post(port, infer_path, head + data, headers);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::size_t json_size = std::stoul(answer.headers.at("inference-header-content-length"));
  const json made = json::parse(answer.body.substr(0, json_size));
  const std::string binary = answer.body.substr(json_size);
  const json expected =
      post(port, predict_path, predict_body({{"images_to_gen", 2}, {"images_to_cherry_pick", 2}})).json();
  std::string files;
  for (const std::string file : expected["images"]) files += with_length(from_base64(file));
  ASSERT_EQ(output(made, "images")["parameters"]["binary_data_size"], files.size());
  EXPECT_TRUE(binary.substr(0, files.size()) == files);
  ASSERT_EQ(binary.size(), files.size() + 8);
  float scores[2];
  std::memcpy(scores, binary.data() + files.size(), 8);
  EXPECT_EQ(scores[0], expected["clip_scores"][0].get<float>());
  EXPECT_EQ(scores[1], expected["clip_scores"][1].get<float>());

  const auto status = [&](const std::string& text, const std::string& length) {
    return post(port, infer_path, text, {{"Inference-Header-Content-Length", length}}).status;
  };
  EXPECT_EQ(status(head + data + "x", std::to_string(head.size())), 400);
  EXPECT_EQ(status(head + data.substr(0, 6), std::to_string(head.size())), 400);
  EXPECT_EQ(status(head + data, std::to_string(head.size() + 100)), 400);
  EXPECT_EQ(status(head + data, "many"), 400);
  std::string wrong = data;
  wrong[0] = 100;
  EXPECT_EQ(status(head + wrong, std::to_string(head.size())), 400);
  wrong = data;
  wrong[4] = '\xFF';
  EXPECT_EQ(status(head + wrong, std::to_string(head.size())), 400);
}

TEST(V2, NullsAndWholeNumbersWithAPoint) {
  json body = infer_body({{"images_to_gen", 1.0}, {"images_to_cherry_pick", 1.0}, {"seed", nullptr}});
  body["inputs"][0]["shape"] = {1.0, 1.0};
  body["inputs"][0]["parameters"] = {{"binary_data_size", nullptr}};
  body["outputs"] = {{{"name", "ppl"}, {"parameters", nullptr}},
                     {{"name", "numbers"}, {"parameters", {{"binary_data", nullptr}}}}};
  const HttpAnswer answer = post(shared_server().port(), infer_path, body.dump());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(output(answer.json(), "numbers")["data"].dump(), "[0]");
  EXPECT_EQ(output(answer.json(), "ppl")["data"].size(), 1u);
}

TEST(V2, NamesWhatIsWrong) {
  const auto error = [](const json& body) {
    const HttpAnswer answer = post(shared_server().port(), infer_path, body.dump());
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.json().size(), 1u);
    return answer.json().at("error").get<std::string>();
  };
  const auto input = [](const char* key, const json& value) {
    json body = infer_body();
    body["inputs"][0][key] = value;
    return body;
  };
  EXPECT_EQ(error(json::object()), "inputs: expected an array of one tensor, query");
  EXPECT_EQ(error(input("name", "text")), "inputs[0].name: \"text\" is not \"query\"");
  EXPECT_EQ(error(input("datatype", "FP32")), "inputs[0].datatype: \"FP32\" is not \"BYTES\"");
  EXPECT_EQ(error(input("shape", json::array())), "inputs[0].shape: expected [n] or [n, 1] with n from 1 to 64");
  EXPECT_EQ(error(input("shape", {-1})), "inputs[0].shape: expected [n] or [n, 1] with n from 1 to 64");
  EXPECT_EQ(error(input("shape", {2})), "inputs[0].data: 1 elements, expected 2 as its shape says");
  EXPECT_EQ(error(input("data", {5})), "inputs[0].data[0]: 5 is not a string");
  EXPECT_EQ(error(input("data", "кот")), "inputs[0].data: \"\\u043a\\u043e\\u0442\" is not an array");
  EXPECT_EQ(error(infer_body({{"images_to_gen", 0}})), "parameters.images_to_gen: 0 is not an integer from 1 to 64");
  EXPECT_EQ(error(infer_body({{"binary_data_output", 1}})), "parameters.binary_data_output: 1 is not true or false");
  json body = infer_body();
  body["outputs"] = {{{"name", "pictures"}}};
  EXPECT_EQ(error(body), "outputs[0].name: \"pictures\" is not one of images, clip_scores, ppl, seeds, numbers");
  body["outputs"] = {{{"name", "images"}}, {{"name", "images"}}};
  EXPECT_EQ(error(body), "outputs[1].name: \"images\" is there twice");
  body = infer_body();
  body["id"] = 5;
  EXPECT_EQ(error(body), "id: 5 is not a string");
}

}  // namespace
}  // namespace kandinsky::testing
