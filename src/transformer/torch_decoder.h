#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "transformer/block.h"
#include "transformer/cache_layout.h"
#include "transformer/decoder.h"
#include "transformer/network.h"
#include "transformer/sampler.h"

namespace kandinsky {

// The token loop as LibTorch operations, for any model, device and type; slower than the loops with kernels
// of their own.
//
// Slots are run eight at a time, always: those without work compute along and are not looked at. So every
// product has the same shape whoever the neighbours are and however many slots there are, and an image's
// numbers do not depend on either.
class TorchDecoder : public Decoder {
 public:
  static constexpr int lanes = 8;

  TorchDecoder(std::shared_ptr<const Network> network, int slots);
  ~TorchDecoder() override;

  int slots() const override { return static_cast<int>(slots_.size()); }
  std::shared_ptr<const PromptState> prefill(std::span<const std::int32_t> text) override;
  void start(int slot, SlotRequest request) override;
  void step() override;
  int position(int slot) const override;
  DrawnTokens result(int slot) const override;
  std::vector<float> newest_logits(int slot) const override;
  void release(int slot) override;

  // Bytes of caches for `slots` images, and of one prompt's text, with numbers of `number_bytes`.
  static std::size_t cache_bytes(const TransformerConfig& config, int slots, std::size_t number_bytes);
  static std::size_t prompt_bytes(const TransformerConfig& config, std::size_t number_bytes);

 private:
  struct Prompt;
  struct Slot;
  struct Lanes;

  // [groups * padded slots, heads, capacity, head_size]: a slot's group is a cell.
  struct LayerCache {
    at::Tensor keys;
    at::Tensor values;
  };

  const TransformerConfig& config() const { return network_->config(); }
  const CacheLayout& layout(MaskKind kind) const { return layouts_[static_cast<int>(kind)]; }
  int raster(const Slot& slot) const;
  bool active(int slot) const;
  void step_lanes(int first_slot);
  Lanes arrange(int first_slot) const;
  at::Tensor embed(const Lanes& lanes) const;
  at::Tensor attend(const block::Heads& heads, int layer, const Lanes& lanes);
  void advance(Slot& slot, std::span<const float> logits);

  std::shared_ptr<const Network> network_;
  int padded_slots_;
  std::vector<CacheLayout> layouts_;          // by MaskKind
  std::array<at::Tensor, 3> hidden_;          // by MaskKind: [grid * grid, capacity], true where a query must not look
  std::vector<LayerCache> caches_;            // one a layer
  std::vector<std::unique_ptr<Slot>> slots_;  // null: free
  Sampler sampler_;
};

}  // namespace kandinsky
