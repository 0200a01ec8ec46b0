#include "checkpoint/builders.h"

#include <zlib.h>

#include <stdexcept>

#include "kandinsky/error.h"

namespace kandinsky::testing {
namespace {

std::string deflate_raw(std::string_view data) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string pickled_integer(std::int64_t value) {
  return "\x8a\x08" + little_endian(static_cast<std::uint64_t>(value), 8);
}

}  // namespace

std::string little_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(i < 8 ? value >> (8 * i) : 0);
  return out;
}

void ZipBuilder::add(std::string_view name, std::string_view data, Options options) {
  const std::string stored = options.deflated ? deflate_raw(data) : std::string(data);
  const int method = options.method >= 0 ? options.method : options.deflated ? 8 : 0;
  const std::uint64_t offset = file_.size();
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size());
  const std::string sizes =
      options.zip64 ? little_endian(~0ull, 8) : little_endian(stored.size(), 4) + little_endian(data.size(), 4);
  const std::string long_sizes = little_endian(data.size(), 8) + little_endian(stored.size(), 8);
  const std::string local_extra =
      options.zip64 ? little_endian(1, 2) + little_endian(16, 2) + long_sizes : std::string();
  const std::string central_extra =
      options.zip64 ? little_endian(1, 2) + little_endian(24, 2) + long_sizes + little_endian(offset, 8)
                    : std::string();
  const std::string common = little_endian(45, 2) + little_endian(static_cast<std::uint64_t>(options.flags), 2) +
                             little_endian(static_cast<std::uint64_t>(method), 2) + little_endian(0, 4) +
                             little_endian(crc, 4) + sizes + little_endian(name.size(), 2);
  file_ += little_endian(0x04034b50, 4) + common + little_endian(local_extra.size(), 2);
  file_ += std::string(name) + local_extra + stored;
  directory_ += little_endian(0x02014b50, 4) + little_endian(45, 2) + common;
  directory_ += little_endian(central_extra.size(), 2) + little_endian(0, 2 + 2 + 2 + 4);
  directory_ += little_endian(options.zip64 ? 0xFFFFFFFF : offset, 4) + std::string(name) + central_extra;
  ++count_;
}

std::string ZipBuilder::finish(std::string_view comment, bool zip64) const {
  std::string out = file_ + directory_;
  if (zip64) {
    const std::uint64_t end = out.size();
    out += little_endian(0x06064b50, 4) + little_endian(44, 8) + little_endian(45, 2) + little_endian(45, 2);
    out += little_endian(0, 8) + little_endian(count_, 8) + little_endian(count_, 8);
    out += little_endian(directory_.size(), 8) + little_endian(file_.size(), 8);
    out += little_endian(0x07064b50, 4) + little_endian(0, 4) + little_endian(end, 8) + little_endian(1, 4);
  }
  out += little_endian(0x06054b50, 4) + little_endian(0, 4);
  out += little_endian(zip64 ? 0xFFFF : count_, 2) + little_endian(zip64 ? 0xFFFF : count_, 2);
  out += little_endian(zip64 ? 0xFFFFFFFF : directory_.size(), 4);
  out += little_endian(zip64 ? 0xFFFFFFFF : file_.size(), 4);
  return out + little_endian(comment.size(), 2) + std::string(comment);
}

std::string pickled_text(std::string_view text) { return "X" + little_endian(text.size(), 4) + std::string(text); }

std::string pickled_integers(const std::vector<std::int64_t>& values) {
  std::string out = "(";
  for (const std::int64_t value : values) out += pickled_integer(value);
  return out + "t";
}

std::string pickled_storage(std::string_view type, std::string_view key, std::int64_t count) {
  return "(" + pickled_text("storage") + "ctorch\n" + std::string(type) + "\n" + pickled_text(key) +
         pickled_text("cpu") + pickled_integer(count) + "tQ";
}

std::string pickled_tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& shape,
                           const std::vector<std::int64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickled_integer(offset) + pickled_integers(shape) +
         pickled_integers(strides) + "\x89" + "}tR";
}

std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += pickled_text(key) + value;
  return out + "u";
}

std::string pickle_file(const std::string& object) { return "\x80\x02" + object + "."; }

std::string torch_zip(const std::string& object, const std::vector<std::string>& storages,
                      ZipBuilder::Options options) {
  ZipBuilder zip;
  zip.add("archive/data.pkl", pickle_file(object), options);
  for (std::size_t i = 0; i < storages.size(); ++i) zip.add("archive/data/" + std::to_string(i), storages[i], options);
  return zip.finish();
}

std::string safetensors_file(std::string_view header, std::string_view data) {
  return little_endian(header.size(), 8) + std::string(header) + std::string(data);
}

Checkpoint load(const std::string& file, std::string name) {
  return Checkpoint::from_memory(std::as_bytes(std::span(file)), std::move(name));
}

std::string load_error(const std::string& file) {
  try {
    load(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace kandinsky::testing
