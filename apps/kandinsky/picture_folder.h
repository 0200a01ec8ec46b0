#pragma once
#include <kandinsky/pipeline.h>

#include <filesystem>
#include <string>
#include <vector>

namespace kandinsky::cli {

// A kept picture whose pixels are in a file.
struct SavedPicture {
  Picture picture;
  std::filesystem::path file;
};

// The folder that generate fills: 1.png, 2.png ... as they are handed over, and a contact sheet of them.
class PictureFolder {
 public:
  // Makes the folder. Throws Error (io) if that cannot be, before anything is drawn.
  PictureFolder(const std::filesystem::path& folder, ImageFormat format);

  void save(const Picture& picture);
  // Into `file`, or contact-sheet.png if that is empty. Returns where it went.
  std::filesystem::path save_contact_sheet(const std::filesystem::path& file) const;
  const std::vector<SavedPicture>& saved() const { return saved_; }

 private:
  std::filesystem::path folder_;
  std::string extension_;
  std::vector<SavedPicture> saved_;
};

// Makes a directory with its parents. Throws Error (io).
void make_directory(const std::filesystem::path& path);

// Throws UsageError that begins with `option` unless the name ends as a picture's does.
void check_picture_name(const std::string& option, const std::filesystem::path& path);

// Makes the parent directory and saves.
void save_picture(const Image& image, const std::filesystem::path& path);

}  // namespace kandinsky::cli
