// Small files made to cost much: each must be done with in a second and a few megabytes.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "checkpoint/builders.h"
#include "checkpoint/process_memory.h"
#include "kandinsky/error.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

using namespace kandinsky::testing;
using namespace std::literals;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

constexpr std::int64_t most_memory = 16 << 20;

// Opens the file and reads every tensor, as `kandinsky inspect --sha256` does.
template <typename Open>
void expect_cheap(Open open) {
  const bool measured = reset_peak_memory();
  const std::int64_t before = process_memory("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  try {
    const Checkpoint checkpoint = open();
    for (const TensorInfo& tensor : checkpoint.tensors()) tensor.sha256();
  } catch (const Error&) {
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_LT(taken.count(), sanitized ? 10.0 : 1.0);
  // A sanitizer's quarantine keeps what was freed.
  if (measured && !sanitized) {
    EXPECT_LT(process_memory("VmHWM") - before, most_memory);
  }
}

void expect_cheap(const std::string& file) {
  expect_cheap([&] { return load(file); });
}

const std::string one_byte = pickled_tensor(pickled_storage("ByteStorage", "0", 1), 0, {1}, {1});

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Hostile, GoldensAreCheap) {
  for (const auto& file : std::filesystem::directory_iterator(golden_path("checkpoints"))) {
    SCOPED_TRACE(file.path());
    expect_cheap([&] { return Checkpoint::open(file.path()); });
  }
}

// A deflated pickle of a few KB may become megabytes of opcodes.
TEST(Hostile, PickleBombs) {
  for (const std::string_view opcodes : {"N"sv, "]"sv, "}"sv, "("sv, ")"sv, "]\x94"sv, "K\x01\x85"sv, "U\x00"sv}) {
    SCOPED_TRACE(opcodes);
    const std::string file = torch_zip(repeat(opcodes, (4'000'000 - 100) / opcodes.size()), {}, {.deflated = true});
    EXPECT_LT(file.size(), 20'000u);
    expect_cheap(file);
    EXPECT_NE(load_error(file), "");
  }
}

TEST(Hostile, ManyPathsToOneTensor) {
  // Lists of the previous list twice, 40 deep: 2^40 paths.
  std::string object = one_byte;
  for (int depth = 0; depth < 40; ++depth) object = "](" + object + "2e";
  const std::string file = torch_zip(object, {"x"});
  expect_cheap(file);
  EXPECT_NE(load_error(file), "");
}

// One key of 4 KB, memoized, before every value.
TEST(Hostile, LongKeysOftenRepeated) {
  const std::string key = pickled_text(std::string(4000, 'k'));
  std::string nested = key +
                       "q\x01"
                       "0]q\x02"
                       "0"s;
  for (int i = 0; i < 200; ++i) nested += "}h\x01"s;
  nested += one_byte + repeat("s", 200);
  expect_cheap(torch_zip(nested, {"x"}));
  const std::string flat = key +
                           "q\x01"
                           "0]q\x02"
                           "0}("s +
                           repeat("h\x01h\x02"sv.substr(0, 4), 20'000) + "u";
  expect_cheap(torch_zip(flat, {"x"}));
}

TEST(Hostile, DictionariesCopiedOften) {
  // OrderedDict(pairs) over one long list of pairs, again and again.
  const std::string pairs = "](" + repeat("K\x01K\x02\x86", 1000) +
                            "eq\x01"
                            "0"s;
  const std::string file = torch_zip(pairs + "](" + repeat("ccollections\nOrderedDict\nh\x01\x85R", 300) + "e", {});
  expect_cheap(file);
}

// Every tensor repeats one byte as often as it may.
TEST(Hostile, ManyRepeatedViews) {
  const std::string storage = pickled_storage("ByteStorage", "0", 1) +
                              "q\x01"
                              "0"s;
  std::string object = storage + "](";
  for (int i = 0; i < 30; ++i) object += pickled_tensor("h\x01", 0, {1 << 24}, {0});
  const std::string file = torch_zip(object + "e", {"x"});
  expect_cheap(file);
  EXPECT_NE(load_error(file).find("far more than the file has"), std::string::npos);
}

TEST(Hostile, ARepeatedViewAtTheLimitIsReadInTime) {
  const std::string storage = pickled_storage("ByteStorage", "0", 1);
  const std::string file = torch_zip(pickled_tensor(storage, 0, {1 << 25}, {0}), {"x"});
  EXPECT_EQ(load_error(file), "");
  expect_cheap(file);
}

TEST(Hostile, DeepObjects) {
  expect_cheap(torch_zip(repeat("]", 60'000) + repeat("a", 59'999), {}));
  expect_cheap(torch_zip(repeat("(", 60'000) + "N" + repeat("t", 60'000), {}));
  expect_cheap(safetensors_file(repeat("{\"a\":", 60'000), ""));
  expect_cheap(safetensors_file("{\"a\":" + repeat("[", 60'000), ""));
}

}  // namespace
}  // namespace kandinsky
