#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kandinsky::cli {

using Json = nlohmann::ordered_json;

// stdout cannot be written to. The message is empty if its reader has gone: nobody is left to tell.
struct OutputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void print(std::string_view text);
void flush_output();

// One line of JSON; bytes that are not UTF-8 (of file names) are replaced.
std::string to_line(const Json& json);

bool is_utf8(const std::string& text);

// Text for a message of one line: control characters become '?'.
std::string one_line(std::string text);

// "24.0 MB"
std::string megabytes(std::uint64_t bytes);

// The whole of a file, or of stdin for "-". Throws Error (not_found, io, bad_file) if it is longer than
// `most` bytes.
std::string read_text(const std::filesystem::path& path, std::size_t most);

// Writes under a temporary name and renames, so that the file is whole or not there. Throws Error (io).
void write_text(const std::filesystem::path& path, std::string_view text);

}  // namespace kandinsky::cli
