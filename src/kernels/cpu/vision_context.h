#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/cpu/thread_team.h"
#include "kernels/cpu/vision_kernels.h"

namespace kandinsky::cpu {

class VisionContext;

// Features of its own, channels padded to whole vectors; gives its memory back to the context. Not zeroed.
class FeatureMap {
 public:
  FeatureMap() = default;
  FeatureMap(VisionContext& context, int pictures, int height, int width, int channels);
  ~FeatureMap();
  FeatureMap(FeatureMap&& other) noexcept;
  FeatureMap& operator=(FeatureMap&& other) noexcept;
  FeatureMap(const FeatureMap&) = delete;
  FeatureMap& operator=(const FeatureMap&) = delete;

  const Features& view() const { return view_; }
  int channels() const { return channels_; }  // padded

 private:
  VisionContext* context_ = nullptr;
  std::size_t size_ = 0;
  int channels_ = 0;
  Features view_;
};

// What one call of a network works with: threads, their scratch, and memory that is used again and again.
// Not to be shared between threads; must outlive its feature maps.
class VisionContext {
 public:
  explicit VisionContext(int threads, const VisionKernels& kernels = *available_vision_kernels().front());
  ~VisionContext();
  VisionContext(const VisionContext&) = delete;
  VisionContext& operator=(const VisionContext&) = delete;

  const VisionKernels& kernels() const { return kernels_; }
  int threads() const { return team_.size(); }

  // body(part, scratch) for parts 0..parts-1, each on some thread with `scratch_size` floats of its own.
  void for_parts(int parts, std::size_t scratch_size, const std::function<void(int part, float* scratch)>& body);

 private:
  friend class FeatureMap;
  struct Memory {
    std::unique_ptr<float, void (*)(void*)> data;
    std::size_t size;
  };
  static Memory allocate(std::size_t size);
  float* take(std::size_t& size);
  void give_back(float* data, std::size_t size);

  const VisionKernels& kernels_;
  ThreadTeam team_;
  std::vector<Memory> scratch_;
  std::vector<Memory> spare_;
};

}  // namespace kandinsky::cpu
