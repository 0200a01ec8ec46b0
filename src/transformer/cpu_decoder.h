#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/cpu/aligned_buffer.h"
#include "kernels/cpu/decoder_kernels.h"
#include "kernels/cpu/thread_team.h"
#include "transformer/cache_layout.h"
#include "transformer/cpu_weights.h"
#include "transformer/decoder.h"
#include "transformer/sampler.h"

namespace kandinsky {

// The token loop on the CPU. All memory is taken at construction; a step allocates nothing.
class CpuDecoder : public Decoder {
 public:
  CpuDecoder(std::shared_ptr<const CpuWeights> weights, int slots, int threads,
             const cpu::Kernels& kernels = cpu::best_kernels());
  ~CpuDecoder() override;

  int slots() const override;
  std::shared_ptr<const PromptState> prefill(std::span<const std::int32_t> text) override;
  void start(int slot, SlotRequest request) override;
  void step() override;
  int position(int slot) const override;
  DrawnTokens result(int slot) const override;
  std::vector<float> newest_logits(int slot) const override;
  void release(int slot) override;

  // Bytes of caches and buffers for `slots` images, and of one prompt's text.
  static std::size_t cache_bytes(const TransformerConfig& config, int slots);
  static std::size_t prompt_bytes(const TransformerConfig& config);

 private:
  struct Prompt;
  struct Slot;
  struct Row;
  struct LayerCache;
  struct Scratch;

  void embed_text(int row, int position, std::int32_t id);
  void run_layers(int thread, std::span<const Row> rows, Prompt* filling);
  void attend(int thread, std::span<const Row> rows, int layer, Prompt* filling);
  void multiply(int thread, const cpu::PackedMatrix& matrix, cpu::Activation activation, int first_row, int rows,
                const cpu::AlignedBuffer<float>& x, std::size_t x_stride, cpu::AlignedBuffer<float>& y,
                std::size_t y_stride);
  void image_logits(int thread, int first_row, int rows);
  void advance(Slot& slot, Sampler& sampler, std::span<const float> logits);

  std::shared_ptr<const CpuWeights> weights_;
  const TransformerConfig& config_;
  const cpu::Kernels& kernels_;
  cpu::ThreadTeam team_;
  std::vector<CacheLayout> layouts_;  // one a layer
  std::size_t value_stride_;
  int most_rows_;
  std::vector<std::unique_ptr<Slot>> slots_;  // null: free
  std::vector<Row> rows_;
  std::vector<LayerCache> caches_;
  std::vector<Scratch> scratch_;  // one a thread
  // [most_rows_, ...] each
  cpu::AlignedBuffer<float> x_, h_, query_key_value_, context_, projected_, inner_, logits_;
};

}  // namespace kandinsky
