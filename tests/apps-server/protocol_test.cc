// Routes, methods, headers, authorization.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "apps-server/server_process.h"

namespace kandinsky::testing {
namespace {

TEST(Protocol, ListsItsModel) {
  const int port = shared_server().port();
  EXPECT_EQ(get(port, "/v1/models").json(), nlohmann::json({{"models", {"kandinsky"}}}));
  EXPECT_EQ(get(port, "/v1/models/kandinsky").json(), nlohmann::json({{"name", "kandinsky"}, {"ready", true}}));
}

TEST(Protocol, UnknownModelsAndPaths) {
  const int port = shared_server().port();
  for (const char* path : {"/v1/models/other", "/v2/models/other/ready", "/nothing", "/v1", "/v1/models/kandinsky/x",
                           "//", "/%zz", "/v1/models/kandinsky:explain", "/../etc/passwd"})
    EXPECT_EQ(get(port, path).status, 404) << path;
  const HttpAnswer answer = post(port, "/v1/models/other:predict", predict_body());
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.json(), nlohmann::json({{"ok", false}, {"error", "no such model: \"other\""}}));
  EXPECT_EQ(post(port, "/v2/models/other/infer", "{}").json(), nlohmann::json({{"error", "no such model: \"other\""}}));
  EXPECT_EQ(post(port, "/v1/models/kandinsky%3Apredict", predict_body()).status, 200);
}

TEST(Protocol, ThePageAndTheDescription) {
  const int port = shared_server().port();
  EXPECT_EQ(get(port, "/").json(), nlohmann::json({{"status", "alive"}}));  // as KServe's V1 client asks
  const HttpAnswer page = get(port, "/", {{"Accept", "text/html,*/*"}});
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(page.headers.at("content-security-policy").find("default-src 'self'"), std::string::npos);
  EXPECT_EQ(page.body, get(port, "/index.html").body);
  EXPECT_EQ(get(port, "/script.js").headers.at("content-type"), "text/javascript; charset=utf-8");
  const nlohmann::json api = get(port, "/openapi.json").json();
  const nlohmann::json& schemas = api.at("components").at("schemas");
  EXPECT_EQ(schemas.at("Params").at("properties").at("images_to_gen").at("maximum"), 64);
  EXPECT_EQ(schemas.at("ImagePrompt").at("properties").at("up").at("maximum"), 16);
  const nlohmann::json model = get(port, "/v2/models/kandinsky").json().at("parameters");
  EXPECT_EQ(model.at("image_size"), 128);
  EXPECT_EQ(model.at("scale"), 4);
}

TEST(Protocol, Methods) {
  const int port = shared_server().port();
  Connection connection(port);
  for (const char* method : {"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "WHATEVER"}) {
    connection.send_request(method, predict_path);
    const HttpAnswer answer = connection.read_answer();
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(answer.headers.at("allow"), "POST");
  }
  connection.send_request("POST", "/v1/models", "");
  EXPECT_EQ(connection.read_answer().headers.at("allow"), "GET, HEAD");
  connection.send_request("HEAD", "/v1/models");
  const HttpAnswer head = connection.read_answer(/*head=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "24");
  connection.send_request("GET", "/v2");  // the connection still stands
  EXPECT_EQ(connection.read_answer().status, 200);
}

TEST(Protocol, PipelinedRequestsAreAnsweredInOrder) {
  Connection connection(shared_server().port());
  connection.send("GET /v2 HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(connection.read_answer().body.find("kandinsky-server"), std::string::npos);
  EXPECT_NE(connection.read_answer().body.find("models"), std::string::npos);
  // The first of them takes a while.
  connection.send_request("POST", predict_path, predict_body());
  connection.send_request("GET", "/v2");
  EXPECT_EQ(connection.read_answer().status, 200);
  EXPECT_NE(connection.read_answer().body.find("kandinsky-server"), std::string::npos);
}

TEST(Protocol, RequestIds) {
  const int port = shared_server().port();
  EXPECT_EQ(get(port, "/v2", {{"X-Request-Id", "mine-1"}}).headers.at("x-request-id"), "mine-1");
  EXPECT_NE(get(port, "/v2", {{"X-Request-Id", "not {plain}"}}).headers.at("x-request-id"), "not {plain}");
}

TEST(Protocol, ChunkedBodiesAndExpectations) {
  Connection connection(shared_server().port());
  const std::string body = predict_body();
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  connection.send("POST " + std::string(predict_path) +
                  " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(connection.read_until("100 Continue\r\n\r\n"));
  connection.send(size + body + "\r\n0\r\n\r\n");
  EXPECT_EQ(connection.read_answer().status, 200);
}

TEST(Protocol, WhatIsNotHttp) {
  for (const char* text : {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n",
                           "POST /v1/models/kandinsky:predict HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                           "POST /v1/models/kandinsky:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    Connection connection(shared_server().port());
    connection.send(text);
    const HttpAnswer answer = connection.read_answer();
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_TRUE(answer.json().contains("error"));
  }
}

TEST(Protocol, OldClients) {
  Connection connection(shared_server().port());
  connection.send("GET /v2 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(connection.read_answer().status, 200);
  EXPECT_TRUE(connection.is_closed(10));
}

TEST(Protocol, PagesOfOtherOriginsAreRefused) {
  const int port = shared_server().port();
  const HttpAnswer answer = post(port, predict_path, predict_body(), {{"Origin", "http://evil.example"}});
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.json()["ok"], false);
  EXPECT_EQ(get(port, "/v1/models", {{"Origin", "null"}}).status, 403);
  EXPECT_EQ(get(port, "/v1/models", {{"Origin", "http://localhost"}}).status, 200);
}

TEST(Protocol, Metrics) {
  const int port = shared_server().port();
  const double images = shared_server().metric("kandinsky_images_total");
  ASSERT_EQ(post(port, predict_path, predict_body({{"images_to_gen", 2}})).status, 200);
  EXPECT_EQ(shared_server().metric("kandinsky_images_total"), images + 2);
  const HttpAnswer answer = get(port, "/metrics");
  EXPECT_EQ(answer.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* name :
       {"kandinsky_queue_length 0", "kandinsky_slots 4", "kandinsky_slots_active 0", "kandinsky_ready 1",
        "kandinsky_requests_total{code=\"200\",route=\"predict\"}",
        "kandinsky_stage_seconds_bucket{stage=\"drawing\",le=\"1\"}",
        "kandinsky_stage_seconds_count{stage=\"waiting\"}", "kandinsky_stage_seconds_count{stage=\"encoding\"}",
        "kandinsky_request_seconds_count{route=\"predict\"}", "kandinsky_tokens_total", "kandinsky_steps_total",
        "kandinsky_tokens_per_second", "kandinsky_device_memory_free_bytes{device=\"cpu\"}",
        "kandinsky_process_resident_memory_bytes", "kandinsky_rejected_total{reason=\"queue\"}"})
    EXPECT_NE(answer.body.find(name), std::string::npos) << name;
}

TEST(Protocol, BearerTokens) {
  const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "kandinsky-server-tokens";
  std::ofstream(file) << "first-token\nsecond-token\n";
  const ServerProcess server({"--token-file", file.string(), "--name", "painter"});
  std::filesystem::remove(file);
  const std::string path = "/v1/models/painter:predict";
  for (const Headers& headers : std::vector<Headers>{{},
                                                     {{"Authorization", "Bearer wrong"}},
                                                     {{"Authorization", "Basic first-token"}},
                                                     {{"Authorization", "Bearer first-toke"}}}) {
    const HttpAnswer answer = post(server.port(), path, predict_body(), headers);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.headers.at("www-authenticate"), "Bearer");
  }
  EXPECT_EQ(get(server.port(), "/metrics").status, 401);
  EXPECT_EQ(get(server.port(), "/v1/models").status, 401);
  EXPECT_EQ(get(server.port(), "/v2/health/ready").status, 200);
  EXPECT_EQ(get(server.port(), "/v2/health/live").status, 200);
  EXPECT_EQ(post(server.port(), path, predict_body(), {{"Authorization", "Bearer first-token"}}).status, 200);
  EXPECT_EQ(get(server.port(), "/v1/models", {{"Authorization", "bearer second-token"}}).status, 200);
  EXPECT_EQ(server.log().find("first-token"), std::string::npos);
}

TEST(Protocol, LogsAreJson) {
  post(shared_server().port(), predict_path, predict_body({{"images_to_gen", 2}}), {{"X-Request-Id", "logged"}});
  nlohmann::json found;
  for (int i = 0; i < 100 && found.is_null(); ++i) {
    std::istringstream lines(shared_server().log());
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json json = nlohmann::json::parse(line);
      EXPECT_TRUE(json.contains("time") && json.contains("level") && json.contains("event")) << line;
      if (json.value("id", "") == "logged") found = json;
    }
    if (found.is_null()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(found.value("event", ""), "request");
  EXPECT_EQ(found.value("status", 0), 200);
  EXPECT_EQ(found.value("images", 0), 2);
  EXPECT_EQ(found.value("path", ""), predict_path);
}

}  // namespace
}  // namespace kandinsky::testing
