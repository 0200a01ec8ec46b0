#include <gtest/gtest.h>

#include "apps-server/server_process.h"
#include "image/base64.h"
#include "kandinsky/pipeline.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

Image decoded(const std::string& base64) { return Image::decode(decode_base64(base64, "answer")); }

const Pipeline& model() {
  static const Pipeline loaded = [] {
    PipelineOptions options;
    options.device = "cpu";
    options.threads = 1;  // as the server: ruCLIP's last bits depend on it
    return Pipeline::load(nano_path(), options);
  }();
  return loaded;
}

TEST(V1, AnswersAsTheOriginal) {
  const HttpAnswer answer =
      post(shared_server().port(), predict_path,
           R"({"instances": [{"query": "красное сердце", "params": {"images_to_gen": 3, "images_to_cherry_pick": 2,
               "top_k": 512, "top_p": 0.9, "super_res": true}}]})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  EXPECT_FALSE(answer.headers.at("x-request-id").empty());
  const nlohmann::json json = answer.json();
  EXPECT_EQ(json.size(), 3u);  // nothing that was not asked for
  EXPECT_EQ(json.at("ok"), true);
  ASSERT_EQ(json.at("images").size(), 2u);
  ASSERT_EQ(json.at("clip_scores").size(), 2u);
  EXPECT_GE(json["clip_scores"][0], json["clip_scores"][1]);
  for (const std::string file : json.at("images")) {
    EXPECT_EQ(from_base64(file).substr(0, 3), "\xFF\xD8\xFF");
    EXPECT_EQ(decoded(file).width(), 512);
  }
}

