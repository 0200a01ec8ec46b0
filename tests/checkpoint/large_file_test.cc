// Files of the size of the 12 billion parameter model, as holes on the disk: they must open at once, and
// without touching the tensors.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "checkpoint/builders.h"
#include "checkpoint/process_memory.h"
#include "kandinsky/checkpoint.h"

namespace kandinsky {
namespace {

using namespace kandinsky::testing;

constexpr std::int64_t tensor_count = 1028;
constexpr std::int64_t tensor_elements = 11'200'000;  // fp16: 22.4 MB each, 23.03 GB in all
constexpr std::int64_t tensor_bytes = 2 * tensor_elements;
constexpr std::int64_t most_memory = 16 << 20;

std::string tensor_name(std::int64_t i) { return "transformer.layers." + std::to_string(i) + ".weight"; }

// A file that is removed at the end; what is not written to it is a hole.
class SparseFile {
 public:
  SparseFile() {
    path_ = std::filesystem::temp_directory_path() / ("kandinsky-sparse-" + std::to_string(::getpid()));
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  }
  ~SparseFile() {
    ::close(file_);
    std::filesystem::remove(path_);
  }
  const std::filesystem::path& path() const { return path_; }

  void write(std::int64_t offset, const std::string& bytes) {
    ASSERT_EQ(::pwrite(file_, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  }
  // False where the file system knows no holes or no files of that size.
  bool resize(std::int64_t size) { return ::ftruncate(file_, size) == 0; }

 private:
  std::filesystem::path path_;
  int file_;
};

void expect_opens_at_once(const SparseFile& file) {
  const bool measured = reset_peak_memory();
  const std::int64_t before = process_memory("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  const Checkpoint checkpoint = Checkpoint::open(file.path());
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  std::int64_t elements = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) elements += tensor.element_count();
  EXPECT_EQ(elements, tensor_count * tensor_elements);
  ASSERT_NE(checkpoint.find(tensor_name(tensor_count - 1)), nullptr);
  EXPECT_EQ(*checkpoint.find(tensor_name(tensor_count - 1))->data, std::byte{0});
  EXPECT_LT(taken.count(), 1.0);
  ::testing::Test::RecordProperty("milliseconds", std::to_string(taken.count() * 1000));
  if (measured) {
    const std::int64_t peak = process_memory("VmHWM") - before;
    ::testing::Test::RecordProperty("peak_bytes", std::to_string(peak));
    EXPECT_LT(peak, most_memory);
  }

  // A tensor that was read leaves memory again.
  checkpoint.tensors()[500].sha256();
  const std::int64_t read = process_memory("VmRSS");
  checkpoint.drop_pages(checkpoint.tensors()[500]);
  EXPECT_GT(read - process_memory("VmRSS"), tensor_bytes / 2);
}

TEST(LargeFile, Safetensors) {
  std::string header = "{";
  for (std::int64_t i = 0; i < tensor_count; ++i) {
    header += (i == 0 ? "\"" : ",\"") + tensor_name(i) + "\":{\"dtype\":\"F16\",\"shape\":[" +
              std::to_string(tensor_elements) + "],\"data_offsets\":[" + std::to_string(i * tensor_bytes) + "," +
              std::to_string((i + 1) * tensor_bytes) + "]}";
  }
  const std::string front = safetensors_file(header + "}", "");
  SparseFile file;
  const auto size = static_cast<std::int64_t>(front.size()) + tensor_count * tensor_bytes;
  if (!file.resize(size)) GTEST_SKIP() << "no sparse files of 23 GB here";
  file.write(0, front);
  expect_opens_at_once(file);
}

// A zip64 as torch.save writes it: each storage behind a local header of its own.
TEST(LargeFile, TorchZip) {
  std::vector<std::pair<std::string, std::string>> items;
  for (std::int64_t i = 0; i < tensor_count; ++i) {
    items.emplace_back(
        tensor_name(i),
        pickled_tensor(pickled_storage("HalfStorage", std::to_string(i), tensor_elements), 0, {tensor_elements}, {1}));
  }
  const std::string pickle = pickle_file(pickled_dict(items));
  SparseFile file;
  std::string directory;
  std::int64_t offset = 0;
  const auto add = [&](const std::string& name, std::int64_t size, const std::string& data) {
    const std::string common = little_endian(45, 2) + little_endian(0, 2 + 2 + 4 + 4) +
                               little_endian(static_cast<std::uint64_t>(size), 4) +
                               little_endian(static_cast<std::uint64_t>(size), 4) + little_endian(name.size(), 2);
    const std::string local = little_endian(0x04034b50, 4) + common + little_endian(0, 2) + name + data;
    file.write(offset, local);
    directory += little_endian(0x02014b50, 4) + little_endian(45, 2) + common + little_endian(12, 2) +
                 little_endian(0, 10) + little_endian(0xFFFFFFFF, 4) + name + little_endian(1, 2) +
                 little_endian(8, 2) + little_endian(static_cast<std::uint64_t>(offset), 8);
    offset += static_cast<std::int64_t>(local.size() - data.size()) + size;
  };
  if (!file.resize(tensor_count * tensor_bytes + (1 << 20))) GTEST_SKIP() << "no sparse files of 23 GB here";
  add("archive/data.pkl", static_cast<std::int64_t>(pickle.size()), pickle);
  for (std::int64_t i = 0; i < tensor_count; ++i) add("archive/data/" + std::to_string(i), tensor_bytes, "");

  const auto start = static_cast<std::uint64_t>(offset);
  const std::uint64_t end = start + directory.size();
  const std::uint64_t count = tensor_count + 1;
  file.write(offset, directory + little_endian(0x06064b50, 4) + little_endian(44, 8) + little_endian(45, 2) +
                         little_endian(45, 2) + little_endian(0, 8) + little_endian(count, 8) +
                         little_endian(count, 8) + little_endian(directory.size(), 8) + little_endian(start, 8) +
                         little_endian(0x07064b50, 4) + little_endian(0, 4) + little_endian(end, 8) +
                         little_endian(1, 4) + little_endian(0x06054b50, 4) + little_endian(0, 4) +
                         little_endian(0xFFFF, 2) + little_endian(0xFFFF, 2) + little_endian(0xFFFFFFFF, 4) +
                         little_endian(0xFFFFFFFF, 4) + little_endian(0, 2));
  ASSERT_TRUE(file.resize(static_cast<std::int64_t>(end) + 56 + 20 + 22));
  expect_opens_at_once(file);
}

}  // namespace
}  // namespace kandinsky
