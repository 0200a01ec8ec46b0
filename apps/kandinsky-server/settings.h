#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kandinsky/pipeline.h"
#include "log.h"

namespace kandinsky::server {

using Seconds = std::chrono::duration<double>;

struct Settings {
  std::filesystem::path model;
  PipelineOptions pipeline;
  std::string name = "kandinsky";
  std::string host = "127.0.0.1";
  int port = 8080;
  int batch = 8;
  int queue = 64;
  int max_images = 64;
  Seconds timeout{300};
  int max_body = 4 << 20;
  int connections = 256;
  Seconds read_timeout{30};
  Seconds idle_timeout{60};
  Seconds shutdown_timeout{30};
  std::vector<std::string> tokens;  // any of these; empty: open to all
  std::string client_header;
  LogLevel log_level = LogLevel::info;
};

// Options that cannot be meant; one line that says where they come from.
struct SettingsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// From the command line, else the environment (KANDINSKY_SERVE_...), else the configuration file. Prints what --help
// and
// --version ask for, then returns nullopt. Throws SettingsError.
std::optional<Settings> read_settings(int argc, char** argv);

}  // namespace kandinsky::server
