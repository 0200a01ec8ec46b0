#include <gtest/gtest.h>

#include "pipeline/nano.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

namespace fs = std::filesystem;

void expect_not_found(const fs::path& directory, const std::string& part) {
  const Error error = error_of([&] { ModelFiles::find(directory); });
  EXPECT_EQ(error.code(), ErrorCode::not_found);
  EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find(directory.string()), std::string::npos) << error.what();
}

TEST(ModelFiles, FindsTheBundledModel) {
  const ModelFiles files = ModelFiles::find(nano_path());
  EXPECT_EQ(files.transformer, nano_path("rudalle_kandinsky.bin"));
  EXPECT_EQ(files.transformer_config, "");
  EXPECT_EQ(files.tokenizer, nano_path("tokenizer/bpe.model"));
  EXPECT_EQ(files.vqgan, nano_path("vae/vqgan.gumbelf8.model.ckpt"));
  EXPECT_EQ(files.ruclip, nano_path("ruclip"));
  EXPECT_EQ(files.real_esrgan, nano_path("x4/RealESRGAN_x4.pth"));
  EXPECT_EQ(files.generation_config, nano_path("generation_config.json"));
}

TEST(ModelFiles, FindsTheServicesLayout) {
  const TemporaryFolder folder;
  for (const char* name : {"rudalle_kandinsky.bin", "other.bin", "config.json", "tokenizer/bpe.model",
                           "vae/vqgan.gumbelf8-sber.model.ckpt", "vae/dwt.ckpt", "x4/RealESRGAN_x4.pth",
                           "ruclip-vit-large-patch14-336/config.json"})
    folder.write(name, "x");
  const ModelFiles files = ModelFiles::find(folder.path());
  EXPECT_EQ(files.transformer, folder / "rudalle_kandinsky.bin");
  EXPECT_EQ(files.transformer_config, folder / "config.json");
  EXPECT_EQ(files.vqgan, folder / "vae/vqgan.gumbelf8-sber.model.ckpt");
  EXPECT_EQ(files.ruclip, folder / "ruclip-vit-large-patch14-336");
}

TEST(ModelFiles, TakesTheOnlyFileThatFits) {
  const TemporaryFolder folder;
  for (const char* name : {"malevich.safetensors", "tokenizer/sp.model", "vae/any.ckpt"}) folder.write(name, "x");
  const ModelFiles files = ModelFiles::find(folder.path());
  EXPECT_EQ(files.transformer, folder / "malevich.safetensors");
  EXPECT_EQ(files.tokenizer, folder / "tokenizer/sp.model");
  EXPECT_EQ(files.ruclip, "");
  EXPECT_EQ(files.real_esrgan, "");

  folder.write("emojich.pt", "x");
  const Error error = error_of([&] { ModelFiles::find(folder.path()); });
  EXPECT_EQ(error.code(), ErrorCode::not_found);
  EXPECT_NE(std::string(error.what()).find("emojich.pt, malevich.safetensors"), std::string::npos) << error.what();

  ModelFiles given;
  given.transformer = folder / "emojich.pt";
  EXPECT_EQ(ModelFiles::find(folder.path(), given).transformer, folder / "emojich.pt");
}

TEST(ModelFiles, NamesWhatIsMissing) {
  const TemporaryFolder folder;
  expect_not_found(folder.path(), "transformer");
  folder.write("rudalle_kandinsky.bin", "x");
  expect_not_found(folder.path(), "tokenizer");
  folder.write("tokenizer/bpe.model", "x");
  expect_not_found(folder.path(), "VQGAN");
  folder.write("vae/a.ckpt", "x");
  EXPECT_NO_THROW(ModelFiles::find(folder.path()));

  expect_not_found(folder / "elsewhere", "no such model directory");
  expect_not_found(folder / "rudalle_kandinsky.bin", "is a file, not a model directory");
  ModelFiles given;
  given.vqgan = "/no/such.ckpt";
  EXPECT_STREQ(error_of([&] { ModelFiles::find(folder.path(), given); }).what(), "/no/such.ckpt: no such file");
}

TEST(PipelineLoad, WorksWithoutTheOptionalParts) {
  const TemporaryFolder folder;
  link_nano(folder);
  for (const char* name : {"ruclip", "x4", "generation_config.json"}) fs::remove(folder / name);
  PipelineOptions options;
  options.device = "cpu";
  const Pipeline pipeline = Pipeline::load(folder.path(), options);
  EXPECT_EQ(pipeline.ruclip(), nullptr);
  EXPECT_EQ(pipeline.real_esrgan(), nullptr);
  EXPECT_FALSE(pipeline.default_options().top_k.has_value());
}

TEST(PipelineLoad, NamesTheFileThatIsDamaged) {
  const char* files[] = {"rudalle_kandinsky.bin", "tokenizer", "vae", "ruclip", "x4", "generation_config.json"};
  const char* damaged[] = {"rudalle_kandinsky.bin",    "tokenizer/bpe.model",  "vae/vqgan.gumbelf8.model.ckpt",
                           "ruclip/pytorch_model.bin", "x4/RealESRGAN_x4.pth", "generation_config.json"};
  for (std::size_t i = 0; i < std::size(files); ++i) {
    SCOPED_TRACE(files[i]);
    const TemporaryFolder folder;
    link_nano(folder);
    fs::remove(folder / files[i]);
    folder.write(damaged[i], "not what it should be");
    PipelineOptions options;
    options.device = "cpu";
    const Error error = error_of([&] { Pipeline::load(folder.path(), options); });
    EXPECT_EQ(error.code(), ErrorCode::bad_file) << error.what();
    EXPECT_NE(std::string(error.what()).find(damaged[i]), std::string::npos) << error.what();
  }
}

TEST(PipelineLoad, RefusesAnotherModelAsTransformer) {
  PipelineOptions options;
  options.device = "cpu";
  options.files.transformer = nano_path("x4/RealESRGAN_x4.pth");
  const Error error = error_of([&] { Pipeline::load(nano_path(), options); });
  EXPECT_EQ(error.code(), ErrorCode::bad_file);
  EXPECT_NE(std::string(error.what()).find("RealESRGAN_x4.pth"), std::string::npos) << error.what();
}

TEST(PipelineLoad, RefusesATokenizerThatIsTooLarge) {
  const TemporaryFolder folder;
  std::string model = "3000 0\n";
  for (int i = 0; i < 3000; ++i) model += std::to_string(0x4E00 + i) + " " + std::to_string(4 + i) + "\n";
  PipelineOptions options;
  options.device = "cpu";
  options.rank = options.super_resolution = false;
  options.files.tokenizer = folder.write("large.model", model + "1 0 2 3\n");
  const Error error = error_of([&] { Pipeline::load(nano_path(), options); });
  EXPECT_EQ(error.code(), ErrorCode::bad_file);
  EXPECT_EQ(std::string(error.what()),
            (folder / "large.model").string() + ": has 3004 text tokens, but the transformer knows only 2048");
}

TEST(PipelineLoad, RefusesBadComputeOptions) {
  PipelineOptions options;
  options.device = "gpu";
  EXPECT_EQ(error_of([&] { Pipeline::load(nano_path(), options); }).code(), ErrorCode::invalid_argument);
  options.device = "cuda:1000";
  EXPECT_EQ(error_of([&] { Pipeline::load(nano_path(), options); }).code(), ErrorCode::not_found);
  options.device = "cpu";
  options.threads = -1;
  EXPECT_EQ(error_of([&] { Pipeline::load(nano_path(), options); }).subject(), "threads");
}

}  // namespace
}  // namespace kandinsky::testing
