#pragma once
#include <cstddef>
#include <vector>

#include "kandinsky/transformer.h"
#include "kernels/cpu/packed_matrix.h"
#include "transformer/transformer_weights.h"

namespace kandinsky {

// The transformer's parameters in the order the CPU kernels read them. Immutable, shared by decoders.
struct CpuWeights {
  struct Norm {
    cpu::AlignedBuffer<float> weight;  // empty where the model has no such norm
    cpu::AlignedBuffer<float> bias;
  };
  struct Layer {
    Norm input_norm, first_addition_norm, post_attention_norm, second_addition_norm;
    cpu::PackedMatrix query_key_value, dense, up, down;
  };

  TransformerConfig config;
  cpu::AlignedBuffer<float> text_embeddings, text_positions, image_embeddings, image_rows, image_columns;
  std::vector<Layer> layers;
  Norm final_norm, logits_norm;
  cpu::PackedMatrix image_logits;  // the rows of the image vocabulary alone

  // Packs CPU tensors of any floating-point type. fp32 keeps matrices of fp16 and bf16 files as they are: their
  // products with fp32 activations are exact either way. Throws Error (unsupported) if hidden is no multiple of 16.
  CpuWeights(const TransformerWeights& weights, const TransformerConfig& config, Precision precision);

  std::size_t bytes() const;
};

// Whether the CPU kernels can run the model; the LibTorch decoder runs any.
bool cpu_kernels_fit(const TransformerConfig& config);

}  // namespace kandinsky
