#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace kandinsky {

// A whole file of at most 1 GiB. Throws Error: not_found, bad_file, io.
std::vector<std::byte> read_file(const std::filesystem::path& path);

// Writes under a temporary name beside the file and renames, so that the file is whole or not there. Throws Error (io).
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace kandinsky
