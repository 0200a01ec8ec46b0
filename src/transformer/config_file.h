#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "kandinsky/transformer.h"

namespace kandinsky {

// A transformer's config.json: any of TransformerConfig's fields, under their names.
struct TransformerConfigFile {
  std::optional<int> layers, hidden, heads, text_length, grid, text_vocab, image_vocab, version;
  std::optional<bool> sandwich, relax;

  // Throws Error: not_found, io, bad_file (a field of another name or type).
  static TransformerConfigFile load(const std::filesystem::path& path);
  // Throws Error (bad_file) if a field is not what the tensors say.
  void check_sizes(const TransformerConfig& tensors, const std::string& subject) const;
};

}  // namespace kandinsky
