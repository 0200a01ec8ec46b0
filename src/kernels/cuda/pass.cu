#include <algorithm>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/pass_variant.cuh"

namespace kandinsky::cuda {
namespace {

// Of 16 KB a block: what the memory takes at full bandwidth; while attention goes beside the product, whose reads wait
// behind those of weights; and while no block multiplies, when the norms of more rows read more. Measured on an H100.
constexpr int stages_ahead(int rows) { return rows <= 16 ? 5 : 4; }
constexpr int stages_ahead_attended(int rows) { return rows <= 8 ? 5 : rows <= 32 ? 4 : 2; }
constexpr int stages_ahead_between = 2, few_rows = 16, stages_ahead_between_many = 1;
// Where layers are short, whatever the rows; the first of up to eight.
constexpr int short_ahead_attended = 2, short_ahead_between = 1;
// Of activations: of up to eight rows as many as eight come at a time, and one is held back while the next is
// multiplied; of more, what leaves room for another stage of weights.
constexpr int activation_stages(int rows) { return rows <= 8 ? 12 : rows <= 16 ? 8 : 5; }

PassVariant variant(const Model& model, int rows) {
  switch (rows) {
    case 8:
      return pass_variant<1>(model.number, model.head_size);
    case 16:
      return pass_variant<2>(model.number, model.head_size);
    case 32:
      return pass_variant<4>(model.number, model.head_size);
    default:
      return pass_variant<8>(model.number, model.head_size);
  }
}

// That are to make norms: no more than a layer's products leave without work.
int blocks_to_spare(const Model& model, int blocks) {
  const int tiles = round_up(model.hidden, row_tile) / row_tile, most = blocks / 11;
  const int items = tiles * std::max({model.hidden_splits, model.down_splits, 4 * model.up_splits});
  return items < blocks ? std::min(blocks - items, most) : most;
}

}  // namespace

Plan plan_pass(const Model& model, int rows, int device) {
  int blocks = 0, shared = 0;
  check_cuda(cudaDeviceGetAttribute(&blocks, cudaDevAttrMultiProcessorCount, device), "multiprocessors");
  check_cuda(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "shared memory");
  Plan plan{};
  plan.blocks = blocks;
  plan.activation_stages = activation_stages(rows);
  const PassVariant kernel = variant(model, rows);
  plan.norm_blocks = norms_apart(rows) ? rows : std::clamp(blocks_to_spare(model, blocks), 1, rows);
  const std::size_t activation = std::size_t(plan.activation_stages) * rows * k_chunk * 2;
  const std::size_t fixed = activation + kernel.scratch + 128 + 24 * std::size_t(plan.activation_stages);
  shared -= static_cast<int>(kernel.state) + 64;
  plan.stages = static_cast<int>(std::min<std::size_t>(64, (shared - fixed) / (stage_bytes + 16)));
  plan.ahead = std::min(plan.stages, stages_ahead(rows));
  const bool is_short = short_layers(model.hidden);
  plan.ahead_attended =
      std::min(plan.stages, is_short && rows <= 8 ? short_ahead_attended : stages_ahead_attended(rows));
  plan.ahead_between = std::min(plan.stages, is_short ? short_ahead_between : stages_ahead_between);
  plan.few_rows = few_rows;
  plan.ahead_between_many = stages_ahead_between_many;
  plan.shared_bytes = std::max(fixed + plan.stages * (stage_bytes + 16), norm_room_bytes(model.hidden));
  check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel.kernel),
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(plan.shared_bytes)),
             "shared memory of the pass");
  return plan;
}

void run_pass(const Model& model, const Buffers& buffers, const Plan& plan, bool want_logits, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  const PassVariant kernel = variant(model, buffers.rows);
  const bool texts = buffers.slots == 0;
  PassArguments arguments{model, buffers, plan, want_logits ? 1 : 0, texts ? 1 : 0, texts ? 1 : model.hidden_splits};
  void* pointers[] = {&arguments};
  check_cuda(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel.kernel), dim3(plan.blocks),
                                         dim3(kernel.threads), pointers, plan.shared_bytes, queue),
             "pass");
}

}  // namespace kandinsky::cuda
