#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kandinsky/image.h"

namespace kandinsky {

// Pictures of files: at most this many pixels, so that a small hostile file cannot ask for all memory.
constexpr std::uint64_t most_pixels = std::uint64_t{1} << 28;
void check_size(std::uint64_t width, std::uint64_t height, const std::string& name);

bool is_png(std::span<const std::byte> bytes);
Image decode_png(std::span<const std::byte> bytes, const std::string& name);
std::vector<std::byte> encode_png(const Image& image);

bool is_jpeg(std::span<const std::byte> bytes);
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name);
std::vector<std::byte> encode_jpeg(const Image& image, int quality);

}  // namespace kandinsky
