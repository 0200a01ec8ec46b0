#pragma once
#include <ATen/ops/empty.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "kandinsky/image.h"
#include "support/seeded.h"
#include "tensor/weights.h"

namespace kandinsky::testing {

// Seeded weights of a golden's case.
inline Weights seeded_weights(const nlohmann::json& info) {
  return Weights([info](const std::string& name, at::IntArrayRef shape) { return seeded_weight(info, name, shape); });
}

// Tensors without memory; their elements and number are counted.
struct Count {
  std::int64_t parameters = 0;
  int tensors = 0;
};
inline Weights counted_weights(Count& count) {
  return Weights([&count](const std::string&, at::IntArrayRef shape) {
    const at::Tensor tensor = at::empty(shape, at::TensorOptions().device(at::kMeta).dtype(at::kFloat));
    count.parameters += tensor.numel();
    ++count.tensors;
    return tensor;
  });
}

// A safetensors file of the seeded tensors that `build` asks its Weights for.
template <typename Build>
std::string seeded_file(const nlohmann::json& info, Build build) {
  nlohmann::json header;
  std::string data;
  build(Weights([&](const std::string& name, at::IntArrayRef shape) {
    const at::Tensor tensor = seeded_weight(info, name, shape).contiguous();
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.const_data_ptr<float>()), tensor.nbytes());
    header[name] = {{"dtype", "F32"}, {"shape", shape.vec()}, {"data_offsets", {begin, data.size()}}};
    return tensor;
  }));
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(text.size() >> (8 * i));
  return file + text + data;
}

struct PixelDifference {
  int largest = 0;
  double share = 0;  // of the samples that differ
};
inline PixelDifference difference(const Image& a, const Image& b) {
  PixelDifference d;
  if (a.width() != b.width() || a.height() != b.height()) return {256, 1};
  int count = 0;
  for (std::size_t i = 0; i < a.pixels().size(); ++i) {
    const int difference = std::abs(a.pixels()[i] - b.pixels()[i]);
    d.largest = std::max(d.largest, difference);
    count += difference != 0;
  }
  d.share = double(count) / double(a.pixels().size());
  return d;
}

}  // namespace kandinsky::testing
