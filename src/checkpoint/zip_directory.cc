#include "checkpoint/zip_directory.h"

#include <algorithm>

#include "checkpoint/byte_reader.h"
#include "checkpoint/printable.h"

namespace kandinsky {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t zip64_end_signature = 0x06064b50;
constexpr std::uint32_t zip64_locator_signature = 0x07064b50;
constexpr std::size_t end_bytes = 22;
constexpr std::size_t zip64_end_bytes = 56;
constexpr std::size_t zip64_locator_bytes = 20;
constexpr std::size_t central_bytes = 46;
constexpr std::uint16_t saturated16 = 0xFFFF;
constexpr std::uint32_t saturated32 = 0xFFFFFFFF;

// Where the central directory lies.
struct End {
  std::uint64_t records = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// The end record is followed by a comment of up to 64 KB, so it is searched backwards.
std::size_t find_end_record(const Source& source) {
  const auto& bytes = source.bytes;
  if (bytes.size() >= end_bytes) {
    const std::size_t last = bytes.size() - end_bytes;
    const std::size_t first = last > saturated16 ? last - saturated16 : 0;
    for (std::size_t at = last + 1; at-- > first;) {
      if (load_little_endian<std::uint32_t>(&bytes[at]) != end_signature) continue;
      if (load_little_endian<std::uint16_t>(&bytes[at + 20]) == last - at) return at;
    }
  }
  fail(ErrorCode::bad_file, source.name, "zip file without a directory at its end: it may be cut off");
}

End read_zip64_end(const Source& source, std::size_t locator) {
  const auto offset = load_little_endian<std::uint64_t>(&source.bytes[locator + 8]);
  if (offset > locator || locator - offset < zip64_end_bytes ||
      load_little_endian<std::uint32_t>(&source.bytes[offset]) != zip64_end_signature) {
    fail(ErrorCode::bad_file, source.name, "zip64 end record expected at byte {}", offset);
  }
  const std::byte* record = &source.bytes[offset];
  End end{load_little_endian<std::uint64_t>(record + 32), load_little_endian<std::uint64_t>(record + 48),
          load_little_endian<std::uint64_t>(record + 40)};
  if (end.offset > offset || end.bytes > offset - end.offset) {
    fail(ErrorCode::bad_file, source.name, "zip directory of {} bytes at {} does not fit the file", end.bytes,
         end.offset);
  }
  return end;
}

End read_end(const Source& source) {
  const std::size_t at = find_end_record(source);
  ByteReader reader(source.bytes.subspan(at), source.name, "the zip end record");
  reader.take(4);
  const auto disk = reader.number<std::uint16_t>();
  const auto directory_disk = reader.number<std::uint16_t>();
  const auto records_on_disk = reader.number<std::uint16_t>();
  End end;
  end.records = reader.number<std::uint16_t>();
  end.bytes = reader.number<std::uint32_t>();
  end.offset = reader.number<std::uint32_t>();
  if (disk != directory_disk || records_on_disk != end.records || (disk != 0 && disk != saturated16)) {
    fail(ErrorCode::bad_file, source.name, "zip files split into parts are not supported");
  }
  const bool has_locator =
      at >= zip64_locator_bytes &&
      load_little_endian<std::uint32_t>(&source.bytes[at - zip64_locator_bytes]) == zip64_locator_signature;
  if (has_locator && (end.records == saturated16 || end.bytes == saturated32 || end.offset == saturated32)) {
    return read_zip64_end(source, at - zip64_locator_bytes);
  }
  if (end.offset > at || end.bytes > at - end.offset) {
    fail(ErrorCode::bad_file, source.name, "zip directory of {} bytes at {} does not fit the file", end.bytes,
         end.offset);
  }
  return end;
}

// The fields of a central record that zip64 may move into its extra field.
struct Sizes {
  std::uint64_t size = 0;
  std::uint64_t stored = 0;
  std::uint64_t local_offset = 0;
};

void read_zip64_extra(std::span<const std::byte> extra, Sizes& sizes, const std::string& file) {
  ByteReader reader(extra, file, "a zip extra field");
  while (reader.remaining() >= 4) {
    const auto id = reader.number<std::uint16_t>();
    const auto field = reader.take(reader.number<std::uint16_t>());
    if (id != 1) continue;
    ByteReader values(field, file, "a zip64 extra field");
    for (std::uint64_t* value : {&sizes.size, &sizes.stored, &sizes.local_offset}) {
      if (*value == saturated32) *value = values.number<std::uint64_t>();
    }
    return;
  }
}

// The bytes of a record, behind its local header.
std::span<const std::byte> record_bytes(const Source& source, std::string_view name, const Sizes& sizes,
                                        std::uint64_t data_end) {
  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::bad_file, source.name, "zip record '{}' {}", printable(name), why);
  };
  if (sizes.local_offset > data_end) refuse("lies outside the file");
  ByteReader reader(source.bytes.first(data_end).subspan(sizes.local_offset), source.name, "a zip record");
  if (reader.number<std::uint32_t>() != local_signature) refuse("has no local header where its directory says");
  reader.take(22);
  const auto name_length = reader.number<std::uint16_t>();
  const auto extra_length = reader.number<std::uint16_t>();
  if (as_text(reader.take(name_length)) != name) refuse("has another name in its local header");
  reader.take(extra_length);
  if (sizes.stored > reader.remaining()) {
    refuse(fmt::format("has {} bytes, only {} are there", sizes.stored, reader.remaining()));
  }
  return reader.take(sizes.stored);
}

