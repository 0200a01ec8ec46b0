#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics.h"
#include "params.h"
#include "serving/request.h"

namespace kandinsky::server {

// A kept picture as it goes out.
struct EncodedPicture {
  std::string data;  // of the file, raw or in base64
  int number = 0;
  std::uint64_t seed = 0;
  double ppl = 0;
  std::optional<float> clip_score;
  int width = 0;
  int height = 0;
};

EncodedPicture encode(const Picture& picture, ImageFormat format, int quality, bool base64);
std::string base64_of(const Image& image, ImageFormat format, int quality);

// Collects the pictures of one query. `done` is called once, on a thread of the engine; what the members hold is
// complete then.
class Collector : public serving::Listener {
 public:
  Collector(const Query& query, bool base64, Metrics& metrics, std::function<void()> done)
      : format_(query.format), quality_(query.quality), base64_(base64), metrics_(metrics), done_(std::move(done)) {}

  void on_picture(const Picture& picture) override;
  void on_done(const serving::Outcome& outcome) override;

  const std::vector<EncodedPicture>& pictures() const { return pictures_; }
  const serving::Outcome& outcome() const { return outcome_; }

 private:
  const ImageFormat format_;
  const int quality_;
  const bool base64_;
  Metrics& metrics_;
  const std::function<void()> done_;
  std::vector<EncodedPicture> pictures_;
  serving::Outcome outcome_;
};

}  // namespace kandinsky::server
