// Ctrl-C: exit code 130 within a moment, and no file that is not whole.
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "apps/process.h"
#include "kandinsky/image.h"

namespace kandinsky::testing {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::vector<std::string> generate(const std::string& out, std::vector<std::string> more) {
  std::vector<std::string> arguments = {"generate", "--model", nano(),      "--prompt", "кот",
                                        "--out",    out,       "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

bool appears(const std::string& path, int seconds) {
  for (const auto end = Clock::now() + std::chrono::seconds(seconds); Clock::now() < end;) {
    if (std::filesystem::exists(path)) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

void expect_whole_pictures(const Folder& folder) {
  for (const std::string& name : folder.files()) {
    EXPECT_TRUE(name.ends_with(".png")) << name;
    EXPECT_NO_THROW(Image::load(folder / name)) << name;
  }
}

TEST(Interrupt, StopsWithinATokenWhileDrawing) {
  for (const int number : {SIGINT, SIGTERM}) {
    const Folder folder;
    Process process(generate(folder / "a", {"--images", "512", "--no-super-res"}));
    ASSERT_TRUE(appears(folder / "a", 20));
    std::this_thread::sleep_for(milliseconds(2500));  // past loading
    const Clock::time_point sent = Clock::now();
    process.signal(number);
    const Finished finished = process.wait();
    EXPECT_LT(Clock::now() - sent, milliseconds(1000));
    EXPECT_EQ(finished.exit_code, 130);
    EXPECT_EQ(finished.out, "");
    EXPECT_EQ(finished.err, "kandinsky: interrupted\n");
    EXPECT_TRUE(folder.files().empty());
  }
}

TEST(Interrupt, StopsWhileLoading) {
  const Folder folder;
  Process process(generate(folder / "a", {}));
  ASSERT_TRUE(appears(folder / "a", 20));  // made before the model is loaded
  process.signal(SIGINT);
  EXPECT_EQ(process.wait().exit_code, 130);
  EXPECT_TRUE(folder.files().empty());
}

TEST(Interrupt, LeavesFinishedPicturesWhole) {
  const Folder folder;
  Process process(generate(folder / "a", {"--images", "8", "--pick", "8", "--no-rank"}));
  ASSERT_TRUE(appears(folder / "a/1.png", 60));
  process.signal(SIGINT);
  const Finished finished = process.wait();
  EXPECT_EQ(finished.exit_code, 130);
  EXPECT_EQ(finished.err, "kandinsky: interrupted\n");
  EXPECT_GE(folder.files().size(), 1u);
  EXPECT_LT(folder.files().size(), 8u);
  expect_whole_pictures(folder);
  EXPECT_EQ(Image::load(folder / "a/1.png").width(), 512);
}

TEST(Interrupt, StopsAnUpscaleWithoutAFile) {
  const Folder folder;
  Image(1500, 1500).save(folder / "large.png");
  Process process({"upscale", "--model", nano(), folder / "large.png", "--out", folder / "out.png", "--threads", "1"});
  std::this_thread::sleep_for(milliseconds(2500));
  process.signal(SIGINT);
  const Clock::time_point sent = Clock::now();
  EXPECT_EQ(process.wait().exit_code, 130);
  EXPECT_LT(Clock::now() - sent, milliseconds(1000));
  EXPECT_EQ(folder.files(), std::vector<std::string>{"large.png"});
}

TEST(Interrupt, StopsAtOnceWhereNothingIsWritten) {
  const Folder folder;
  Process process({"losses", "--model", nano(), folder.write("t.tsv", [] {
                     std::string table;
                     for (int i = 0; i < 500; ++i) table += golden("nano/pictures/e0.png") + "\tкот\n";
                     return table;
                   }())});
  std::this_thread::sleep_for(milliseconds(1500));
  process.signal(SIGINT);
  const Finished finished = process.wait();
  EXPECT_EQ(finished.exit_code, 130);
  EXPECT_EQ(finished.out, "");
}

}  // namespace
}  // namespace kandinsky::testing
