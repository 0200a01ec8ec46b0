#include "pictures.h"

#include <chrono>
#include <exception>
#include <utility>

#include "image/base64.h"

namespace kandinsky::server {

EncodedPicture encode(const Picture& picture, ImageFormat format, int quality, bool base64) {
  EncodedPicture out;
  const std::vector<std::byte> file = picture.image.encode(format, quality);
  out.data = base64 ? encode_base64(file) : std::string(reinterpret_cast<const char*>(file.data()), file.size());
  out.number = picture.number;
  out.seed = picture.seed;
  out.ppl = picture.ppl;
  out.clip_score = picture.clip_score;
  out.width = picture.image.width();
  out.height = picture.image.height();
  return out;
}

std::string base64_of(const Image& image, ImageFormat format, int quality) {
  return encode_base64(image.encode(format, quality));
}

void Collector::on_picture(const Picture& picture) {
  const auto start = serving::Clock::now();
  try {
    pictures_.push_back(encode(picture, format_, quality_, base64_));
  } catch (const std::exception& error) {
    if (outcome_.ending == serving::Ending::done) outcome_ = {serving::Ending::failed, error.what()};
  }
  metrics_.stage("encoding", std::chrono::duration<double>(serving::Clock::now() - start).count());
}

void Collector::on_done(const serving::Outcome& outcome) {
  if (outcome_.ending == serving::Ending::done) outcome_ = outcome;
  done_();
}

}  // namespace kandinsky::server
