#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "kandinsky/pipeline.h"

namespace kandinsky::testing {

// The bundled model on one thread of the CPU in fp32, loaded once.
const Pipeline& nano();

// A folder that is gone with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  // Writes a file, with its folders.
  std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// The bundled model's directory in links, so that a part can be taken away or replaced.
void link_nano(const TemporaryFolder& folder);

// The Error that `body` throws; fails the test if there is none.
Error error_of(const std::function<void()>& body);

// Pixels that differ by more than 1 of 255 in any channel; -1 for other sizes.
int different_pixels(const Image& a, const Image& b);

}  // namespace kandinsky::testing
