// Clients that send too much, too slowly, or go away.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "apps-server/server_process.h"

namespace kandinsky::testing {
namespace {

using namespace std::chrono_literals;

class Limits : public ::testing::Test {
 protected:
  static const ServerProcess& server() {
    static const ServerProcess tight({"--batch", "1", "--queue", "1", "--max-body", "4096", "--max-images", "32",
                                      "--connections", "8", "--read-timeout", "0.5", "--idle-timeout", "1", "--timeout",
                                      std::to_string(20 * patience)});
    return tight;
  }
  static int port() { return server().port(); }
  void TearDown() override {
    EXPECT_TRUE(server().wait_for_metric("kandinsky_slots_active", 0));
    EXPECT_TRUE(server().wait_for_metric("kandinsky_queue_length", 0));
    EXPECT_TRUE(server().wait_for_metric("kandinsky_connections", 1));
  }
};

TEST_F(Limits, TooLarge) {
  const HttpAnswer declared = post(port(), predict_path, std::string(5000, 'x'));
  EXPECT_EQ(declared.status, 413);
  EXPECT_EQ(declared.json(), nlohmann::json({{"ok", false}, {"error", "the body is larger than 4096 bytes"}}));
  Connection chunked(port());
  chunked.send("POST " + std::string(predict_path) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) chunked.send("400\r\n" + std::string(1024, 'x') + "\r\n");
  EXPECT_EQ(chunked.read_answer().status, 413);
  Connection endless(port());
  endless.send("POST " + std::string(predict_path) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n");
  EXPECT_EQ(endless.read_answer().status, 413);
  EXPECT_EQ(get(port(), "/v2", {{"X-Long", std::string(20000, 'x')}}).status, 431);
}

TEST_F(Limits, TooSlow) {
  Connection header(port()), body(port()), idle(port());
  header.send("GET /v2 HTTP/1.1\r\nHos");
  body.send("POST " + std::string(predict_path) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_EQ(header.read_answer().status, 408);
  EXPECT_EQ(body.read_answer().status, 408);
  EXPECT_TRUE(idle.is_closed(10));  // without a word
  EXPECT_EQ(idle.arrived(), "");
}

TEST_F(Limits, QueueFull) {
  Connection drawn(port()), waits(port());
  drawn.send_request("POST", predict_path, predict_body({{"images_to_gen", 8}}));
  ASSERT_TRUE(server().wait_for_metric("kandinsky_slots_active", 1));
  waits.send_request("POST", predict_path, predict_body());
  ASSERT_TRUE(server().wait_for_metric("kandinsky_queue_length", 1));
  const HttpAnswer refused = post(port(), predict_path, predict_body());
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.json(), nlohmann::json({{"ok", false}, {"error", "the queue is full"}}));
  EXPECT_GE(std::stoi(refused.headers.at("retry-after")), 1);
  EXPECT_EQ(post(port(), stream_path, predict_body()).status, 429);
  EXPECT_EQ(get(port(), "/v2/health/ready").status, 200);
  EXPECT_EQ(drawn.read_answer().status, 200);
  EXPECT_EQ(waits.read_answer().status, 200);
  EXPECT_EQ(server().metric("kandinsky_rejected_total{reason=\"queue\"}"), 2);
}

TEST_F(Limits, Deadlines) {
  const auto start = std::chrono::steady_clock::now();
  const HttpAnswer answer = post(port(), predict_path, predict_body({{"images_to_gen", 32}, {"timeout", 0.3}}));
  EXPECT_EQ(answer.status, 504);
  // The engine's words, or those of the connection if one step takes longer than it waits for the engine.
  EXPECT_EQ(answer.json()["error"].get<std::string>().find(patience == 1 ? "not done in 0." : "not done in "), 0u)
      << answer.body;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
}

TEST_F(Limits, DisconnectingCancels) {
  for (const bool abruptly : {false, true}) {
    auto connection = std::make_unique<Connection>(port());
    auto waits = std::make_unique<Connection>(port());
    connection->send_request("POST", predict_path, predict_body({{"images_to_gen", 32}}));
    ASSERT_TRUE(server().wait_for_metric("kandinsky_slots_active", 1));
    waits->send_request("POST", predict_path, predict_body({{"images_to_gen", 32}}));
    ASSERT_TRUE(server().wait_for_metric("kandinsky_queue_length", 1));
    if (abruptly) {
      connection->reset();
      waits->reset();
    }
    connection.reset();
    waits.reset();
    EXPECT_TRUE(server().wait_for_metric("kandinsky_slots_active", 0));
    EXPECT_TRUE(server().wait_for_metric("kandinsky_queue_length", 0));
  }
}

// Pipelined bytes behind the request do not hide that the client has gone.
TEST_F(Limits, DisconnectingCancelsThoughMoreWasSent) {
  auto connection = std::make_unique<Connection>(port());
  connection->send_request("POST", predict_path, predict_body({{"images_to_gen", 32}}));
  connection->send_request("GET", "/v2");
  ASSERT_TRUE(server().wait_for_metric("kandinsky_slots_active", 1));
  connection.reset();
  EXPECT_TRUE(server().wait_for_metric("kandinsky_slots_active", 0));
}

TEST_F(Limits, TooManyConnections) {
  std::vector<std::unique_ptr<Connection>> open;
  for (int i = 0; i < 8; ++i) open.push_back(std::make_unique<Connection>(port()));
  for (auto& connection : open) {  // each is served
    connection->send_request("GET", "/v2");
    EXPECT_EQ(connection->read_answer().status, 200);
  }
  Connection beyond(port());
  beyond.send_request("GET", "/v2");
  const HttpAnswer answer = beyond.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.json(), nlohmann::json({{"error", "too many connections"}}));
  open.clear();
  HttpAnswer again;
  for (int i = 0; i < 100 && again.status != 200; ++i) {
    again = get(port(), "/v2");
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(again.status, 200);
}

// An answer that nobody takes does not stay for ever, and others are served meanwhile.
TEST_F(Limits, AnswersThatNobodyTakes) {
  Connection connection(port());
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  std::thread sender([&] { connection.send(many); });
  EXPECT_EQ(get(port(), "/v2").status, 200);
  EXPECT_TRUE(server().wait_for_metric("kandinsky_connections", 1));  // cut off
  connection.reset();
  sender.join();
}

}  // namespace
}  // namespace kandinsky::testing
