// The extension as it is shipped, in a host that implements the engine's interface.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "host.h"
#include "kandinsky.h"

namespace {

using host::Host;
using host::Object;

class Extension : public testing::Test {
 protected:
  void TearDown() override {
    if (node_) host_.free(std::move(node_));
    host_.deferred.clear();
    EXPECT_EQ(host_.mistakes, std::vector<std::string>());
    EXPECT_EQ(host_.alive, 0) << "strings, arrays and Variants that nobody destroys";
  }

  // A node that draws two small pictures.
  Object& node() {
    node_ = host_.create("KandinskyGenerator");
    host_.set(*node_, "device", host::text("cpu"));
    host_.set(*node_, "threads", host::integer(1));  // other tests run beside this one
    host_.set(*node_, "images", host::integer(2));
    host_.set(*node_, "pick", host::integer(2));
    host_.set(*node_, "seed", host::integer(7));
    host_.set(*node_, "super_resolution", host::boolean(false));
    return *node_;
  }

  static bool has(const Object& object, const std::string& signal) {
    return std::any_of(object.emitted.begin(), object.emitted.end(),
                       [&](const auto& one) { return one.signal == signal; });
  }

  // Frames until a signal came: how many there were.
  int run_until(Object& object, const std::vector<std::string>& signals) {
    int frames = 0;
    for (; std::none_of(signals.begin(), signals.end(), [&](const auto& signal) { return has(object, signal); });
         ++frames) {
      if (frames == 60000) {
        ADD_FAILURE() << "no signal came";
        break;
      }
      host_.frame();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return frames;
  }

  Host host_{KANDINSKY_GODOT_LIBRARY, KANDINSKY_SOURCE_DIR};
  std::shared_ptr<Object> node_;
};

TEST_F(Extension, DeclaresTheNode) {
  ASSERT_EQ(host_.classes.size(), 1u);
  const host::Class& type = host_.classes.at("KandinskyGenerator");
  EXPECT_EQ(type.parent, "Node");
  EXPECT_TRUE(type.info.is_exposed && !type.info.is_virtual && !type.info.is_abstract);
  EXPECT_EQ(type.properties.size(), 14u);
  for (const char* method : {"generate", "cancel", "is_generating"})
    EXPECT_EQ(type.methods.count(method), 1u) << method;
  ASSERT_EQ(type.signals.size(), 5u);
  EXPECT_EQ(type.signals.at("progress").at(0).name, "fraction");
  EXPECT_EQ(type.signals.at("finished").at(0).type, gd::Type::array);
  EXPECT_TRUE(type.signals.at("cancelled").empty());
}

TEST_F(Extension, PropertiesComeBackAsTheyWereSet) {
  Object& object = node();
  host_.set(object, "prompt", host::text("ёлка 😀"));
  EXPECT_EQ(host_.get(object, "prompt").text, "ёлка 😀");
  EXPECT_EQ(host_.pointer_get_text(object, "prompt"), "ёлка 😀");
  host_.pointer_set_text(object, "prompt", "лиса");
  EXPECT_EQ(host_.get(object, "prompt").text, "лиса");
  host_.set(object, "temperature", host::integer(2));  // whole numbers are numbers
  EXPECT_EQ(host_.get(object, "temperature").real, 2.0);
  EXPECT_EQ(host_.get(object, "seed").integer, 7);
  EXPECT_FALSE(host_.get(object, "super_resolution").boolean);
  EXPECT_EQ(host_.get(object, "top_k").integer, -1);

  host_.set(object, "images", host::text("много"));
  EXPECT_EQ(host_.last_error, gd::call_invalid_argument);
  EXPECT_EQ(host_.get(object, "images").integer, 2);
  host_.call(object, "set_images");
  EXPECT_EQ(host_.last_error, gd::call_too_few_arguments);
  host_.call(object, "cancel", {host::integer(1)});
  EXPECT_EQ(host_.last_error, gd::call_too_many_arguments);
  EXPECT_FALSE(host_.call(object, "is_generating").boolean);
  EXPECT_EQ(host_.pointer_call(object, "is_generating"), 0);
}

TEST_F(Extension, GeneratesTexturesInTheBackground) {
  Object& object = node();
  host_.set(object, "model_directory", host::text("res://models/emojich-nano"));
  host_.set(object, "preview_every", host::integer(16));
  EXPECT_TRUE(host_.call(object, "generate").boolean);
  EXPECT_TRUE(host_.call(object, "is_generating").boolean);
  EXPECT_FALSE(host_.call(object, "generate").boolean);
  EXPECT_EQ(host_.errors.size(), 1u);
  EXPECT_GT(run_until(object, {"finished", "failed"}), 20) << "generate() does not wait, frames go on";
  ASSERT_TRUE(has(object, "finished"));
  EXPECT_FALSE(host_.call(object, "is_generating").boolean);

  double last = 0;
  const Object* preview = nullptr;
  for (const host::Emitted& one : object.emitted) {
    if (one.signal == "progress") {
      EXPECT_GE(one.arguments[0].real, last);
      last = one.arguments[0].real;
    }
    if (one.signal == "preview") {
      const Object* shown = one.arguments[0].object.get();
      EXPECT_TRUE(!preview || preview == shown) << "one texture is drawn into again";
      preview = shown;
      EXPECT_EQ(preview->width, 128);
    }
  }
  EXPECT_NEAR(last, 0.9, 0.11);
  EXPECT_TRUE(preview);

  // The same pixels as through the C interface.
  kandinsky_error error;
  kandinsky_pipeline_options compute;
  kandinsky_pipeline_options_init(&compute);
  compute.compute.device = "cpu";
  compute.compute.threads = 1;
  kandinsky_pipeline* pipeline = nullptr;
  ASSERT_EQ(kandinsky_pipeline_load(KANDINSKY_SOURCE_DIR "/models/emojich-nano", &compute, &pipeline, &error),
            KANDINSKY_OK);
  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  options.images = options.pick = 2;
  options.seed = 7;
  options.super_resolution = 0;
  kandinsky_pictures* pictures = nullptr;
  ASSERT_EQ(kandinsky_pipeline_generate(pipeline, "красное сердце на синем фоне", &options, &pictures, &error),
            KANDINSKY_OK)
      << error.message;
  const auto& textures = *object.emitted.back().arguments.at(0).array;
  ASSERT_EQ(textures.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const Object& texture = *textures[i].object;
    EXPECT_EQ(texture.class_name, "ImageTexture");
    ASSERT_EQ(texture.pixels.size(), 128u * 128 * 3);
    EXPECT_TRUE(std::equal(texture.pixels.begin(), texture.pixels.end(),
                           kandinsky_image_pixels(kandinsky_pictures_image(pictures, i))));
  }
  kandinsky_pictures_release(pictures);
  kandinsky_pipeline_release(pipeline);
}

TEST_F(Extension, CancelIsFollowedByItsSignal) {
  Object& object = node();
  host_.call(object, "cancel");  // nothing to stop
  host_.set(object, "images", host::integer(8));
  host_.call(object, "generate");
  run_until(object, {"progress", "failed"});
  ASSERT_TRUE(has(object, "progress"));
  host_.call(object, "cancel");
  run_until(object, {"cancelled", "finished", "failed"});
  EXPECT_TRUE(has(object, "cancelled"));
  EXPECT_EQ(object.emitted.back().signal, "cancelled");
  EXPECT_FALSE(host_.call(object, "is_generating").boolean);
}

TEST_F(Extension, FailuresAreTold) {
  Object& object = node();
  host_.set(object, "model_directory", host::text("/нет/такой"));
  host_.call(object, "generate");
  run_until(object, {"finished", "failed"});
  ASSERT_TRUE(has(object, "failed"));
  EXPECT_NE(object.emitted.back().arguments[0].text.find("/нет/такой"), std::string::npos);
  for (const std::int64_t images : {std::int64_t(0), std::int64_t(1) << 40}) {
    object.emitted.clear();
    host_.set(object, "model_directory", host::text("res://models/emojich-nano"));
    host_.set(object, "images", host::integer(images));
    host_.call(object, "generate");
    run_until(object, {"finished", "failed"});
    ASSERT_TRUE(has(object, "failed"));
    EXPECT_EQ(object.emitted.back().arguments[0].text.find("images"), 0u) << object.emitted.back().arguments[0].text;
  }
}

TEST_F(Extension, NodesMayGoWhileTheyGenerate) {
  Object& object = node();
  host_.call(object, "generate");
  run_until(object, {"progress", "failed"});
  host_.free(std::move(node_));
  // Another that goes while it loads.
  host_.call(node(), "generate");
  host_.free(std::move(node_));
  host_.frame();
}

}  // namespace
