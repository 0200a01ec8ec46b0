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
  // Makes the folder.
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

// Makes a folder with its parents and sees whether files can be written to it, before the work whose result
// they will hold. Throws Error (io).
void make_writable_folder(const std::filesystem::path& folder);
// The same for the folder of a file.
void check_writable(const std::filesystem::path& file);

// Throws UsageError that begins with `option` unless the name ends as a picture's does.
void check_picture_name(const std::string& option, const std::filesystem::path& path);

}  // namespace kandinsky::cli
