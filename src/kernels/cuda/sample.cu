#include "kernels/cuda/check.cuh"
#include "kernels/cuda/sampler.cuh"

namespace kandinsky::cuda {
namespace {

constexpr int sample_threads = BlockSums::threads;

template <int Quads>
__global__ void __launch_bounds__(sample_threads) sample_kernel(Model m, Buffers b, SlotState* states, int first_slot,
                                                                std::int32_t* tokens, const std::int32_t* forced) {
  __shared__ BlockSums::Memory memory;
  BlockSums sums(memory);
  __shared__ SlotState state;  // registers are few
  const int slot = first_slot + blockIdx.x;
  if (threadIdx.x == 0) state = states[slot];
  __syncthreads();
  if (!state.active) return;
  const int vocab = m.image_vocab, length = m.grid * m.grid;
  const float* logits = b.logits + std::size_t(slot) * round_up(vocab, row_tile);
  const int position = state.drawn;
  Sampler<Quads> sampler(logits, vocab, sums);
  const float largest = sampler.largest_logit();
  const float partition = static_cast<float>(sampler.partition(largest));
  int id = state.forced_offset < 0 ? -1 : forced[state.forced_offset + position];
  const bool draws = id < 0 && !state.greedy;
  const float scaled = draws ? noise::div(largest, state.temperature) : largest;
  const bool fails = id < 0 && !isfinite(scaled);
  if (id < 0) id = fails ? 0 : draws ? sampler.draw(state, position, scaled) : sampler.likeliest();
  const int drawn = position + 1;
  if (threadIdx.x == 0) {
    const float cross_entropy = logf(partition) - (logits[id] - largest);
    SlotState& to = states[slot];
    if (position > 0 && cross_entropy != 0) {
      to.perplexity_sum += exp(double(cross_entropy));
      to.perplexity_count += 1;
    }
    to.failed = state.failed | fails;
    to.drawn = drawn;
    to.active = drawn < length;
    tokens[std::size_t(slot) * length + position] = id;
    b.row[slot].position = drawn < length ? drawn - 1 + (m.version == 2) : -1;
  }
  if (drawn == length) return;
  const int pixel = drawn - 1;
  const float* token = m.image_embeddings + std::size_t(id) * m.hidden;
  const float* row = m.image_rows + std::size_t(pixel / m.grid) * m.hidden;
  const float* column = m.image_columns + std::size_t(pixel % m.grid) * m.hidden;
  for (int d = threadIdx.x; d < m.hidden; d += sample_threads)
    b.x[std::size_t(slot) * m.hidden + d] = token[d] + (row[d] + column[d]);
}

__global__ void text_embedding_kernel(Model m, Buffers b, const std::int32_t* ids, int first_position, int first_row) {
  const int i = blockIdx.x;
  const float* token = m.text_embeddings + std::size_t(ids[i]) * m.hidden;
  const float* place = m.text_positions + std::size_t(first_position + i) * m.hidden;
  for (int d = threadIdx.x; d < m.hidden; d += blockDim.x)
    b.x[std::size_t(first_row + i) * m.hidden + d] = token[d] + place[d];
}

}  // namespace

void run_sampler(const Model& model, const Buffers& buffers, SlotState* states, int first_slot, int count,
                 std::int32_t* tokens, const std::int32_t* forced, void* stream) {
  constexpr int quads = 4 * sample_threads;
  const auto kernel = model.image_vocab <= quads       ? sample_kernel<1>
                      : model.image_vocab <= 2 * quads ? sample_kernel<2>
                                                       : sample_kernel<most_image_vocab / quads>;
  kernel<<<count, sample_threads, 0, static_cast<cudaStream_t>(stream)>>>(model, buffers, states, first_slot, tokens,
                                                                          forced);
  check_cuda(cudaGetLastError(), "sampler");
}

void run_text_embedding(const Model& model, const Buffers& buffers, const std::int32_t* ids, int count,
                        int first_position, int first_row, void* stream) {
  text_embedding_kernel<<<count, 256, 0, static_cast<cudaStream_t>(stream)>>>(model, buffers, ids, first_position,
                                                                              first_row);
  check_cuda(cudaGetLastError(), "text embedding");
}

}  // namespace kandinsky::cuda
