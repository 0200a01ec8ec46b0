#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "apps-server/server_process.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

class File {
 public:
  explicit File(const std::string& text)
      : path_(std::filesystem::path(::testing::TempDir()) / "kandinsky-server-settings") {
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

void expect_error(const std::vector<std::string>& arguments, int exit_code, const std::string& message,
                  const std::vector<std::string>& environment = {}) {
  const Ended ended = run_server(arguments, environment);
  EXPECT_EQ(ended.exit_code, exit_code) << ended.err;
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("kandinsky-server: " + message), std::string::npos) << ended.err;
}

TEST(ServerSettings, Help) {
  const Ended help = run_server({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* option : {"--model", "--queue", "--token-file", "--shutdown-timeout", "KANDINSKY_SERVE_MAX_IMAGES"})
    EXPECT_NE(help.out.find(option), std::string::npos) << option;
  EXPECT_EQ(run_server({"--version"}).out.find("kandinsky-server 0."), 0u);
}

TEST(ServerSettings, WrongOnesAreOneLine) {
  const std::string model = nano_path().string();
  expect_error({}, 2, "--model is required");
  expect_error({"--model", model, "--nonsense"}, 2, "The following argument was not expected: --nonsense");
  expect_error({"--model", model, "--port", "70000"}, 2, "--port: '70000' is not a whole number from 0 to 65535");
  expect_error({"--model", model, "--batch", "0"}, 2, "--batch: '0' is not a whole number from 1 to 256");
  expect_error({"--model", model, "--timeout", "nan"}, 2, "--timeout: 'nan' is not a number from 0.001 to 86400");
  expect_error({"--model", model, "--name", "a/b"}, 2, "--name: 'a/b' is not 1 to 128 of");
  expect_error({"--model", model, "--host", "localhost"}, 2, "--host: 'localhost' is not an IP address");
  expect_error({"--model", model, "--device", "tpu"}, 2, "--device: 'tpu' is not one of auto, cpu, cuda, cuda:N");
  expect_error({"--model", model, "--dtype", "int8"}, 2, "--dtype: 'int8' is not one of");
  expect_error({"--model", model, "--log-level", "loud"}, 2, "--log-level: 'loud' is not one of");
  expect_error({"--model", model, "--token-file", "/nowhere"}, 2, "--token-file: /nowhere cannot be read");
  expect_error({"--model", model, "--config", "/nowhere"}, 2, "/nowhere cannot be read");
  expect_error({"--model", model}, 2, "KANDINSKY_SERVE_QUEUE: 'x' is not a whole number", {"KANDINSKY_SERVE_QUEUE=x"});
  const File file(R"({"model": "m", "max_images": 0})");
  expect_error({"--config", file.path()}, 2, file.path() + ": max_images: '0' is not a whole number from 1 to 4096");
  const File unknown(R"({"modell": "m"})");
  expect_error({"--config", unknown.path()}, 2, unknown.path() + ": unknown key 'modell'");
}

TEST(ServerSettings, APortThatIsTaken) {
  expect_error(
      {"--model", nano_path().string(), "--port", std::to_string(shared_server().port())}, 1,
      "cannot listen on 127.0.0.1 port " + std::to_string(shared_server().port()) + ": Address already in use");
}

TEST(ServerSettings, AModelThatCannotBeLoaded) {
  const Ended ended = run_server({"--model", "/nowhere", "--port", "0"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_NE(ended.err.find("/nowhere: no such model directory"), std::string::npos) << ended.err;
}

TEST(ServerSettings, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const File file(R"({"name": "from-file", "max_images": 3, "queue": 5, "log_level": "warning"})");
  const ServerProcess server({"--config", file.path(), "--name", "from-flag", "--log-level", "info"}, true,
                             {"KANDINSKY_SERVE_NAME=from-environment", "KANDINSKY_SERVE_MAX_IMAGES=2"});
  EXPECT_EQ(get(server.port(), "/v1/models").json()["models"][0], "from-flag");
  EXPECT_EQ(post(server.port(), "/v1/models/from-flag:predict", predict_body({{"images_to_gen", 3}})).json()["error"],
            "instances[0].params.images_to_gen: 3 is not an integer from 1 to 2");
}

}  // namespace
}  // namespace kandinsky::testing
