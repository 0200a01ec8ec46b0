#include "checkpoint/torch_zip.h"

#include "checkpoint/byte_reader.h"
#include "checkpoint/inflate.h"
#include "checkpoint/pickle_reader.h"
#include "checkpoint/printable.h"
#include "checkpoint/torch_tensors.h"
#include "checkpoint/zip_directory.h"

namespace kandinsky {
namespace {

constexpr std::string_view pickle_name = "/data.pkl";

// The folder that everything lies in: 'archive', or the name that the file once had.
std::string_view find_root(const ZipDirectory& zip, const std::string& file) {
  std::string_view root;
  for (const ZipRecord& record : zip.records()) {
    if (!record.name.ends_with(pickle_name)) continue;
    const std::string_view folder = record.name.substr(0, record.name.size() - pickle_name.size());
    if (folder.empty() || folder.find('/') != std::string_view::npos) continue;
    if (!root.empty())
      fail(ErrorCode::bad_file, file, "two data.pkl, in '{}' and '{}'", printable(root), printable(folder));
    root = folder;
  }
  if (root.empty()) fail(ErrorCode::bad_file, file, "zip file without a data.pkl: expected what torch.save writes");
  return root;
}

}  // namespace

bool looks_like_zip(std::span<const std::byte> bytes) { return as_text(bytes).starts_with("PK\x03\x04"); }

Contents read_torch_zip(const Source& source) {
  const ZipDirectory zip(source);
  const std::string root(find_root(zip, source.name));
  Inflater inflater(source);
  Contents contents;

  // The record's first `size` bytes.
  const auto read = [&](const ZipRecord& record, std::uint64_t size) -> std::span<const std::byte> {
    if (!record.deflated) return record.bytes.first(size);
    return contents.inflated.emplace_back(inflater.inflate(record, size));
  };

  if (const ZipRecord* order = zip.find(root + "/byteorder")) {
    const std::string_view text = as_text(read(*order, std::min<std::uint64_t>(order->size, 16)));
    if (text == "big") fail(ErrorCode::unsupported, source.name, "numbers are big-endian, expected little-endian ones");
    if (text != "little") fail(ErrorCode::bad_file, source.name, "byte order '{}', expected 'little'", printable(text));
  }
  const ZipRecord& record = *zip.find(root + std::string(pickle_name));
  const pickle::Pickle pickle = pickle::read_pickle(read(record, record.size), source.name, record.bytes.size());
  contents.tensors = resolve_tensors(pickle, source, [&](std::string_view key, std::uint64_t bytes) {
    const ZipRecord* storage =
        key.find('/') == std::string_view::npos ? zip.find(root + "/data/" + std::string(key)) : nullptr;
    if (storage == nullptr) fail(ErrorCode::bad_file, source.name, "storage '{}' is missing", printable(key));
    if (storage->size < bytes) {
      fail(ErrorCode::bad_file, source.name, "storage '{}' has {} bytes, {} expected", printable(key), storage->size,
           bytes);
    }
    return read(*storage, bytes);
  });
  return contents;
}

}  // namespace kandinsky
