#include "kandinsky/checkpoint.h"

#include <array>
#include <map>
#include <utility>

#include "checkpoint/byte_reader.h"
#include "checkpoint/contents.h"
#include "checkpoint/mapped_file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/torch_legacy.h"
#include "checkpoint/torch_zip.h"

namespace kandinsky {
namespace {

// What tensors point into; shared by a checkpoint and its state_dict().
struct Backing {
  std::unique_ptr<const MappedFile> file;  // none over memory
  std::vector<std::vector<std::byte>> inflated;
};

// The extent of a tensor in its storage.
std::span<const std::byte> bytes_of(const TensorInfo& tensor) {
  if (tensor.element_count() == 0) return {};
  std::int64_t last = 0;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) last += (tensor.shape[d] - 1) * tensor.strides[d];
  return {tensor.data, (static_cast<std::size_t>(last) + 1) * element_size(tensor.dtype)};
}

}  // namespace

struct Checkpoint::Impl {
  std::string_view format;
  std::string name;
  std::vector<TensorInfo> tensors;
  std::map<std::string_view, const TensorInfo*> by_name;
  std::map<std::string, std::string, std::less<>> metadata;
  std::shared_ptr<const Backing> backing;

  // Of two tensors whose paths read alike, the first is found.
  void index() {
    for (const TensorInfo& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  }

  static std::shared_ptr<const Impl> read(const Source& source, std::unique_ptr<const MappedFile> file) {
    auto impl = std::make_shared<Impl>();
    auto backing = std::make_shared<Backing>();
    Contents contents;
    if (looks_like_zip(source.bytes)) {
      impl->format = "torch-zip";
      contents = read_torch_zip(source);
    } else if (looks_like_safetensors(source.bytes)) {
      impl->format = "safetensors";
      contents = read_safetensors(source);
    } else if (looks_like_torch_legacy(source.bytes)) {
      impl->format = "torch-legacy";
      contents = read_torch_legacy(source);
    } else if (as_text(source.bytes).starts_with("version https://git-lfs")) {
      fail(ErrorCode::bad_file, source.name, "this is a Git LFS pointer: fetch the file itself with 'git lfs pull'");
    } else {
      fail(ErrorCode::bad_file, source.name, "no checkpoint: expected a torch.save file or safetensors, {} bytes found",
           source.bytes.size());
    }
    impl->name = source.name;
    impl->tensors = std::move(contents.tensors);
    impl->metadata = std::move(contents.metadata);
    backing->file = std::move(file);
    backing->inflated = std::move(contents.inflated);
    impl->backing = std::move(backing);
    impl->index();
    return impl;
  }
};

Checkpoint::Checkpoint(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Checkpoint Checkpoint::open(const std::filesystem::path& path) {
  auto file = std::make_unique<const MappedFile>(path);
  const Source source{file->bytes(), path.string()};
  const MappedFile& mapped = *file;
  mapped.expect_scattered_reads(true);
  auto impl = Impl::read(source, std::move(file));
  mapped.expect_scattered_reads(false);
  return Checkpoint(std::move(impl));
}

Checkpoint Checkpoint::from_memory(std::span<const std::byte> bytes, std::string name) {
  return Checkpoint(Impl::read({bytes, std::move(name)}, nullptr));
}

std::string_view Checkpoint::format() const noexcept { return impl_->format; }
const std::string& Checkpoint::name() const noexcept { return impl_->name; }
const std::vector<TensorInfo>& Checkpoint::tensors() const noexcept { return impl_->tensors; }

const TensorInfo* Checkpoint::find(std::string_view name) const noexcept {
  const auto found = impl_->by_name.find(name);
  return found == impl_->by_name.end() ? nullptr : found->second;
}

const std::string* Checkpoint::metadata(std::string_view key) const noexcept {
  const auto found = impl_->metadata.find(key);
  return found == impl_->metadata.end() ? nullptr : &found->second;
}

Checkpoint Checkpoint::state_dict() const {
  constexpr std::array<std::string_view, 3> prefixes = {"params/", "params_ema/", "state_dict/"};
  for (const std::string_view prefix : prefixes) {
    std::vector<TensorInfo> inside;
    for (const TensorInfo& tensor : impl_->tensors) {
      if (!tensor.name.starts_with(prefix)) continue;
      inside.push_back(tensor);
      inside.back().name.erase(0, prefix.size());
    }
    if (inside.empty()) continue;
    auto impl = std::make_shared<Impl>();
    impl->format = impl_->format;
    impl->name = impl_->name;
    impl->tensors = std::move(inside);
    impl->metadata = impl_->metadata;
    impl->backing = impl_->backing;
    impl->index();
    return Checkpoint(std::move(impl));
  }
  return *this;
}

void Checkpoint::drop_pages(const TensorInfo& tensor) const noexcept {
  if (impl_->backing->file != nullptr) impl_->backing->file->drop(bytes_of(tensor));
}

}  // namespace kandinsky
