#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace kandinsky::cli {

struct CaptionedImage {
  std::filesystem::path image;
  std::string caption;
};

// Lines of an image path, a tab and a caption; empty lines are passed over. Paths are relative to the table's
// folder. Throws Error (not_found, io, bad_file) that names file and line.
std::vector<CaptionedImage> read_caption_table(const std::filesystem::path& path);

}  // namespace kandinsky::cli
