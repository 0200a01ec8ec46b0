// Zip files as torch and other tools write them, and damaged ones.
#include <gtest/gtest.h>

#include "checkpoint/builders.h"

namespace kandinsky {
namespace {

using namespace kandinsky::testing;

const std::string tensor_of_16 = pickled_tensor(pickled_storage("FloatStorage", "0", 16), 0, {4, 4}, {4, 1});
const std::string object = pickled_dict({{"w", tensor_of_16}});
const std::string numbers(64, '\x01');

// A checkpoint whose storage record is written with the options.
std::string file_with_storage(ZipBuilder::Options options, std::string_view comment = "", bool zip64_end = false) {
  ZipBuilder zip;
  zip.add("archive/data.pkl", pickle_file(object));
  zip.add("archive/data/0", numbers, options);
  return zip.finish(comment, zip64_end);
}

TEST(Zip, ReadsEveryWayOfWritingIt) {
  const std::string hash = load(torch_zip(object, {numbers})).tensors().at(0).sha256();
  for (const std::string& file :
       {file_with_storage({}, "a comment"), file_with_storage({}, std::string(65535, 'c')),
        file_with_storage({.zip64 = true}), file_with_storage({.zip64 = true}, "", true),
        file_with_storage({}, "comment", true), file_with_storage({.deflated = true}),
        file_with_storage({.zip64 = true, .deflated = true}), torch_zip(object, {numbers}, {.deflated = true})}) {
    EXPECT_EQ(load(file).tensors().at(0).sha256(), hash);
  }
}

// The signature of the end record inside the comment is not the end record.
TEST(Zip, FindsTheEndBehindALookAlike) {
  const std::string fake = "PK\x05\x06" + std::string(18, '\x07');
  EXPECT_EQ(load(file_with_storage({}, fake)).tensors().size(), 1u);
}

TEST(Zip, RefusesWhatItCannotRead) {
  EXPECT_EQ(load_error(file_with_storage({.flags = 1})), "memory.pt: zip record 'archive/data/0' is encrypted");
  EXPECT_EQ(load_error(file_with_storage({.method = 12})),
            "memory.pt: zip record 'archive/data/0' is compressed by method 12, expected none or deflate");
  EXPECT_EQ(load_error(file_with_storage({.method = 8})).find("memory.pt: compressed zip record"), 0u);

  ZipBuilder twice;
  twice.add("archive/data.pkl", pickle_file(object));
  twice.add("archive/data.pkl", pickle_file(object));
  EXPECT_EQ(load_error(twice.finish()), "memory.pt: two zip records are called 'archive/data.pkl'");

  ZipBuilder roots;
  roots.add("a/data.pkl", pickle_file(object));
  roots.add("b/data.pkl", pickle_file(object));
  EXPECT_EQ(load_error(roots.finish()), "memory.pt: two data.pkl, in 'a' and 'b'");

  ZipBuilder other;
  other.add("word/document.xml", "<w/>");
  EXPECT_EQ(load_error(other.finish()), "memory.pt: zip file without a data.pkl: expected what torch.save writes");
}

TEST(Zip, ChecksWhatItInflates) {
  std::string file = file_with_storage({.deflated = true});
  const std::size_t directory = file.find("PK\x01\x02", file.find("archive/data/0"));
  ASSERT_NE(directory, std::string::npos);
  const std::size_t entry = file.find("PK\x01\x02", directory + 4);
  ASSERT_NE(entry, std::string::npos);
  file[entry + 16] ^= 1;  // the checksum in the directory
  EXPECT_EQ(load_error(file), "memory.pt: compressed zip record 'archive/data/0' has a wrong checksum");
}

TEST(Zip, ReadsNoMoreThanTheStorageOfALongRecord) {
  ZipBuilder zip;
  zip.add("archive/data.pkl", pickle_file(object));
  zip.add("archive/data/0", numbers + std::string(4 << 20, '\0'), {.deflated = true});
  const std::string file = zip.finish();
  EXPECT_LT(file.size(), 6000u);
  EXPECT_EQ(load(file).tensors().at(0).contiguous_bytes().size(), 64u);
}

TEST(Zip, LimitsWhatIsInflated) {
  const std::int64_t count = 8 << 20;
  const std::string big =
      pickled_dict({{"w", pickled_tensor(pickled_storage("ByteStorage", "0", count), 0, {count}, {1})}});
  EXPECT_NE(load_error(torch_zip(big, {std::string(static_cast<std::size_t>(count), '\0')}, {.deflated = true}))
                .find("store the records uncompressed"),
            std::string::npos);
}

TEST(Zip, EveryCutGivesAnError) {
  const std::string file = file_with_storage({.zip64 = true}, "comment", true);
  for (std::size_t size = 0; size < file.size(); ++size) EXPECT_NE(load_error(file.substr(0, size)), "") << size;
}

TEST(Zip, StoragesStayInTheirFolder) {
  for (const char* key : {"../data/0", "0/../0", "/etc/passwd", ""}) {
    const std::string tensor = pickled_tensor(pickled_storage("FloatStorage", key, 16), 0, {4, 4}, {4, 1});
    const std::string error = load_error(torch_zip(pickled_dict({{"w", tensor}}), {numbers}));
    EXPECT_EQ(error, "memory.pt: storage '" + std::string(key) + "' is missing");
  }
}

}  // namespace
}  // namespace kandinsky
