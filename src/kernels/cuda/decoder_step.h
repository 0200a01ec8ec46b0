#pragma once
// The token loop on one CUDA device: a pass over the whole network for up to 64 rows, and the sampler. Plain structs
// and functions, so that host code needs no CUDA header. Every function throws kandinsky::Error.
//
// A pass is one kernel, a block a multiprocessor, that streams all weights once through a ring of bulk copies into
// shared memory. Weights do not depend on activations, so the copies run ahead from phase to phase of a layer: the
// memory never waits for the arithmetic as long as what stands between two products (attention, norms) is shorter than
// the ring. (The idea of one kernel a forward pass: HazyResearch, "Look Ma, No Bubbles!", 2025.)
#include <cstddef>
#include <cstdint>

namespace kandinsky::cuda {

constexpr int row_tile = 128;         // outputs of a work item
constexpr int k_chunk = 64;           // inputs of a stage of the ring
constexpr int most_rows = 64;         // rows of a pass
constexpr int most_image_keys = 128;  // that a row sees: an 11 x 11 neighbourhood that wraps around has up to 121
constexpr int most_image_vocab = 32768;
constexpr int most_splits = 8;
constexpr int most_up_splits = 2;
constexpr int fewest_multiprocessors = 16;  // up to eight make the norms
constexpr std::size_t stage_bytes = std::size_t{row_tile} * k_chunk * 2;

// Whether what is between the products of a layer takes about as long as its matrices: latency counts more than
// bandwidth then. (A layer of 2048 takes 33 us at 3 TB/s, one of 3840 117 us.)
constexpr bool short_layers(int hidden) { return hidden <= 2560; }

constexpr int round_up(int n, int to) { return (n + to - 1) / to * to; }

enum class Number { fp16, bf16, fp32 };  // fp32 in files alone

// Weights [outputs, inputs] in the order in which tensor cores read them from shared memory:
// [row tile][k chunk][8 numbers of the chunk][8 rows of the tile][row][number], zero where padded.
struct Matrix {
  const void* weights;
  const float* bias;  // [round_up(outputs, row_tile)]
  int outputs;
  int inputs;
  constexpr int tiles() const { return round_up(outputs, row_tile) / row_tile; }
  constexpr int chunks() const { return round_up(inputs, k_chunk) / k_chunk; }
  constexpr std::size_t bytes() const { return std::size_t(tiles()) * chunks() * stage_bytes; }
};

struct Norm {
  const float* weight;  // nullptr where the model has none
  const float* bias;
};

enum class Mask : int { row, column, convolution };

struct Layer {
  Matrix query_key_value, dense, up, down;
  Norm input_norm, first_addition_norm, post_attention_norm, second_addition_norm;
  Mask mask;
  int groups;         // of the image cache
  int capacity;       // keys of a group
  std::size_t cache;  // elements of a slot's keys (and values) in the layers before
};

// A row of a pass. Text rows have slot -1 and fill the prompt's keys and values.
struct Row {
  int slot;
  int position;       // raster index, or text position; -1: the row is idle
  void* text_keys;    // [layer][head][text_length][head_size] of the row's prompt
  void* text_values;  // [layer][head][head_size][text_length]
};

struct Model {
  Number number;
  int layers, hidden, heads, head_size, text_length, grid, image_vocab, version;
  Layer const* layer;  // device, [layers]
  Norm final_norm, logits_norm;
  Matrix logits;                 // the image vocabulary's rows
  const float* text_embeddings;  // fp32 tables
  const float* text_positions;
  const float* image_embeddings;
  const float* image_rows;
  const float* image_columns;
  const int* neighbours;        // [image_length][most_neighbours] places in the convolution layer's cache
  const int* neighbour_counts;  // [image_length]
  int most_neighbours;
  std::size_t slot_elements;  // keys (and values) of a slot over all layers
  // Parts that the inputs of products are cut into, for all blocks to have work: of those of `hidden` inputs and a
  // multiple of `hidden` outputs (but `up`), of `up`, and of `down`.
  int hidden_splits, up_splits, down_splits;
};

// Data and the stamp of their writing: see stamped.cuh. Of a row that joins after a pass without it, they are to be
// cleared: an old stamp could look like a new one. (Likewise marked numbers are to be marked as unwritten.)
using StampedWord = std::uint64_t;

// In a line of its own: many blocks watch one while others count up another.
struct alignas(128) Counter {
  unsigned value;
};

// What the blocks of a pass tell each other by counting.
struct Meeting {
  Counter pass;   // counts passes: stamps differ from pass to pass
  Counter left;   // blocks that have finished
  Counter texts;  // blocks that have written keys and values of a text
  Counter norm;   // where activations are marked, the stamp of the first row's newest norm
  // Where they are not,
  Counter normed;    // rows that a norm has made, of all norms so far
  Counter attended;  // tasks of attention
  Counter widened;   // blocks that have written their part of `inner`
};

// How activations go from block to block, by the rows of a pass. Those of the fewest lie [rows][width], and a block's
// threads receive them; those of more lie as products read them, [round_up(width, 64) / 8][rows / 8][8 rows][8
// numbers], for bulk copies.
constexpr bool receives_rows(int rows) { return rows <= 8; }
// Whether numbers themselves tell that they are written (see marked.cuh). Of more rows, counters do: to look at all
// numbers takes longer than a block has.
constexpr bool marks_activations(int rows) { return rows <= 16; }
constexpr int marked_turns = 3;  // places that marked numbers are written at in turn
constexpr int marked_piece = 8;  // numbers of a row that lie together either way
// Whether the parts of `up` go each to a block of its own, and from there to all.
constexpr bool parts_up(int rows) { return receives_rows(rows); }

// Memory of a decoder, all on the device.
struct Buffers {
  int rows;    // capacity, a multiple of 8: 8, 16, 32 or 64
  int slots;   // of images; 0: passes are of texts
  void* keys;  // of each layer in turn: [slots][heads][groups][capacity][head_size]
  void* values;
  Row* row;           // [rows]
  float* x;           // [rows][hidden] residual stream
  void* activations;  // what the next product reads, [hidden] of each row; marked_turns times, if marked
  void* context;      // likewise, [hidden]
  // Likewise, [4 hidden]; but if blocks make a part of `up` each, they are like `partial`: [up_splits][rows]
  // [4 hidden / 2] of two fp32 numbers, before GELU.
  void* inner;
  float* first_up;  // [rows][4 hidden] the first part of `up` where a block makes both, nullptr if none does
  StampedWord* query_key_value;  // [hidden_splits][rows][3][hidden / 2] of two fp32 numbers; of texts the queries alone
  StampedWord* partial;          // [the most splits of dense and down][rows][hidden / 2] of two fp32 numbers
  float* logits;                 // [rows][round_up(image_vocab, row_tile)]
  Meeting* meeting;
  long long* profile;  // [blocks][pass_phases] clock cycles that a pass adds to, or nullptr
};

// Bytes of activations for products of `width` inputs.
constexpr std::size_t activation_bytes(int width, int rows) {
  return std::size_t(2) * (marks_activations(rows) ? marked_turns : 1) * rows * round_up(width, k_chunk);
}

// What the blocks that multiply spend a pass's time on, in the order of a layer. They wait for the norms, the attention
// or each other.
constexpr const char* pass_phase_names[] = {"wait", "query key value", "wait", "dense", "wait", "up", "wait", "down",
                                            "wait", "logits"};
constexpr int pass_phases = 10;

// What a slot draws, and how far it is.
struct SlotState {
  int active;
  int drawn;  // ids so far
  int number;
  int top_k;
  float temperature;
  double top_p;
  int greedy;
  unsigned long long seed;
  int forced_offset;  // first of its grid * grid forced ids, or -1
  double perplexity_sum;
  int perplexity_count;
  int failed;  // 1: there was no finite number to draw from
};

// Bytes of shared memory and blocks that a pass takes; ring stages follow from what the device has.
struct Plan {
  int blocks;
  int norm_blocks;  // of them, at most: those that make norms; the others multiply and attend
  int stages;
  int ahead;               // stages that a block asks memory for at a time
  int ahead_attended;      // likewise, of queries, keys and values
  int ahead_between;       // likewise, between two products,
  int few_rows;            // of so many rows at work at most;
  int ahead_between_many;  // of more
  int activation_stages;
  std::size_t shared_bytes;
};
Plan plan_pass(const Model& model, int rows, int device);

// One pass over buffers.row[0..rows-1]; with `want_logits`, logits of every row that is not idle.
void run_pass(const Model& model, const Buffers& buffers, const Plan& plan, bool want_logits, void* stream);

// Embeddings of `count` text ids (device) that stand at first_position, first_position + 1 ..., into buffers.x from
// `first_row` on.
void run_text_embedding(const Model& model, const Buffers& buffers, const std::int32_t* ids, int count,
                        int first_position, int first_row, void* stream);

// Draws an id for slots first_slot .. first_slot + count - 1 that are active, from the logits of the row of the same
// index, then makes the slot's next row: its descriptor and embedding. `tokens` [slots][image_length].
void run_sampler(const Model& model, const Buffers& buffers, SlotState* states, int first_slot, int count,
                 std::int32_t* tokens, const std::int32_t* forced, void* stream);

// Plain device numbers to fp32.
void widen_numbers(Number from, const void* plain, float* to, std::size_t count, void* stream);

// Packs plain device weights [outputs, inputs] of the model's number into `packed`.
void pack_matrix(Number from, const void* plain, Number to, void* packed, int outputs, int inputs, void* stream);

}  // namespace kandinsky::cuda
