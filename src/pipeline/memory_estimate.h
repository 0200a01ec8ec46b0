#pragma once
#include <cstdint>

#include "kandinsky/pipeline.h"

namespace kandinsky {

// Bytes of keys, values and buffers of the token loop, with the prompt's text.
std::uint64_t cache_bytes(const TransformerConfig& config, int batch, bool on_cpu = true);

// The largest batch, at most the one asked for, whose caches fit the host's free memory. (On a GPU the token loop sees
// to that.)
int batch_that_fits(const Transformer& transformer, int batch);

// Throws Error (out_of_memory) if the weights are larger than what is free on the device.
void check_memory(const MemoryEstimate& estimate, const std::string& device);

}  // namespace kandinsky
