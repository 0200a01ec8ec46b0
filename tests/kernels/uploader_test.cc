#include "kernels/cuda/uploader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "kandinsky/error.h"
#include "kernels/cuda/staged_uploader.h"
#include "kernels/fake_device.h"

// On a device that is made up: what matters is the order of things.
namespace kandinsky::cuda {
namespace {

using Bytes = std::vector<char>;

class UploaderTest : public ::testing::Test {
 protected:
  UploaderTest() {
    FakeDevice::pins = true;
    FakeDevice::copies_before_failure = -1;
  }
};

std::vector<Bytes> some_tensors() {
  constexpr std::size_t mega = std::size_t{1} << 20;
  std::vector<std::size_t> sizes = {0, 1, mega / 2, mega / 2 + 1, 4 * mega - 1, 4 * mega, 4 * mega + 1, 70 * mega};
  std::mt19937 random(7);
  for (int i = 0; i < 60; ++i) sizes.push_back(i % 4 == 0 ? random() % (9 * mega) : random() % 30000);
  std::vector<Bytes> tensors;
  for (const std::size_t size : sizes) {
    tensors.emplace_back(size);
    for (std::size_t i = 0; i < size; i += 61) tensors.back()[i] = static_cast<char>(random());
  }
  return tensors;
}

// By way of staging buffers, which are too few to do without waiting.
std::vector<Bytes> uploaded(const std::vector<Bytes>& tensors) {
  std::vector<Bytes> results;
  std::size_t largest = 0;
  for (const Bytes& tensor : tensors) {
    results.emplace_back(tensor.size());
    largest = std::max(largest, tensor.size());
  }
  const Stream stream;
  StagedUploader uploader(stream, 30000, largest);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    // Of a copy that goes when it is not owned any more, as what a tensor of another type is converted to.
    const auto own = std::make_shared<const Bytes>(tensors[i]);
    uploader.upload(own->data(), own->size(), [&stream, &result = results[i], own](const void* place) {
      stream.on_device(result.data(), place, result.size());
    });
  }
  uploader.finish();
  stream.synchronize();
  return results;
}

TEST_F(UploaderTest, BringsEverything) {
  const auto tensors = some_tensors();
  EXPECT_EQ(uploaded(tensors), tensors);
}

TEST_F(UploaderTest, BringsEverythingWithoutPinnedMemory) {
  FakeDevice::pins = false;
  const auto tensors = some_tensors();
  EXPECT_EQ(uploaded(tensors), tensors);
}

TEST_F(UploaderTest, CallsInOrder) {
  const auto tensors = some_tensors();
  const Stream stream;
  std::vector<DeviceMemory> places;
  for (const Bytes& tensor : tensors) places.emplace_back(tensor.size() + 1);
  std::vector<std::size_t> order;
  Uploader uploader(stream);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    uploader.upload(places[i].get(), tensors[i].data(), tensors[i].size());
    uploader.then([&order, &places, &tensors, &stream, i] {
      order.push_back(i);
      stream.synchronize();  // all of it is on the stream by now
      EXPECT_TRUE(std::equal(tensors[i].begin(), tensors[i].end(), places[i].as<char>())) << i;
    });
  }
  uploader.finish();
  ASSERT_EQ(order.size(), tensors.size());
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(UploaderTest, ReadsNothingOnceDestroyed) {
  const Stream stream;
  const DeviceMemory to(std::size_t{64} << 20);
  bool called = false;
  {
    const auto from = std::make_unique<Bytes>(to.bytes(), 'x');
    Uploader uploader(stream);
    uploader.upload(to.get(), from->data(), from->size());
    uploader.then([&] { called = true; });
  }  // what is not finished is given up before `from` goes: sanitizers see if it is not
  EXPECT_FALSE(called);
}

TEST_F(UploaderTest, AFailedCopyComesThrough) {
  const auto tensors = some_tensors();
  for (const int after : {0, 1, 8, 9, 10, 12, 20, 60}) {  // some while much is still to be read
    FakeDevice::copies_before_failure = after;
    try {
      uploaded(tensors);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "copy to device: as the test wanted");
    }
  }
}

}  // namespace
}  // namespace kandinsky::cuda
