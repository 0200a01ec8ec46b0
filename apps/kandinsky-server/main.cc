#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <utility>

#include "server.h"
#include "settings.h"

int main(int argc, char** argv) {
  using namespace kandinsky::server;
  try {
    std::optional<Settings> settings = read_settings(argc, argv);
    if (!settings) return 0;
    set_log_level(settings->log_level);
    return Server(std::move(*settings)).run();
  } catch (const SettingsError& error) {
    fmt::print(stderr, "kandinsky-server: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "kandinsky-server: {}\n", error.what());
    return 1;
  }
}
