#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kandinsky/transformer.h"

namespace kandinsky {

// A prompt whose text has been run: its keys and values, shared by all slots that draw from it.
class PromptState {
 public:
  virtual ~PromptState() = default;
};

// What a slot draws.
struct SlotRequest {
  std::shared_ptr<const PromptState> prompt;
  SamplingOptions sampling;
  std::uint64_t seed = 0;
  int number = 0;
  std::vector<std::int32_t> forced;  // empty, or an id or -1 for each of the grid * grid positions
};

// The token loop: a set of slots, each one image at a position of its own, with its own text, sampling, seed and forced
// ids. A slot's tokens do not depend on what the other slots do. One thread at a time.
//
// Positions: id 0 is drawn from the logits of the last text token. In v3 that token belongs to the prompt, so start()
// draws id 0 at once; in v2 it is the first token that the masks count as a pixel (raster index 0), so the first step
// runs it, and image id p sits at raster index p + 1.
class Decoder {
 public:
  virtual ~Decoder() = default;

  virtual int slots() const = 0;
  // Runs the text (text_length ids) once.
  virtual std::shared_ptr<const PromptState> prefill(std::span<const std::int32_t> text) = 0;
  // Puts a request into a free slot. The request has been checked.
  virtual void start(int slot, SlotRequest request) = 0;
  // One more id for every slot that is started and not complete. May return before a device is done.
  virtual void step() = 0;
  // Ids that start() and step() have asked for so far, 0..grid * grid; -1 for a free slot.
  virtual int position(int slot) const = 0;
  // Waits; ids drawn so far and, once complete, ppl.
  virtual DrawnTokens result(int slot) const = 0;
  // Waits; image logits, before temperature, that the newest id of the slot was drawn from. For tests.
  virtual std::vector<float> newest_logits(int slot) const = 0;
  // Frees the slot, complete or not.
  virtual void release(int slot) = 0;
};

// The token loop of a loaded transformer, with fewer slots where a device's memory is short.
// Throws Error: out_of_memory.
std::unique_ptr<Decoder> make_decoder(const Transformer& transformer, int slots);

}  // namespace kandinsky
