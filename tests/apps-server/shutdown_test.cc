#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "apps-server/server_process.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST(Shutdown, FinishesWhatIsInWork) {
  ServerProcess server;
  Connection working(server.port()), idle(server.port());
  idle.send_request("GET", "/v2");
  EXPECT_EQ(idle.read_answer().status, 200);
  working.send_request("POST", predict_path, predict_body({{"images_to_gen", 4}}));
  ASSERT_TRUE(server.wait_for_metric("kandinsky_slots_active", 4));
  server.signal(SIGTERM);
  EXPECT_TRUE(idle.is_closed(10));
  const HttpAnswer answer = working.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json()["images"].size(), 1u);
  const Ended ended = server.wait();
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_NE(ended.err.find("\"event\":\"draining\""), std::string::npos);
  EXPECT_NE(ended.err.find("\"event\":\"stopped\""), std::string::npos);
}

TEST(Shutdown, GivesUpWhatTakesTooLong) {
  ServerProcess server({"--shutdown-timeout", "0.3"});
  Connection working(server.port());
  working.send_request("POST", predict_path, predict_body({{"images_to_gen", 64}}));
  ASSERT_TRUE(server.wait_for_metric("kandinsky_slots_active", 4));
  const auto start = std::chrono::steady_clock::now();
  server.signal(SIGINT);
  const HttpAnswer answer = working.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.json()["error"], "the server is shutting down");
  EXPECT_EQ(server.wait().exit_code, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
}

TEST(Shutdown, WhileLoading) {
  ServerProcess server({}, /*wait_until_ready=*/false);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait().exit_code, 0);
}

TEST(Shutdown, ListensWhileLoading) {
  const ServerProcess server({}, /*wait_until_ready=*/false);
  const HttpAnswer ready = get(server.port(), "/v2/health/ready");
  if (ready.status == 503) {
    EXPECT_EQ(ready.json(), nlohmann::json({{"ready", false}}));
    EXPECT_EQ(get(server.port(), "/v2/health/live").status, 200);
  }
  HttpAnswer answer;
  for (int i = 0; i < 600 && answer.status != 200; ++i) {
    answer = post(server.port(), predict_path, predict_body());
    if (answer.status != 200) {
      EXPECT_EQ(answer.status, 503);
      EXPECT_EQ(answer.headers.at("retry-after"), "5");
      std::this_thread::sleep_for(50ms);
    }
  }
  EXPECT_EQ(answer.status, 200);
}

// Names, sizes and times of all files below.
std::string files_below(const fs::path& folder) {
  std::string text;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      text += entry.path().string() + " " + std::to_string(entry.file_size()) + " " +
              std::to_string(entry.last_write_time().time_since_epoch().count()) + "\n";
  return text;
}

TEST(Shutdown, KilledInARequestItLeavesNothingBehind) {
  const fs::path folder = fs::path(::testing::TempDir()) / "kandinsky-server-killed";
  fs::remove_all(folder);
  fs::create_directories(folder / "tmp");
  fs::copy(nano_path(), folder / "model", fs::copy_options::recursive);
  const std::string before = files_below(folder);
  {
    ServerProcess server({"--model", (folder / "model").string()}, true, {"TMPDIR=" + (folder / "tmp").string()});
    Connection working(server.port());
    working.send_request("POST", stream_path, predict_body({{"images_to_gen", 8}, {"preview_every", 16}}));
    ASSERT_TRUE(working.read_until("event: progress"));
    server.signal(SIGKILL);
    EXPECT_EQ(server.wait().signal, SIGKILL);
    EXPECT_EQ(files_below(folder), before);
  }
  ServerProcess again({"--model", (folder / "model").string()});
  EXPECT_EQ(post(again.port(), predict_path, predict_body()).status, 200);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace kandinsky::testing
