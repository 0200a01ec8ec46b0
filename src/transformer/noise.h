#pragma once
// The arithmetic of sampling, written so that every device gives the same bits: integer operations and single IEEE
// multiplications, additions and divisions that no compiler may contract into fused ones. Files that include it are
// compiled with -ffp-contract=off; in device code the intrinsics below keep nvcc from contracting.
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define KANDINSKY_BOTH __host__ __device__ __forceinline__
#else
#define KANDINSKY_BOTH inline __attribute__((always_inline))
#endif

namespace kandinsky::noise {

#if defined(__CUDA_ARCH__)
KANDINSKY_BOTH float mul(float a, float b) { return __fmul_rn(a, b); }
KANDINSKY_BOTH float add(float a, float b) { return __fadd_rn(a, b); }
KANDINSKY_BOTH float div(float a, float b) { return __fdiv_rn(a, b); }
KANDINSKY_BOTH double mul(double a, double b) { return __dmul_rn(a, b); }
KANDINSKY_BOTH double add(double a, double b) { return __dadd_rn(a, b); }
KANDINSKY_BOTH double div(double a, double b) { return __ddiv_rn(a, b); }
#else
KANDINSKY_BOTH float mul(float a, float b) { return a * b; }
KANDINSKY_BOTH float add(float a, float b) { return a + b; }
KANDINSKY_BOTH float div(float a, float b) { return a / b; }
KANDINSKY_BOTH double mul(double a, double b) { return a * b; }
KANDINSKY_BOTH double add(double a, double b) { return a + b; }
KANDINSKY_BOTH double div(double a, double b) { return a / b; }
#endif

struct Block {
  std::uint32_t word[4];
};

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
KANDINSKY_BOTH Block philox(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0,
                            std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * c2;
    const std::uint32_t next0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
    const std::uint32_t next2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(product1);
    c3 = static_cast<std::uint32_t>(product0);
    c0 = next0;
    c2 = next2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// The four random words of ids 4 block .. 4 block + 3 at a position of image `number`.
KANDINSKY_BOTH Block words(std::uint64_t seed, std::uint32_t number, std::uint32_t position, std::uint32_t block) {
  return philox(block, position, number, 0, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}

// A draw from the exponential distribution of mean 1: -log of (word + 1/2) / 2^32. In double, so that two ids never tie
// by rounding. log m = 2 atanh((m - 1) / (m + 1)) for the mantissa m in [sqrt(1/2), sqrt(2)), which keeps its relative
// precision where the argument is near 1 and the draw small.
KANDINSKY_BOTH double exponential(std::uint32_t word) {
  const double u = mul(add(static_cast<double>(word), 0.5), 1.0 / 4294967296.0);
  std::int64_t bits;
  memcpy(&bits, &u, sizeof bits);
  std::int64_t exponent = (bits >> 52) - 1023;
  bits = (bits & 0x000FFFFFFFFFFFFFll) | 0x3FF0000000000000ll;
  const std::int64_t high = bits > 0x3FF6A09E667F3BCDll ? 1 : 0;  // above sqrt(2)
  bits -= high << 52;
  exponent += high;
  double m;
  memcpy(&m, &bits, sizeof m);
  const double s = div(add(m, -1.0), add(m, 1.0));
  const double z = mul(s, s);
  double sum = 1.0 / 19;
  sum = add(mul(sum, z), 1.0 / 17);
  sum = add(mul(sum, z), 1.0 / 15);
  sum = add(mul(sum, z), 1.0 / 13);
  sum = add(mul(sum, z), 1.0 / 11);
  sum = add(mul(sum, z), 1.0 / 9);
  sum = add(mul(sum, z), 1.0 / 7);
  sum = add(mul(sum, z), 1.0 / 5);
  sum = add(mul(sum, z), 1.0 / 3);
  sum = add(mul(sum, z), 1.0);
  const double log_m = mul(mul(2.0, s), sum);
  return -add(mul(static_cast<double>(exponent), 0.69314718055994530942), log_m);
}

// exp(x) for x <= 0 within 2 units in the last place; 0 below -87.
KANDINSKY_BOTH float exp_of_negative(float x) {
  const float clamped = x > -87.0f ? x : -87.0f;
  const std::int32_t n = static_cast<std::int32_t>(add(mul(clamped, 1.44269504f), -0.5f));  // rounds, as x <= 0
  const float fn = static_cast<float>(n);
  const float r = add(add(clamped, mul(fn, -0.693359375f)), mul(fn, 2.12194440e-4f));
  float sum = 1.0f / 720;
  sum = add(mul(sum, r), 1.0f / 120);
  sum = add(mul(sum, r), 1.0f / 24);
  sum = add(mul(sum, r), 1.0f / 6);
  sum = add(mul(sum, r), 0.5f);
  sum = add(mul(sum, r), 1.0f);
  sum = add(mul(sum, r), 1.0f);
  const std::int32_t scale_bits = (n + 127) << 23;
  float scale;
  memcpy(&scale, &scale_bits, sizeof scale);
  return x > -87.0f ? mul(sum, scale) : 0.0f;
}

// A probability weight (at most 1) as an integer, so that sums do not depend on their order. 2^14 of them fit 64 bits.
KANDINSKY_BOTH std::uint64_t fixed_point(float weight) {
  return static_cast<std::uint64_t>(mul(weight, 1099511627776.0f));  // 2^40
}

}  // namespace kandinsky::noise
