#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/checkpoint.h"

namespace kandinsky::testing {

// Files of the checkpoint formats, made from their parts. Bytes are kept in std::string.

std::string little_endian(std::uint64_t value, int bytes);

// A zip file written front to back.
class ZipBuilder {
 public:
  struct Options {
    bool zip64 = false;     // 64-bit sizes and offsets everywhere
    bool deflated = false;  // else stored
    int flags = 0;
    int method = -1;  // -1: 0 or 8, as it is
  };

  void add(std::string_view name, std::string_view data) { add(name, data, Options()); }
  void add(std::string_view name, std::string_view data, Options options);
  std::string finish(std::string_view comment = "", bool zip64 = false) const;

 private:
  std::string file_;
  std::string directory_;
  std::uint64_t count_ = 0;
};

// Parts of pickles.
std::string pickled_text(std::string_view text);
std::string pickled_integers(const std::vector<std::int64_t>& values);
std::string pickled_storage(std::string_view type, std::string_view key, std::int64_t count);
// _rebuild_tensor_v2 over a storage.
std::string pickled_tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& shape,
                           const std::vector<std::int64_t>& strides);
// {"key": value, ...} from parts that are pickled already.
std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items);
// Protocol 2, the object, STOP.
std::string pickle_file(const std::string& object);

// A torch.save zip of an object and its storages 0, 1, ...
std::string torch_zip(const std::string& object, const std::vector<std::string>& storages,
                      ZipBuilder::Options options = {});
std::string safetensors_file(std::string_view header, std::string_view data);

// Reads the file from memory; the bytes must outlive the checkpoint.
Checkpoint load(const std::string& file, std::string name = "memory.pt");
// The message of the Error that reading the file throws; empty if it throws none.
std::string load_error(const std::string& file);

}  // namespace kandinsky::testing
