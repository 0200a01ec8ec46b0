#include "kandinsky/image.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <utility>

#include "core/fail.h"
#include "image/codec.h"
#include "image/file_bytes.h"

namespace kandinsky {

void check_size(std::uint64_t width, std::uint64_t height, const std::string& name) {
  if (width < 1 || height < 1 || width > 65535 || height > 65535 || width * height > most_pixels)
    fail(ErrorCode::bad_file, name, "a picture of {} x {} pixels is too large", width, height);
}

ImageFormat image_format(std::string_view name) {
  if (name == "png") return ImageFormat::png;
  if (name == "jpeg" || name == "jpg") return ImageFormat::jpeg;
  fail(ErrorCode::invalid_argument, "format", "'{}' is not one of png, jpeg", name);
}

Image::Image(int width, int height) : width_(width), height_(height) {
  if (width < 1 || width > 65535) fail(ErrorCode::invalid_argument, "width", "{} is not in 1..65535", width);
  if (height < 1 || height > 65535) fail(ErrorCode::invalid_argument, "height", "{} is not in 1..65535", height);
  pixels_.resize(std::size_t(width) * height * 3);
}

Image::Image(int width, int height, std::vector<std::uint8_t> pixels)
    : width_(width), height_(height), pixels_(std::move(pixels)) {
  if (width < 1 || width > 65535) fail(ErrorCode::invalid_argument, "width", "{} is not in 1..65535", width);
  if (height < 1 || height > 65535) fail(ErrorCode::invalid_argument, "height", "{} is not in 1..65535", height);
  if (pixels_.size() != std::size_t(width) * height * 3)
    fail(ErrorCode::invalid_argument, "pixels", "{} bytes, expected {} for {} x {} RGB pixels", pixels_.size(),
         std::size_t(width) * height * 3, width, height);
}

Image Image::load(const std::filesystem::path& path) { return decode(read_file(path), path.string()); }

Image Image::decode(std::span<const std::byte> bytes, std::string_view name) {
  if (is_png(bytes)) return decode_png(bytes, std::string(name));
  if (is_jpeg(bytes)) return decode_jpeg(bytes, std::string(name));
  fail(ErrorCode::bad_file, std::string(name), "neither a PNG nor a JPEG picture");
}

std::vector<std::byte> Image::encode(ImageFormat format, int quality) const {
  if (empty()) throw Error(ErrorCode::invalid_argument, "image", "there are no pixels");
  return format == ImageFormat::png ? encode_png(*this) : encode_jpeg(*this, quality);
}

void Image::save(const std::filesystem::path& path, int quality) const {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension != ".png" && extension != ".jpg" && extension != ".jpeg")
    fail(ErrorCode::invalid_argument, path.string(), "the name must end in .png, .jpg or .jpeg");
  write_file(path, encode(extension == ".png" ? ImageFormat::png : ImageFormat::jpeg, quality));
}

Image Image::crop(int x, int y, int width, int height) const {
  if (x < 0 || y < 0 || width < 1 || height < 1 || width > width_ - x || height > height_ - y)
    fail(ErrorCode::invalid_argument, "crop", "{} x {} at ({}, {}) does not lie inside {} x {}", width, height, x, y,
         width_, height_);
  Image result(width, height);
  for (int row = 0; row < height; ++row)
    std::memcpy(result.row(row), this->row(y + row) + std::size_t(x) * 3, std::size_t(width) * 3);
  return result;
}

}  // namespace kandinsky
