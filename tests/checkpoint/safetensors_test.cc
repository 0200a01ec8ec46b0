#include <gtest/gtest.h>

#include "checkpoint/builders.h"

namespace kandinsky {
namespace {

using namespace kandinsky::testing;
using namespace std::literals;

std::string entry(std::string_view name, std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return "\"" + std::string(name) + "\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":" + std::string(shape) +
         ",\"data_offsets\":" + std::string(offsets) + "}";
}

std::string error_of(const std::string& header, std::size_t data) {
  return load_error(safetensors_file("{" + header + "}", std::string(data, '\0')));
}

TEST(Safetensors, ReadsTensorsAndMetadata) {
  const std::string file =
      safetensors_file("{\"__metadata__\":{\"a\":\"b\\n\\u043a\"}," + entry("b", "U8", "[2,1]", "[4,6]") + "," +
                           entry("a", "F8_E5M2", "[]", "[6,7]") + "," + entry("c", "C64", "[0,3]", "[4,4]") + "," +
                           entry("d", "BF16", "[2]", "[0,4]") + "}   ",
                       "abcdefg");
  const Checkpoint checkpoint = load(file);
  ASSERT_EQ(checkpoint.tensors().size(), 4u);
  EXPECT_EQ(checkpoint.tensors()[0].name, "b");
  EXPECT_EQ(checkpoint.tensors()[0].strides, (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(checkpoint.find("b")->contiguous_bytes(), (std::vector<std::byte>{std::byte{'e'}, std::byte{'f'}}));
  EXPECT_EQ(checkpoint.find("a")->dtype, DType::float8_e5m2);
  EXPECT_EQ(checkpoint.find("c")->element_count(), 0);
  EXPECT_EQ(*checkpoint.metadata("a"), "b\nк");
}

TEST(Safetensors, MayHoldNothing) { EXPECT_TRUE(load(safetensors_file("{}", "")).tensors().empty()); }

TEST(Safetensors, SaysWhatIsWrong) {
  const std::string good = entry("w", "F32", "[1]", "[0,4]");
  const std::string head = "memory.pt: damaged safetensors header: ";
  EXPECT_EQ(error_of(good, 4), "");
  EXPECT_EQ(error_of(good + ",", 4), head + "it is no valid JSON at byte 55");
  EXPECT_EQ(error_of(good + "," + good, 4), head + "the name 'w' comes twice");
  EXPECT_EQ(error_of(entry("w", "F33", "[1]", "[0,4]"), 4), head + "tensor 'w' has the unknown dtype 'F33'");
  EXPECT_EQ(error_of(entry("w", "F32", "[1.5]", "[0,4]"), 4), head + "the number 1.5 is no integer");
  EXPECT_EQ(error_of(entry("w", "F32", "[-1]", "[0,4]"), 4), head + "the number -1 is negative");
  EXPECT_EQ(error_of(entry("w", "F32", "[1]", "[0,4,8]"), 4), head + "the number 8 is not expected there");
  EXPECT_EQ(error_of(entry("w", "F32", "[1]", "[0]"), 4),
            head + "tensor 'w' needs a dtype, a shape and two data_offsets");
  EXPECT_EQ(error_of(entry("w", "F32", "[[1]]", "[0,4]"), 4), head + "a list stands where none is expected");
  EXPECT_EQ(error_of("\"w\":{\"dtype\":{}}", 4), head + "an object stands where none is expected");
  EXPECT_EQ(error_of("\"w\":{\"dtype\":null}", 4), head + "null is not expected");
  EXPECT_EQ(error_of("\"w\":true", 4), head + "true and false are not expected");
  EXPECT_EQ(error_of("\"w\":\"x\"", 4), head + "the text 'x' is not expected there");
  EXPECT_EQ(error_of("\"__metadata__\":{\"a\":1}", 0), head + "the number 1 is not expected there");
  EXPECT_EQ(error_of("\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}", 0), head + "the metadata key 'a' comes twice");
  EXPECT_EQ(error_of(good, 5), "memory.pt: the tensors take 4 bytes, the file has 5");
  EXPECT_EQ(error_of(entry("w", "F32", "[1]", "[4,0]"), 4),
            "memory.pt: tensor 'w' lies at bytes 4 to 0 of 4 bytes of data");
  EXPECT_EQ(error_of(entry("w", "F32", "[2]", "[0,4]"), 4),
            "memory.pt: tensor 'w' has 4 bytes, its dtype and shape need 8");
  EXPECT_EQ(error_of(entry("w", "F32", "[1]", "[4,8]"), 8),
            "memory.pt: tensor 'w' starts at byte 4 of the data, expected 0: tensors overlap or leave a gap");
  EXPECT_EQ(error_of(entry("w", "F64", "[4294967296,4294967296]", "[0,0]"), 0),
            "memory.pt: tensor 'w' is too large: its size overflows 63 bits");
  EXPECT_EQ(error_of(entry("w", "F64", "[0,4294967296,4294967296]", "[0,0]"), 0),
            "memory.pt: tensor 'w' is too large: its size overflows 63 bits");
  EXPECT_EQ(load_error("\xff\xff\xff\xff\xff\xff\xff\xff{"),
            "memory.pt: safetensors header of 18446744073709551615 bytes, at most 100000000 expected");
}

// Names end up in messages and on terminals: one line, no control characters, valid UTF-8.
TEST(Safetensors, MessagesAreOneCleanLine) {
  const std::string error = error_of(entry("a\\u001b[31m\\nb", "F33", "[1]", "[0,4]"), 4);
  EXPECT_NE(error.find("tensor 'a\\x1b[31m\\x0ab' has"), std::string::npos) << error;
}

}  // namespace
}  // namespace kandinsky
