#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/cuda/decoder_step.h"
#include "kernels/cuda/device.h"
#include "transformer/cuda_weights.h"
#include "transformer/decoder.h"

namespace kandinsky {

// The token loop on a CUDA device of compute capability 9.0. A step is one graph: a pass over the network and the
// sampler, which makes the next step's rows itself, so that the host only launches. At most `steps_ahead` steps are
// queued, which bounds how long a cancel takes. All device memory but the prompts' is taken at construction.
class CudaDecoder : public Decoder {
 public:
  static constexpr int most_slots = cuda::most_rows;
  static constexpr int steps_ahead = 4;

  CudaDecoder(std::shared_ptr<const CudaWeights> weights, int slots, bool profiled = false);
  ~CudaDecoder() override;

  int slots() const override { return static_cast<int>(slots_.size()); }
  std::shared_ptr<const PromptState> prefill(std::span<const std::int32_t> text) override;
  void start(int slot, SlotRequest request) override;
  void step() override;
  int position(int slot) const override;
  DrawnTokens result(int slot) const override;
  std::vector<float> newest_logits(int slot) const override;
  void release(int slot) override;

  // Clock cycles of all steps so far by phase (cuda::pass_phase_names), mean of the blocks. Waits. Needs `profiled`.
  std::vector<double> profile() const;

  // Bytes of device memory for `slots` images, and of one prompt's text.
  static std::size_t cache_bytes(const TransformerConfig& config, int slots);
  static std::size_t prompt_bytes(const TransformerConfig& config);

 private:
  struct Prompt;
  struct Slot;
  struct Work;

  const TransformerConfig& config() const { return weights_->config(); }

  std::shared_ptr<const CudaWeights> weights_;
  cuda::Stream stream_;
  std::unique_ptr<Work> loop_;     // of the slots
  std::unique_ptr<Work> prefill_;  // of a prompt's text
  cuda::DeviceMemory keys_, values_, states_, tokens_, forced_, text_ids_;
  cuda::Graph graph_;
  std::array<cuda::Event, steps_ahead> launched_;
  int next_event_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;  // null: free
};

}  // namespace kandinsky
