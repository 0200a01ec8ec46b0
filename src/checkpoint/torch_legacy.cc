#include "checkpoint/torch_legacy.h"

#include <map>

#include "checkpoint/byte_reader.h"
#include "checkpoint/pickle_reader.h"
#include "checkpoint/printable.h"
#include "checkpoint/torch_tensors.h"

namespace kandinsky {
namespace {

using pickle::Kind;
using pickle::Pickle;
using pickle::Value;

// 0x1950a86a20f9469cfc6c, little-endian.
constexpr std::string_view magic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t protocol_version = 1001;
// The first pickle is one number, with or without a frame around it.
constexpr std::size_t magic_search_bytes = 32;

void check_system(const Pickle& system, const std::string& file) {
  if (system.root.kind != Kind::dict) fail(ErrorCode::bad_file, file, "facts about the system expected, a dictionary");
  const auto& items = system.items(system.root);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (items[i].kind != Kind::text || items[i].view() != "little_endian") continue;
    if (items[i + 1].kind != Kind::boolean || items[i + 1].integer == 0) {
      fail(ErrorCode::unsupported, file, "numbers are big-endian, expected little-endian ones");
    }
  }
}

using Storages = std::map<std::string_view, std::span<const std::byte>>;

// The storages behind the pickles, in the order of `keys`.
Storages read_storages(const Pickle& object, const Pickle& keys, ByteReader& reader, const std::string& file) {
  // A storage's type, hence its size, is known from the object alone.
  std::map<std::string_view, const pickle::Storage*> described;
  for (const pickle::Storage& storage : object.storages) {
    const auto [entry, added] = described.emplace(storage.key, &storage);
    if (!added && storage_bytes(storage, file) != storage_bytes(*entry->second, file)) {
      fail(ErrorCode::bad_file, file, "storage '{}' comes with two sizes", printable(storage.key));
    }
  }
  if (keys.root.kind != Kind::list) fail(ErrorCode::bad_file, file, "a list of storage keys expected");
  Storages storages;
  for (const Value& key : keys.items(keys.root)) {
    const auto found = key.kind == Kind::text ? described.find(key.view()) : described.end();
    if (found == described.end()) fail(ErrorCode::bad_file, file, "a storage that no tensor uses");
    const pickle::Storage& storage = *found->second;
    const auto count = reader.number<std::uint64_t>();
    if (count != storage.count) {
      fail(ErrorCode::bad_file, file, "storage '{}' has {} elements, {} expected", printable(storage.key), count,
           storage.count);
    }
    if (!storages.emplace(storage.key, reader.take(storage_bytes(storage, file))).second) {
      fail(ErrorCode::bad_file, file, "storage '{}' is stored twice", printable(storage.key));
    }
  }
  return storages;
}

}  // namespace

bool looks_like_torch_legacy(std::span<const std::byte> bytes) {
  return as_text(bytes).starts_with('\x80') &&
         as_text(bytes).substr(0, magic_search_bytes).find(magic) != std::string_view::npos;
}

Contents read_torch_legacy(const Source& source) {
  ByteReader reader(source.bytes, source.name, "the legacy torch.save file");
  const auto next_pickle = [&] {
    Pickle pickle = pickle::read_pickle(source.bytes.subspan(reader.position()), source.name);
    reader.take(pickle.size);
    return pickle;
  };
  const Pickle magic_number = next_pickle();
  if (magic_number.root.kind != Kind::big_integer || magic_number.root.view() != magic) {
    fail(ErrorCode::bad_file, source.name, "wrong magic number for a legacy torch.save file");
  }
  const Pickle version = next_pickle();
  if (version.root.kind != Kind::integer || version.root.integer != protocol_version) {
    fail(ErrorCode::bad_file, source.name, "unknown version of the legacy torch.save format, expected {}",
         protocol_version);
  }
  check_system(next_pickle(), source.name);
  const Pickle object = next_pickle();
  const Pickle keys = next_pickle();
  const Storages storages = read_storages(object, keys, reader, source.name);

  Contents contents;
  contents.tensors = resolve_tensors(object, source, [&](std::string_view key, std::uint64_t) {
    const auto found = storages.find(key);
    if (found == storages.end()) fail(ErrorCode::bad_file, source.name, "storage '{}' is missing", printable(key));
    return found->second;
  });
  return contents;
}

}  // namespace kandinsky
