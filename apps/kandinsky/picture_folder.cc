#include "picture_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "command.h"
#include "interrupt.h"

namespace kandinsky::cli {

namespace fs = std::filesystem;

void make_writable_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  std::error_code ignored;
  if (fs::exists(folder, ignored) && !fs::is_directory(folder, ignored))
    throw Error(ErrorCode::io, folder.string(), "is a file, not a folder");
  if (error) throw Error(ErrorCode::io, folder.string(), fmt::format("cannot be made: {}", error.message()));

  const StopLater stop_later;
  const fs::path probe = folder / fmt::format(".{}.probe", getpid());
  std::FILE* file = std::fopen(probe.c_str(), "wbx");
  if (file == nullptr)
    throw Error(ErrorCode::io, folder.string(), fmt::format("cannot be written to: {}", std::strerror(errno)));
  std::fclose(file);
  std::remove(probe.c_str());
}

void check_writable(const fs::path& file) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) throw Error(ErrorCode::io, file.string(), "is a folder");
  make_writable_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

void check_picture_name(const std::string& option, const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension != ".png" && extension != ".jpg" && extension != ".jpeg")
    throw UsageError(fmt::format("{}: '{}' does not end in .png, .jpg or .jpeg", option, path.string()));
}

PictureFolder::PictureFolder(const fs::path& folder, ImageFormat format)
    : folder_(folder), extension_(format == ImageFormat::png ? ".png" : ".jpg") {
  make_writable_folder(folder);
}

void PictureFolder::save(const Picture& picture) {
  SavedPicture saved{picture, folder_ / (std::to_string(saved_.size() + 1) + extension_)};
  const StopLater stop_later;
  saved.picture.image.save(saved.file);
  saved_.push_back(std::move(saved));
}

fs::path PictureFolder::save_contact_sheet(const fs::path& file) const {
  std::vector<Image> images;
  for (const SavedPicture& saved : saved_) images.push_back(saved.picture.image);
  fs::path path = file.empty() ? folder_ / "contact-sheet.png" : file;
  const Image sheet = contact_sheet(images);
  const StopLater stop_later;
  sheet.save(path);
  return path;
}

}  // namespace kandinsky::cli
