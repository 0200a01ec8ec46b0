#include "checkpoint/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "checkpoint/printable.h"
#include "core/fail.h"

namespace kandinsky {
namespace {

constexpr std::uint64_t most_inflated = 64 << 20;
constexpr std::uint64_t always_inflated = 4 << 20;
constexpr int raw_deflate = -15;  // window of 2^15 bytes, no zlib header

class Stream {
 public:
  Stream() {
    if (inflateInit2(&state, raw_deflate) != Z_OK) fail(ErrorCode::out_of_memory, "zlib", "cannot start");
  }
  ~Stream() { inflateEnd(&state); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream state{};
};

}  // namespace

Inflater::Inflater(const Source& source)
    : file_(source.name),
      left_(std::min<std::uint64_t>(
          most_inflated, always_inflated + std::min<std::uint64_t>(source.bytes.size(), most_inflated) * 8)) {}

std::vector<std::byte> Inflater::inflate(const ZipRecord& record, std::uint64_t size) {
  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::bad_file, file_, "compressed zip record '{}' {}", printable(record.name), why);
  };
  if (size > left_) {
    refuse(fmt::format("would take {} bytes of memory, {} are allowed: store the records uncompressed", size, left_));
  }
  // No record of a checkpoint that passes the check above comes from so many bytes.
  if (record.bytes.size() > std::numeric_limits<uInt>::max()) refuse("is too large");
  left_ -= size;

  std::vector<std::byte> out(size);
  Stream stream;
  z_stream& state = stream.state;
  state.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(record.bytes.data()));
  state.avail_in = static_cast<uInt>(record.bytes.size());
  Bytef none = 0;
  state.next_out = out.empty() ? &none : reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  const int result = ::inflate(&state, Z_FINISH);
  if (state.avail_out != 0) refuse(fmt::format("is damaged or shorter than {} bytes", size));
  if (size < record.size) return out;  // a longer record: the rest is not wanted
  if (result != Z_STREAM_END) refuse(fmt::format("is damaged or longer than {} bytes", size));
  if (crc32_z(0, reinterpret_cast<const Bytef*>(out.data()), out.size()) != record.crc32) {
    refuse("has a wrong checksum");
  }
  return out;
}

}  // namespace kandinsky
