#include "pipeline/nano.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "support/golden.h"

namespace kandinsky::testing {

namespace fs = std::filesystem;

const Pipeline& nano() {
  static const Pipeline pipeline = [] {
    PipelineOptions options;
    options.device = "cpu";
    options.precision = Precision::fp32;
    options.threads = 1;  // tests run beside each other
    return Pipeline::load(nano_path(), options);
  }();
  return pipeline;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "kandinsky-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path TemporaryFolder::write(const std::string& name, const std::string& text) const {
  fs::path file = path_ / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  return file;
}

void link_nano(const TemporaryFolder& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(nano_path()))
    fs::create_symlink(entry.path(), folder / entry.path().filename().string());
}

Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorCode::internal, "", "none");
}

int different_pixels(const Image& a, const Image& b) {
  if (a.width() != b.width() || a.height() != b.height()) return -1;
  int different = 0;
  for (std::size_t i = 0; i < a.pixels().size(); i += 3) {
    bool differs = false;
    for (std::size_t c = 0; c < 3; ++c) differs |= std::abs(a.pixels()[i + c] - b.pixels()[i + c]) > 1;
    different += differs ? 1 : 0;
  }
  return different;
}

}  // namespace kandinsky::testing