TEST(V1, DefaultsAreTheOriginals) {
  const HttpAnswer answer = post(shared_server().port(), predict_path, R"({"instances": [{"query": "кот"}]})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json().at("images").size(), 4u);
}

TEST(V1, WholeNumbersMayHaveAPoint) {
  const HttpAnswer plain =
      post(shared_server().port(), predict_path, predict_body({{"seed", 4096}, {"top_k", 0}, {"details", true}}));
  const HttpAnswer pointed = post(shared_server().port(), predict_path,
                                  predict_body({{"seed", 4096.0},
                                                {"top_k", -0.0},
                                                {"images_to_gen", 1.0},
                                                {"images_to_cherry_pick", 1.0},
                                                {"quality", 95.0},
                                                {"details", true}}));
  ASSERT_EQ(plain.status, 200) << plain.body;
  EXPECT_EQ(plain.body, pointed.body);
}

TEST(V1, PicturesAreThoseOfTheLibrary) {
  const HttpAnswer answer = post(shared_server().port(), predict_path,
                                 predict_body({{"images_to_gen", 2},
                                               {"images_to_cherry_pick", 2},
                                               {"seed", 7},
                                               {"format", "png"},
                                               {"details", true},
                                               {"temperature", 0.9}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const nlohmann::json json = answer.json();
  GenerateOptions options = model().default_options();
  options.images = 2;
  options.pick = 2;
  options.seed = 7;
  options.temperature = 0.9;
  options.super_resolution = false;
  const std::vector<Picture> pictures = model().generate("кот", options);
  ASSERT_EQ(json.at("images").size(), pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    EXPECT_TRUE(decoded(json["images"][i]) == pictures[i].image);
    EXPECT_EQ(json["clip_scores"][i].get<float>(), *pictures[i].clip_score);
    EXPECT_EQ(json["ppl"][i].get<double>(), pictures[i].ppl);
    EXPECT_EQ(json["seeds"][i], 7);
    EXPECT_EQ(json["numbers"][i], pictures[i].number);
  }
}

TEST(V1, SeveralInstancesHaveTheirOwnParameters) {
  nlohmann::json body = nlohmann::json::parse(predict_body({{"details", true}}));
  body["instances"].push_back(
      {{"query", "дом"},
       {"params", {{"images_to_gen", 2}, {"seed", 9}, {"format", "png"}, {"details", true}, {"super_res", false}}}});
  body["instances"].push_back(nlohmann::json::parse(predict_body({{"seed", 11}, {"details", true}}))["instances"][0]);
  const HttpAnswer answer = post(shared_server().port(), predict_path, body.dump());
  ASSERT_EQ(answer.status, 200) << answer.body;
  const nlohmann::json json = answer.json();
  ASSERT_EQ(json.at("predictions").size(), 3u);
  EXPECT_EQ(json.at("ok"), true);
  EXPECT_EQ(json["predictions"][0]["seeds"], nlohmann::json({5}));
  EXPECT_EQ(json["predictions"][1]["seeds"], nlohmann::json({9, 9}));
  EXPECT_EQ(from_base64(json["predictions"][1]["images"][0]).substr(1, 3), "PNG");
  EXPECT_EQ(json["predictions"][2]["seeds"], nlohmann::json({11}));
}

TEST(V1, RandomSeedsDiffer) {
  nlohmann::json body = nlohmann::json::parse(predict_body({{"details", true}}));
  body["instances"][0]["params"].erase("seed");
  std::vector<std::uint64_t> seeds;
  for (int i = 0; i < 2; ++i)
    seeds.push_back(post(shared_server().port(), predict_path, body.dump()).json().at("seeds").at(0));
  EXPECT_NE(seeds[0], seeds[1]);
  EXPECT_LT(seeds[0], std::uint64_t{1} << 53);
}

TEST(V1, GoesOnFromAnImage) {
  const std::string first =
      post(shared_server().port(), predict_path, predict_body({{"format", "png"}})).json()["images"][0];
  const auto with = [&](const nlohmann::json& prompt) {
    return post(shared_server().port(), predict_path,
                predict_body({{"image_prompt", prompt}, {"format", "png"}}, "дом"));
  };
  const HttpAnswer answer = with({{"image", first}, {"up", 8}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  ImagePrompt prompt;
  prompt.image = decoded(first);
  prompt.up = 8;
  GenerateOptions options = model().default_options();
  options.images = 1;
  options.seed = 5;
  options.super_resolution = false;
  options.image_prompt = prompt;
  EXPECT_TRUE(decoded(answer.json()["images"][0]) == model().generate("дом", options).front().image);

  const auto error = [&](const nlohmann::json& wrong) {
    const HttpAnswer refused = with(wrong);
    EXPECT_EQ(refused.status, 400);
    return refused.json().at("error").get<std::string>();
  };
  const std::string where = "instances[0].params.image_prompt";
  EXPECT_EQ(error({{"image", first}}), where + ": keeps nothing: one of up, down, left, right must be from 1 to 16");
  EXPECT_EQ(error({{"image", first}, {"up", 17}}), where + ".up: 17 is not an integer from 0 to 16");
  EXPECT_EQ(error({{"up", 1}}), where + ".image: is missing, expected base64");
  EXPECT_NE(error({{"image", "a*"}, {"up", 1}}).find(where + ".image"), std::string::npos);
  EXPECT_EQ(error({{"image", "aGVsbG8="}, {"up", 1}}), where + ".image: is not a PNG or JPEG file");
  const std::string large =
      post(shared_server().port(), predict_path, predict_body({{"super_res", true}})).json()["images"][0];
  EXPECT_EQ(error({{"image", large}, {"up", 1}}), where + ".image: is 512x512 pixels, expected 128x128");
}

struct Wrong {
  const char* body;
  const char* error;
};

TEST(V1, NamesTheFieldAndItsRange) {
  const Wrong cases[] = {
      {"", "body: is empty, expected JSON"},
      {"{", "body: is not JSON at byte 2"},
      {"[1]", "body: an array is not an object with instances"},
      {"{}", "instances: expected an array of 1 to 64 objects"},
      {R"({"instances": []})", "instances: expected an array of 1 to 64 objects"},
      {R"({"instances": [1]})", "instances[0]: 1 is not an object"},
      {R"({"instances": [{}]})", "instances[0].query: is missing, expected a string"},
      {R"({"instances": [{"query": 1}]})", "instances[0].query: 1 is not a string"},
      {R"({"instances": [{"query": "a", "other": 1}]})",
       "instances[0]: unknown field \"other\" (known are query, params)"},
      {R"({"instances": [{"query": "a", "params": []}]})", "instances[0].params: an array is not an object"},
      {"{\"instances\": [{\"query\": \"\xFF\"}]}", "body: is not valid UTF-8 at byte 27"},
      {R"({"instances": [{"query": "a"}], "instances": []})", "body: has the key \"instances\" twice"},
      {R"({"instances": [{"query": "a", "params": {"top_p": 1e999}}]})", "body: has a number that is out of range"},
  };
  for (const Wrong& wrong : cases) {
    const HttpAnswer answer = post(shared_server().port(), predict_path, wrong.body);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.json(), nlohmann::json({{"ok", false}, {"error", wrong.error}}));
  }
  const HttpAnswer deep = post(shared_server().port(), predict_path, std::string(100000, '['));
  EXPECT_EQ(deep.status, 400);
  EXPECT_EQ(deep.json()["error"], "body: is JSON of more than 32 levels");
}

TEST(V1, ChecksEveryParameter) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"images_to_gen": 0})", "images_to_gen: 0 is not an integer from 1 to 64"},
      {R"({"images_to_gen": 65})", "images_to_gen: 65 is not an integer from 1 to 64"},
      {R"({"images_to_gen": -1})", "images_to_gen: -1 is not an integer from 1 to 64"},
      {R"({"images_to_gen": 1e300})", "images_to_gen: 1e+300 is not an integer from 1 to 64"},
      {R"({"images_to_gen": 99999999999999999999999})",
       "images_to_gen: 9.999999999999999e+22 is not an integer from 1 to 64"},
      {R"({"images_to_gen": 18446744073709551615})",
       "images_to_gen: 18446744073709551615 is not an integer from 1 to 64"},
      {R"({"images_to_gen": 2.5})", "images_to_gen: 2.5 is not an integer from 1 to 64"},
      {R"({"images_to_gen": "8"})", "images_to_gen: \"8\" is not an integer from 1 to 64"},
      {R"({"images_to_gen": true})", "images_to_gen: true is not an integer from 1 to 64"},
      {R"({"images_to_gen": 2, "images_to_cherry_pick": 3})",
       "images_to_cherry_pick: 3 is not an integer from 1 to 2, the images_to_gen"},
      {R"({"images_to_cherry_pick": 0})", "images_to_cherry_pick: 0 is not an integer from 1 to 8, the images_to_gen"},
      {R"({"top_k": -1})", "top_k: -1 is not an integer from 0 to 2147483647"},
      {R"({"top_p": 0})", "top_p: 0 is not a number above 0 and at most 1"},
      {R"({"top_p": 1.1})", "top_p: 1.1 is not a number above 0 and at most 1"},
      {R"({"temperature": 0})", "temperature: 0 is not a number from 0.000001 to 1000"},
      {R"({"super_res": 1})", "super_res: 1 is not true or false"},
      {R"({"seed": -1})", "seed: -1 is not an integer from 0 to 18446744073709551615"},
      {R"({"seed": 1.5})", "seed: 1.5 is not an integer from 0 to 18446744073709551615"},
      {R"({"seed": 18446744073709551616})",
       "seed: 1.8446744073709552e+19 is not an integer from 0 to 18446744073709551615"},
      {R"({"format": "gif"})", "format: \"gif\" is not \"jpeg\" or \"png\""},
      {R"({"quality": 101})", "quality: 101 is not an integer from 1 to 100"},
      {R"({"details": "yes"})", "details: \"yes\" is not true or false"},
      {R"({"timeout": 301})", "timeout: 301 is not a number of seconds above 0 and at most 300"},
      {R"({"preview_every": -1})", "preview_every: -1 is not an integer from 0 to 65536"},
      {R"({"image_prompt": "a"})", "image_prompt: \"a\" is not an object"},
  };
  for (const auto& [params, error] : cases) {
    const std::string body = R"({"instances": [{"query": "a", "params": )" + std::string(params) + "}]}";
    const HttpAnswer answer = post(shared_server().port(), predict_path, body);
    EXPECT_EQ(answer.status, 400) << params;
    EXPECT_EQ(answer.json()["error"], "instances[0].params." + std::string(error));
  }
  const HttpAnswer unknown = post(shared_server().port(), predict_path, predict_body({{"topk", 5}}));
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.json()["error"].get<std::string>().find("instances[0].params: unknown field \"topk\""), 0u);
  nlohmann::json many = nlohmann::json::parse(predict_body({{"images_to_gen", 40}}));
  many["instances"].push_back(many["instances"][0]);
  EXPECT_EQ(post(shared_server().port(), predict_path, many.dump()).json()["error"],
            "instances: images_to_gen is 80 for all together, expected at most 64");
  EXPECT_EQ(
      post(shared_server().port(), predict_path, predict_body(nlohmann::json::object(), std::string(8193, 'a'))).status,
      400);
}

}  // namespace
}  // namespace kandinsky::testing