ZipRecord read_record(const Source& source, ByteReader& reader, std::uint64_t data_end) {
  if (reader.number<std::uint32_t>() != central_signature) {
    fail(ErrorCode::bad_file, source.name, "damaged zip directory");
  }
  reader.take(4);  // versions
  const auto flags = reader.number<std::uint16_t>();
  const auto method = reader.number<std::uint16_t>();
  reader.take(4);  // date and time
  ZipRecord record;
  record.crc32 = reader.number<std::uint32_t>();
  Sizes sizes;
  sizes.stored = reader.number<std::uint32_t>();
  sizes.size = reader.number<std::uint32_t>();
  const auto name_length = reader.number<std::uint16_t>();
  const auto extra_length = reader.number<std::uint16_t>();
  const auto comment_length = reader.number<std::uint16_t>();
  reader.take(8);  // disk and attributes
  sizes.local_offset = reader.number<std::uint32_t>();
  record.name = as_text(reader.take(name_length));
  read_zip64_extra(reader.take(extra_length), sizes, source.name);
  reader.take(comment_length);

  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::bad_file, source.name, "zip record '{}' {}", printable(record.name), why);
  };
  if ((flags & 1) != 0) refuse("is encrypted");
  if (method != 0 && method != 8) refuse(fmt::format("is compressed by method {}, expected none or deflate", method));
  record.deflated = method == 8;
  if (!record.deflated && sizes.size != sizes.stored) refuse("is stored, yet has two different sizes");
  record.size = sizes.size;
  record.bytes = record_bytes(source, record.name, sizes, data_end);
  return record;
}

}  // namespace

ZipDirectory::ZipDirectory(const Source& source) {
  const End end = read_end(source);
  if (end.records > end.bytes / central_bytes) {
    fail(ErrorCode::bad_file, source.name, "{} zip records claimed, a directory of {} bytes cannot hold them",
         end.records, end.bytes);
  }
  ByteReader reader(source.bytes.subspan(end.offset, end.bytes), source.name, "the zip directory");
  records_.reserve(end.records);
  for (std::uint64_t i = 0; i < end.records; ++i) {
    records_.push_back(read_record(source, reader, end.offset));
    if (!by_name_.emplace(records_.back().name, records_.size() - 1).second) {
      fail(ErrorCode::bad_file, source.name, "two zip records are called '{}'", printable(records_.back().name));
    }
  }
}

const ZipRecord* ZipDirectory::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &records_[found->second];
}

}  // namespace kandinsky
