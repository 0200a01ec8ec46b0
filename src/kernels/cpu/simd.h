// Sixteen floats at a time, on whatever the including file is compiled for: AVX-512, AVX2 with FMA and F16C, or plain
// C++. Included by decoder_kernels.inc alone, inside a namespace of that processor's, so that code for different
// processors never meet under one name. No standard library templates here for the same reason. Of two operands,
// larger() and smaller() give the second if either is not a number.
#if defined(__AVX512F__)

struct Vec {
  __m512 v;
};
static inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
static inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
static inline Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
static inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
static inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
static inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
static inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
static inline Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
static inline Vec larger(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
static inline Vec smaller(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
static inline Vec round_nearest(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// 2^n for whole n in -126..127
static inline Vec power_of_two(Vec n) {
  return {
      _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127)), 23))};
}
static inline Vec load_half(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
static inline Vec load_bfloat(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
// Pairs of bfloat16, the first of each in the low half.
static inline Vec pair_first(const uint32_t* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))};
}
static inline Vec pair_second(const uint32_t* p) {
  return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(int(0xFFFF0000u))))};
}

#elif defined(__AVX2__)

struct Vec {
  __m256 a, b;
};
static inline Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
static inline void store(float* p, Vec x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
static inline Vec broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline Vec fma(Vec x, Vec y, Vec z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
static inline Vec operator+(Vec x, Vec y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
static inline Vec operator-(Vec x, Vec y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
static inline Vec operator*(Vec x, Vec y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
static inline Vec operator/(Vec x, Vec y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
static inline Vec larger(Vec x, Vec y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
static inline Vec smaller(Vec x, Vec y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
static inline Vec round_nearest(Vec x) {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, mode), _mm256_round_ps(x.b, mode)};
}
static inline __m256 power_of_two(__m256 n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
static inline Vec power_of_two(Vec n) { return {power_of_two(n.a), power_of_two(n.b)}; }
static inline Vec load_half(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}
static inline __m256 widen_bfloat(const uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
static inline Vec load_bfloat(const uint16_t* p) { return {widen_bfloat(p), widen_bfloat(p + 8)}; }
static inline __m256i load_words(const uint32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
static inline Vec pair_first(const uint32_t* p) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(load_words(p), 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(load_words(p + 8), 16))};
}
static inline Vec pair_second(const uint32_t* p) {
  const __m256i mask = _mm256_set1_epi32(int(0xFFFF0000u));
  return {_mm256_castsi256_ps(_mm256_and_si256(load_words(p), mask)),
          _mm256_castsi256_ps(_mm256_and_si256(load_words(p + 8), mask))};
}

#else

struct Vec {
  float v[16];
};
template <typename F>
static inline Vec each(F f) {
  Vec r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(i);
  return r;
}
static inline float as_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}
static inline float half_value(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16;
  const uint32_t magnitude = h & 0x7FFFu;
  if (magnitude >= 0x7C00u) return as_float(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13);
  // Shifting the exponent up by a multiplication makes subnormal halves right as well.
  const float scaled = as_float(magnitude << 13) * as_float(uint32_t(127 + 112) << 23);
  return as_float(sign) == 0 && sign != 0 ? -scaled : scaled;
}
static inline Vec load(const float* p) {
  return each([=](int i) { return p[i]; });
}
static inline void store(float* p, Vec a) {
  for (int i = 0; i < 16; ++i) p[i] = a.v[i];
}
// clang-format off
static inline Vec broadcast(float x) { return each([=](int) { return x; }); }
static inline Vec fma(const Vec& a, const Vec& b, const Vec& c) { return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; }); }
static inline Vec operator+(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
static inline Vec operator-(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] - b.v[i]; }); }
static inline Vec operator*(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
static inline Vec operator/(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] / b.v[i]; }); }
static inline Vec larger(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; }); }
static inline Vec smaller(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; }); }
// clang-format on
static inline Vec round_nearest(const Vec& a) {
  // Adding and taking away 1.5 * 2^23 leaves a whole number, for magnitudes below 2^22.
  return each([&](int i) { return (a.v[i] + 12582912.0f) - 12582912.0f; });
}
static inline Vec power_of_two(const Vec& n) {
  return each([&](int i) { return as_float(uint32_t(int(n.v[i]) + 127) << 23); });
}
static inline Vec load_half(const uint16_t* p) {
  return each([=](int i) { return half_value(p[i]); });
}
static inline Vec load_bfloat(const uint16_t* p) {
  return each([=](int i) { return as_float(uint32_t(p[i]) << 16); });
}
static inline Vec pair_first(const uint32_t* p) {
  return each([=](int i) { return as_float(p[i] << 16); });
}
static inline Vec pair_second(const uint32_t* p) {
  return each([=](int i) { return as_float(p[i] & 0xFFFF0000u); });
}

#endif

// Sums and maxima across lanes, in an order that is the same on every processor.
static inline float sum_of(Vec a) {
  float lane[16];
  store(lane, a);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
  return lane[0];
}
static inline float largest_of(Vec a) {
  float lane[16];
  store(lane, a);
  float best = lane[0];
  for (int i = 1; i < 16; ++i) best = lane[i] > best ? lane[i] : best;
  return best;
}

// exp(x), clamped to x in [-87, 88]: 2^n exp(r) with |r| <= ln(2) / 2 and the Taylor polynomial of degree 7.
static inline Vec exponential(Vec x) {
  x = smaller(broadcast(88.0f), larger(broadcast(-87.0f), x));
  const Vec n = round_nearest(x * broadcast(1.44269504f));
  Vec r = fma(n, broadcast(-0.693359375f), x);
  r = fma(n, broadcast(2.12194440e-4f), r);
  Vec sum = broadcast(1.0f / 5040);
  sum = fma(sum, r, broadcast(1.0f / 720));
  sum = fma(sum, r, broadcast(1.0f / 120));
  sum = fma(sum, r, broadcast(1.0f / 24));
  sum = fma(sum, r, broadcast(1.0f / 6));
  sum = fma(sum, r, broadcast(0.5f));
  sum = fma(sum, r, broadcast(1.0f));
  sum = fma(sum, r, broadcast(1.0f));
  return sum * power_of_two(n);
}

// The tanh form of GELU: x / (1 + exp(-2 sqrt(2 / pi) (x + 0.044715 x^3))).
static inline Vec gelu(Vec x) {
  const Vec cubic = fma(x * x, broadcast(0.044715f) * x, x);
  const Vec e = exponential(cubic * broadcast(-1.59576912f));
  return x / (broadcast(1.0f) + e);
}
