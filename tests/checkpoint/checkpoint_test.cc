#include "kandinsky/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "checkpoint/builders.h"
#include "kandinsky/error.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

using testing::golden_path;
using testing::load;
using testing::pickled_dict;
using testing::pickled_storage;
using testing::pickled_tensor;
using testing::torch_zip;

std::vector<std::string> names(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  for (const TensorInfo& tensor : checkpoint.tensors()) names.push_back(tensor.name);
  return names;
}

std::vector<std::uint8_t> values(const TensorInfo& tensor) {
  const std::vector<std::byte> bytes = tensor.contiguous_bytes();
  std::vector<std::uint8_t> out(bytes.size());
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

ErrorCode open_error(const std::filesystem::path& path) {
  try {
    Checkpoint::open(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.subject(), path.string());
    return error.code();
  }
  ADD_FAILURE() << path << " opened";
  return ErrorCode::internal;
}

TEST(Checkpoint, SaysWhatTheFormatIs) {
  EXPECT_EQ(Checkpoint::open(golden_path("checkpoints/dtypes.pt")).format(), "torch-zip");
  EXPECT_EQ(Checkpoint::open(golden_path("checkpoints/legacy_dtypes.pth")).format(), "torch-legacy");
  EXPECT_EQ(Checkpoint::open(golden_path("checkpoints/good.safetensors")).format(), "safetensors");
}

TEST(Checkpoint, ListsTensorsInTheOrderOfTheFile) {
  const Checkpoint checkpoint = Checkpoint::open(golden_path("checkpoints/views_shared.pt"));
  const std::vector<std::string> expected = {"base", "transposed", "slice", "row", "expanded", "diag", "same"};
  EXPECT_EQ(names(checkpoint), expected);
}

TEST(Checkpoint, ViewsKeepTheirStrides) {
  const Checkpoint checkpoint = Checkpoint::open(golden_path("checkpoints/views_shared.pt"));
  const TensorInfo& base = *checkpoint.find("base");
  const TensorInfo& transposed = *checkpoint.find("transposed");
  EXPECT_TRUE(base.is_contiguous());
  EXPECT_FALSE(transposed.is_contiguous());
  EXPECT_EQ(transposed.strides, (std::vector<std::int64_t>{1, 8}));
  EXPECT_EQ(transposed.data, base.data);
  EXPECT_EQ(checkpoint.find("same")->data, base.data);
  EXPECT_EQ(checkpoint.find("expanded")->strides, (std::vector<std::int64_t>{0, 0}));
  EXPECT_EQ(checkpoint.find("row")->data, base.data + 40 * 4);
}

TEST(Checkpoint, FindsNothingUnderAnUnknownName) {
  const Checkpoint checkpoint = Checkpoint::open(golden_path("checkpoints/good.safetensors"));
  EXPECT_EQ(checkpoint.find("nothing"), nullptr);
  EXPECT_EQ(checkpoint.metadata("nothing"), nullptr);
  ASSERT_NE(checkpoint.metadata("format"), nullptr);
  EXPECT_EQ(*checkpoint.metadata("format"), "pt");
  ASSERT_NE(checkpoint.metadata("имя"), nullptr);
  EXPECT_EQ(*checkpoint.metadata("имя"), "значение");
}

TEST(Checkpoint, StateDictPrefersParams) {
  const Checkpoint both = Checkpoint::open(golden_path("checkpoints/params_both.pth"));
  const Checkpoint state = both.state_dict();
  ASSERT_EQ(names(state), std::vector<std::string>{"w"});
  EXPECT_EQ(state.find("w")->data, both.find("params/w")->data);
  EXPECT_EQ(state.name(), both.name());
  EXPECT_EQ(state.format(), both.format());
}

TEST(Checkpoint, StateDictTakesThePrefixOff) {
  for (const char* name : {"params_ema.pth", "state_dict.ckpt", "lightning.ckpt", "legacy_lightning_unknown.ckpt"}) {
    const Checkpoint state = Checkpoint::open(golden_path("checkpoints") / name).state_dict();
    EXPECT_EQ(names(state),
              (std::vector<std::string>{"encoder.conv_in.weight", "encoder.conv_in.bias", "quantize.embed.weight"}))
        << name;
  }
}

TEST(Checkpoint, StateDictOfABareOneIsTheSame) {
  const Checkpoint bare = Checkpoint::open(golden_path("checkpoints/malevich_like.bin"));
  EXPECT_EQ(&bare.state_dict().tensors(), &bare.tensors());
}

TEST(Checkpoint, StateDictOutlivesTheCheckpoint) {
  const Checkpoint state = Checkpoint::open(golden_path("checkpoints/deflated.pt")).state_dict();
  EXPECT_EQ(state.tensors().at(0).sha256(), "58dda328598e2f7fe472621bfc54935aaa354d1a6ebcaf9562cd743fd575eb19");
}

TEST(Checkpoint, ReadsTheBundledModel) {
  const auto count = [](const char* name) {
    return Checkpoint::open(testing::nano_path(name)).state_dict().tensors().size();
  };
  EXPECT_EQ(count("rudalle_kandinsky.bin"), 206u);
  EXPECT_EQ(count("ruclip/pytorch_model.bin"), 110u);
  EXPECT_EQ(count("vae/vqgan.gumbelf8.model.ckpt"), 301u);
  EXPECT_EQ(count("x4/RealESRGAN_x4.pth"), 192u);
}

TEST(Checkpoint, DroppedPagesAreReadAgain) {
  const Checkpoint checkpoint = Checkpoint::open(testing::nano_path("rudalle_kandinsky.bin"));
  const TensorInfo& tensor = *checkpoint.find("image_embeddings.weight");
  const std::string hash = tensor.sha256();
  checkpoint.drop_pages(tensor);
  EXPECT_EQ(tensor.sha256(), hash);
}

TEST(Checkpoint, DropsNothingOfMemoryOrOfOthers) {
  const std::string file =
      torch_zip(pickled_dict({{"w", pickled_tensor(pickled_storage("ByteStorage", "0", 9000), 0, {9000}, {1})}}),
                {std::string(9000, 'x')});
  const Checkpoint memory = load(file);
  const Checkpoint mapped = Checkpoint::open(testing::nano_path("rudalle_kandinsky.bin"));
  memory.drop_pages(memory.tensors()[0]);
  mapped.drop_pages(memory.tensors()[0]);
  EXPECT_EQ(values(memory.tensors()[0]), std::vector<std::uint8_t>(9000, 'x'));
}

TEST(Checkpoint, CopiesOutAnyStrides) {
  std::string bytes;
  for (int i = 0; i < 24; ++i) bytes += static_cast<char>(i);
  const std::string storage = pickled_storage("ByteStorage", "0", 24);
  const std::string file = torch_zip(pickled_dict({{"columns", pickled_tensor(storage, 1, {3, 2}, {2, 8})},
                                                   {"repeated", pickled_tensor(storage, 5, {2, 3}, {1, 0})},
                                                   {"rows", pickled_tensor(storage, 0, {2, 1, 4}, {12, 99, 1})},
                                                   {"one", pickled_tensor(storage, 7, {1, 1}, {5, 77})},
                                                   {"scalar", pickled_tensor(storage, 23, {}, {})},
                                                   {"none", pickled_tensor(storage, 0, {4, 0}, {1, 1})}}),
                                     {bytes});
  const Checkpoint checkpoint = load(file);
  using Values = std::vector<std::uint8_t>;
  EXPECT_EQ(values(*checkpoint.find("columns")), (Values{1, 9, 3, 11, 5, 13}));
  EXPECT_EQ(values(*checkpoint.find("repeated")), (Values{5, 5, 5, 6, 6, 6}));
  EXPECT_EQ(values(*checkpoint.find("rows")), (Values{0, 1, 2, 3, 12, 13, 14, 15}));
  EXPECT_EQ(values(*checkpoint.find("one")), (Values{7}));
  EXPECT_EQ(values(*checkpoint.find("scalar")), (Values{23}));
  EXPECT_EQ(values(*checkpoint.find("none")), Values{});
  EXPECT_TRUE(checkpoint.find("one")->is_contiguous());
  EXPECT_TRUE(checkpoint.find("none")->is_contiguous());
  // SHA-256 of the empty message.
  EXPECT_EQ(checkpoint.find("none")->sha256(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// Runs longer than the copying buffer, between shorter ones.
TEST(Checkpoint, HashesAStridedViewLikeItsCopy) {
  std::string bytes(400'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 16);
  const std::string storage = pickled_storage("ByteStorage", "0", 400'000);
  for (const std::int64_t run : {1, 7, 5000, 20'000}) {
    const std::vector<std::int64_t> shape = {400'000 / (2 * run), run};
    const std::string file =
        torch_zip(pickled_dict({{"view", pickled_tensor(storage, 0, shape, {2 * run, 1})}}), {bytes});
    const Checkpoint view = load(file);
    const std::vector<std::byte> copy = view.tensors()[0].contiguous_bytes();
    EXPECT_FALSE(view.tensors()[0].is_contiguous());
    const TensorInfo flat{"flat", DType::uint8, {static_cast<std::int64_t>(copy.size())}, {1}, copy.data()};
    EXPECT_EQ(view.tensors()[0].sha256(), flat.sha256()) << run;
    EXPECT_EQ(std::memcmp(copy.data() + run, bytes.data() + 2 * run, static_cast<std::size_t>(run)), 0);
  }
}

TEST(Checkpoint, ManyThreadsMayRead) {
  const Checkpoint checkpoint = Checkpoint::open(testing::nano_path("x4/RealESRGAN_x4.pth"));
  std::vector<std::string> hashes(4);
  std::vector<std::thread> threads;
  for (std::string& hash : hashes) {
    threads.emplace_back([&hash, checkpoint] {
      const Checkpoint state = checkpoint.state_dict();
      for (const TensorInfo& tensor : state.tensors()) {
        hash += tensor.sha256();
        checkpoint.drop_pages(tensor);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& hash : hashes) EXPECT_EQ(hash, hashes[0]);
}

TEST(Checkpoint, SaysWhyAFileCannotBeOpened) {
  EXPECT_EQ(open_error("/nonexistent/model.pt"), ErrorCode::not_found);
  EXPECT_EQ(open_error(golden_path("checkpoints/dtypes.pt") / "inside"), ErrorCode::not_found);
  EXPECT_EQ(open_error(golden_path("checkpoints")), ErrorCode::io);
  EXPECT_EQ(open_error("/dev/null"), ErrorCode::io);
  EXPECT_EQ(open_error(golden_path("checkpoints/bad_not_a_checkpoint.txt")), ErrorCode::bad_file);
  EXPECT_EQ(open_error(golden_path("checkpoints/byteorder_big.pt")), ErrorCode::unsupported);
}

TEST(Checkpoint, RecognizesAGitLfsPointer) {
  EXPECT_EQ(testing::load_error("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
            "memory.pt: this is a Git LFS pointer: fetch the file itself with 'git lfs pull'");
}

}  // namespace
}  // namespace kandinsky
