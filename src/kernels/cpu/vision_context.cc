#include "kernels/cpu/vision_context.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "kernels/cpu/decoder_kernels.h"

namespace kandinsky::cpu {

FeatureMap::FeatureMap(VisionContext& context, int pictures, int height, int width, int channels)
    : context_(&context), channels_(static_cast<int>(padded(channels))) {
  const std::size_t pixel = channels_, row = width * pixel;
  constexpr std::size_t most = std::size_t{1} << 44;
  if (row != 0 && (std::size_t(height) > most / row || std::size_t(pictures) > most / (row * height)))
    throw std::bad_alloc();
  size_ = row * height * pictures;
  view_ = {context.take(size_), pictures, height, width, pixel, row, row * height};
}

FeatureMap::~FeatureMap() {
  if (context_ != nullptr) context_->give_back(view_.data, size_);
}

FeatureMap::FeatureMap(FeatureMap&& other) noexcept { *this = std::move(other); }

FeatureMap& FeatureMap::operator=(FeatureMap&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(size_, other.size_);
  std::swap(channels_, other.channels_);
  std::swap(view_, other.view_);
  return *this;
}

VisionContext::VisionContext(int threads, const VisionKernels& kernels) : kernels_(kernels), team_(threads) {
  for (int i = 0; i < team_.size(); ++i) scratch_.push_back({{nullptr, std::free}, 0});
}

VisionContext::~VisionContext() = default;

VisionContext::Memory VisionContext::allocate(std::size_t size) {
  // Large pages spare the processor most of its address look-ups.
  constexpr std::size_t large = std::size_t{2} << 20;
  const std::size_t bytes = size * sizeof(float);
  const std::size_t alignment = bytes >= 2 * large ? large : 64;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  Memory memory{{static_cast<float*>(std::aligned_alloc(alignment, std::max(rounded, alignment))), std::free}, size};
  if (!memory.data) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == large) madvise(memory.data.get(), rounded, MADV_HUGEPAGE);
#endif
  return memory;
}

// The smallest spare piece that fits and is not much too large; `size` becomes its size.
float* VisionContext::take(std::size_t& size) {
  auto best = spare_.end();
  for (auto it = spare_.begin(); it != spare_.end(); ++it)
    if (it->size >= size && it->size / 2 <= size && (best == spare_.end() || it->size < best->size)) best = it;
  if (best == spare_.end()) return allocate(size).data.release();
  size = best->size;
  float* data = best->data.release();
  spare_.erase(best);
  return data;
}

void VisionContext::give_back(float* data, std::size_t size) {
  Memory memory{{data, std::free}, size};
  // Pieces too small for what comes later are let go.
  if (spare_.size() >= 6) {
    const auto smallest = std::min_element(spare_.begin(), spare_.end(),
                                           [](const Memory& a, const Memory& b) { return a.size < b.size; });
    std::swap(*smallest, memory);
  } else {
    spare_.push_back(std::move(memory));
  }
}

void VisionContext::for_parts(int parts, std::size_t scratch_size,
                              const std::function<void(int part, float* scratch)>& body) {
  for (Memory& scratch : scratch_)
    if (scratch.size < scratch_size) scratch = allocate(scratch_size);
  std::atomic<int> next{0};
  team_.run([&](int thread) {
    for (int part = next++; part < parts; part = next++) body(part, scratch_[thread].data.get());
  });
}

}  // namespace kandinsky::cpu
