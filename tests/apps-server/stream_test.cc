#include <gtest/gtest.h>

#include <sstream>

#include "apps-server/server_process.h"

namespace kandinsky::testing {
namespace {

using Events = std::vector<std::pair<std::string, nlohmann::json>>;

Events events_of(const std::string& text) {
  Events events;
  std::istringstream lines(text);
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("event: ")) name = line.substr(7);
    if (line.starts_with("data: ")) events.emplace_back(name, nlohmann::json::parse(line.substr(6)));
  }
  return events;
}

TEST(Stream, TellsOfProgressAndEndsWithThePictures) {
  const int port = shared_server().port();
  const nlohmann::json params = {
      {"images_to_gen", 2}, {"images_to_cherry_pick", 2}, {"super_res", true}, {"preview_every", 64}};
  const HttpAnswer answer = post(port, stream_path, predict_body(params));
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
  const Events events = events_of(answer.body);
  ASSERT_GE(events.size(), 5u);
  EXPECT_EQ(events.front().first, "queued");
  EXPECT_EQ(events.front().second["images"], 2);
  EXPECT_EQ(events.front().second["tokens"], 256);
  EXPECT_EQ(events.front().second["seed"], 5);
  EXPECT_EQ(events.back().first, "done");
  EXPECT_EQ(events.back().second["images"], 2);
  std::vector<std::string> files;
  int progress = 0, previews = 0;
  for (const auto& [name, data] : events) {
    if (name == "progress") {
      ++progress;
      EXPECT_LE(data["step"], data["steps"]);
      if (data["stage"] == "drawing") {
        EXPECT_EQ(data["steps"], 512);
      }
    }
    if (name == "preview") {
      ++previews;
      EXPECT_EQ(data["tokens"].get<int>() % 64, 0);
      EXPECT_EQ(from_base64(data["image"]).substr(0, 2), "\xFF\xD8");
    }
    if (name == "picture") {
      EXPECT_EQ(data["index"], files.size());
      EXPECT_EQ(data["width"], 512);
      EXPECT_EQ(data["format"], "jpeg");
      files.push_back(data["image"]);
    }
  }
  EXPECT_GT(progress, 0);
  EXPECT_GT(previews, 0);
  EXPECT_EQ(nlohmann::json(files), post(port, predict_path, predict_body(params)).json()["images"]);
}

TEST(Stream, RefusesBeforeItBegins) {
  const int port = shared_server().port();
  EXPECT_EQ(post(port, stream_path, predict_body({{"images_to_gen", 0}})).status, 400);
  nlohmann::json two = nlohmann::json::parse(predict_body());
  two["instances"].push_back(two["instances"][0]);
  EXPECT_EQ(post(port, stream_path, two.dump()).json()["error"], "instances: expected an array of exactly one object");
}

TEST(Stream, SaysThatTheDeadlineHasPassed) {
  const HttpAnswer answer =
      post(shared_server().port(), stream_path, predict_body({{"images_to_gen", 64}, {"timeout", 0.2}}));
  ASSERT_EQ(answer.status, 200);
  const auto [name, data] = events_of(answer.body).back();
  EXPECT_EQ(name, "error");
  EXPECT_EQ(data["status"], 504);
  EXPECT_EQ(data["ok"], false);
}

TEST(Stream, AReaderThatGoesAwayCancels) {
  Connection connection(shared_server().port());
  connection.send_request("POST", stream_path, predict_body({{"images_to_gen", 64}}));
  ASSERT_TRUE(connection.read_until("event: progress"));
  EXPECT_EQ(shared_server().metric("kandinsky_slots_active"), 4);
  connection.reset();
  EXPECT_TRUE(shared_server().wait_for_metric("kandinsky_slots_active", 0));
  EXPECT_TRUE(shared_server().wait_for_metric("kandinsky_queue_length", 0));
}

TEST(Stream, OldClientsGetItUnchunked) {
  Connection connection(shared_server().port());
  const std::string body = predict_body();
  connection.send("POST " + std::string(stream_path) + " HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) +
                  "\r\n\r\n" + body);
  while (!connection.read_some().empty()) {
  }
  EXPECT_EQ(connection.arrived().find("chunked"), std::string::npos);
  EXPECT_EQ(events_of(connection.arrived().substr(connection.arrived().find("\r\n\r\n"))).back().first, "done");
}

}  // namespace
}  // namespace kandinsky::testing
