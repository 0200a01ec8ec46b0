#include "checkpoint/safetensors.h"

#include <algorithm>

#include "checkpoint/byte_reader.h"
#include "checkpoint/printable.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/tensor_layout.h"

namespace kandinsky {
namespace {

// The limit of the format's definition.
constexpr std::uint64_t max_header_bytes = 100'000'000;

void check_coverage(const SafetensorsHeader& header, std::uint64_t data_bytes, const std::string& file) {
  std::vector<const SafetensorsEntry*> entries;
  for (const SafetensorsEntry& entry : header.entries) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](const SafetensorsEntry* a, const SafetensorsEntry* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
  });
  std::uint64_t covered = 0;
  for (const SafetensorsEntry* entry : entries) {
    if (entry->begin != covered) {
      fail(ErrorCode::bad_file, file,
           "tensor '{}' starts at byte {} of the data, expected {}: tensors overlap or leave a gap",
           printable(entry->name), entry->begin, covered);
    }
    covered = entry->end;
  }
  if (covered != data_bytes) {
    fail(ErrorCode::bad_file, file, "the tensors take {} bytes, the file has {}", covered, data_bytes);
  }
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) { return bytes.size() > 8 && bytes[8] == std::byte{'{'}; }

Contents read_safetensors(const Source& source) {
  ByteReader reader(source.bytes, source.name, "the safetensors file");
  const auto header_bytes = reader.number<std::uint64_t>();
  if (header_bytes > max_header_bytes) {
    fail(ErrorCode::bad_file, source.name, "safetensors header of {} bytes, at most {} expected", header_bytes,
         max_header_bytes);
  }
  SafetensorsHeader header = parse_safetensors_header(as_text(reader.take(header_bytes)), source.name);
  const std::span<const std::byte> data = source.bytes.subspan(reader.position());

  Contents contents;
  contents.metadata = std::move(header.metadata);
  contents.tensors.reserve(header.entries.size());
  for (const SafetensorsEntry& entry : header.entries) {
    const std::size_t size = element_size(entry.dtype);
    TensorInfo tensor{entry.name, entry.dtype, entry.shape, {}, nullptr};
    // Sizes first: strides are products of them.
    check_extent(entry.shape, std::vector<std::int64_t>(entry.shape.size(), 0), size, source.name, entry.name);
    tensor.strides = contiguous_strides(entry.shape);
    const auto bytes = static_cast<std::uint64_t>(tensor.element_count()) * size;
    if (entry.begin > entry.end || entry.end > data.size()) {
      fail(ErrorCode::bad_file, source.name, "tensor '{}' lies at bytes {} to {} of {} bytes of data",
           printable(entry.name), entry.begin, entry.end, data.size());
    }
    if (entry.end - entry.begin != bytes) {
      fail(ErrorCode::bad_file, source.name, "tensor '{}' has {} bytes, its dtype and shape need {}",
           printable(entry.name), entry.end - entry.begin, bytes);
    }
    tensor.data = data.data() + entry.begin;
    contents.tensors.push_back(std::move(tensor));
  }
  check_coverage(header, data.size(), source.name);
  return contents;
}

}  // namespace kandinsky
