#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

namespace kandinsky::server {

enum class LogLevel { debug, info, warning, error };

void set_log_level(LogLevel level) noexcept;
// One line of JSON on stderr: time, level, event, then the fields. Any thread. Text that is not UTF-8 is repaired.
void log(LogLevel level, std::string_view event,
         const nlohmann::ordered_json& fields = nlohmann::ordered_json::object());

}  // namespace kandinsky::server
