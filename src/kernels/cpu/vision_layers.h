#pragma once
#include <cstddef>
#include <vector>

#include "kernels/cpu/aligned_buffer.h"
#include "kernels/cpu/vision_context.h"

namespace kandinsky::cpu {

// What follows a 3x3 convolution: y = (leaky(conv + bias) * scale + add) * scale2 + add2.
struct Epilogue {
  float slope = 1;
  float scale = 1;
  const Features* add = nullptr;
  float scale2 = 1;
  const Features* add2 = nullptr;
};

// 3x3, stride 1, padded by one zero.
class Convolution3x3 {
 public:
  Convolution3x3() = default;
  // weights [outputs][inputs][3][3] with bias [outputs]. `segments`: how the inputs lie in memory, each
  // segment padded to whole vectors (their sum is the number of inputs).
  Convolution3x3(const float* weights, const float* bias, int outputs, const std::vector<int>& segments);

  int outputs() const { return outputs_; }  // padded
  // `first` channels (padded) are in x, the rest in x2.
  void operator()(VisionContext& context, const Features& x, const Features& y, const Epilogue& epilogue = {},
                  bool doubled = false) const;
  void operator()(VisionContext& context, const Features& x, int channels, const Features& x2, const Features& y,
                  const Epilogue& epilogue = {}) const;

 private:
  void run(VisionContext& context, const Convolution& job) const;

  int inputs_ = 0;
  int outputs_ = 0;
  AlignedBuffer<float> weights_;
  AlignedBuffer<float> bias_;
};

class Convolution1x1 {
 public:
  Convolution1x1() = default;
  // weights [outputs][inputs]
  Convolution1x1(const float* weights, const float* bias, int outputs, int inputs);

  int outputs() const { return outputs_; }  // padded
  // y = conv(x) + add. All three without gaps between rows and pictures; y may be add.
  void operator()(VisionContext& context, const Features& x, const Features& y, const Features* add = nullptr) const;

 private:
  int inputs_ = 0;
  int outputs_ = 0;
  AlignedBuffer<float> weights_;
  AlignedBuffer<float> bias_;
};

// GroupNorm over 32 groups, eps 1e-6, and x sigmoid(x) if asked for.
class Normalization {
 public:
  Normalization() = default;
  Normalization(const float* weight, const float* bias, int channels);
  // Without gaps between rows and pictures; y may be x.
  void operator()(VisionContext& context, const Features& x, bool swish, const Features& y) const;

 private:
  int channels_ = 0;
  std::vector<float> weight_, bias_;
};

// softmax(q k^T / sqrt(channels)) v over the pixels of each picture; no gaps. y may be q.
void attend(VisionContext& context, int channels, const Features& q, const Features& k, const Features& v,
            const Features& y);

}  // namespace kandinsky::cpu
