#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/fail.h"
#include "kandinsky/pipeline.h"

namespace kandinsky {
namespace {

namespace fs = std::filesystem;

bool has_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool has_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::vector<fs::path> entries(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    found.push_back(at->path());
  if (error) fail(ErrorCode::io, directory.string(), "cannot be listed: {}", error.message());
  std::sort(found.begin(), found.end());
  return found;
}

fs::path only_one(const std::vector<fs::path>& candidates, const fs::path& directory, std::string_view what) {
  if (candidates.empty()) return {};
  if (candidates.size() == 1) return candidates.front();
  std::string names;
  for (const fs::path& path : candidates) names += (names.empty() ? "" : ", ") + path.filename().string();
  fail(ErrorCode::not_found, directory.string(), "has several files that could be the {} ({}): name one", what, names);
}

// `usual` in the directory, else the only file there with one of the extensions; empty if there is none.
fs::path pick_file(const fs::path& directory, std::string_view usual,
                   std::initializer_list<std::string_view> extensions, std::string_view what) {
  if (!has_directory(directory)) return {};
  if (has_file(directory / usual)) return directory / usual;
  std::vector<fs::path> candidates;
  for (const fs::path& path : entries(directory)) {
    const bool fits = std::find(extensions.begin(), extensions.end(), path.extension().string()) != extensions.end();
    if (fits && has_file(path)) candidates.push_back(path);
  }
  return only_one(candidates, directory, what);
}

// `ruclip`, else the only directory whose name starts with it.
fs::path pick_ruclip(const fs::path& directory) {
  if (has_directory(directory / "ruclip")) return directory / "ruclip";
  std::vector<fs::path> candidates;
  for (const fs::path& path : entries(directory))
    if (path.filename().string().starts_with("ruclip") && has_directory(path)) candidates.push_back(path);
  return only_one(candidates, directory, "ruCLIP directory");
}

void require(const fs::path& path, const fs::path& directory, std::string_view what, std::string_view where) {
  if (path.empty()) fail(ErrorCode::not_found, directory.string(), "has no {} ({})", what, where);
}

void require_given(const fs::path& path, std::string_view what) {
  std::error_code ignored;
  if (!path.empty() && !fs::exists(path, ignored)) fail(ErrorCode::not_found, path.string(), "no such {}", what);
}

}  // namespace

ModelFiles ModelFiles::find(const fs::path& directory, ModelFiles files) {
  require_given(files.transformer, "file");
  require_given(files.transformer_config, "file");
  require_given(files.tokenizer, "file");
  require_given(files.vqgan, "file");
  require_given(files.ruclip, "directory");
  require_given(files.real_esrgan, "file");
  require_given(files.generation_config, "file");

  std::error_code ignored;
  if (!fs::exists(directory, ignored)) fail(ErrorCode::not_found, directory.string(), "no such model directory");
  if (!has_directory(directory)) fail(ErrorCode::not_found, directory.string(), "is a file, not a model directory");

  if (files.transformer.empty())
    files.transformer = pick_file(directory, "rudalle_kandinsky.bin", {".bin", ".pt", ".safetensors"}, "transformer");
  require(files.transformer, directory, "transformer", "rudalle_kandinsky.bin, or one *.bin, *.pt or *.safetensors");
  if (files.tokenizer.empty())
    files.tokenizer = pick_file(directory / "tokenizer", "bpe.model", {".model"}, "tokenizer");
  require(files.tokenizer, directory, "tokenizer", "tokenizer/bpe.model");
  if (files.vqgan.empty())
    files.vqgan = pick_file(directory / "vae", "vqgan.gumbelf8-sber.model.ckpt", {".ckpt", ".safetensors"}, "VQGAN");
  require(files.vqgan, directory, "VQGAN", "one vae/*.ckpt");
  if (files.ruclip.empty()) files.ruclip = pick_ruclip(directory);
  if (files.real_esrgan.empty())
    files.real_esrgan = pick_file(directory / "x4", "RealESRGAN_x4.pth", {".pth", ".safetensors"}, "Real-ESRGAN");

  const auto optional_file = [&](fs::path& path, const char* name) {
    if (path.empty() && has_file(directory / name)) path = directory / name;
  };
  optional_file(files.transformer_config, "config.json");
  optional_file(files.generation_config, "generation_config.json");
  return files;
}

}  // namespace kandinsky
