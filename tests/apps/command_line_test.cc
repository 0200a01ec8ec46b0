// What holds for every subcommand: help, and one line and exit code 2 for a command line that cannot be
// meant.
#include <gtest/gtest.h>

#include "apps/process.h"

namespace kandinsky::testing {
namespace {

const std::vector<std::string> subcommands = {"generate", "tokenize", "losses",  "encode", "decode",
                                              "score",    "upscale",  "inspect", "info"};

TEST(CommandLine, HelpNamesEverySubcommand) {
  const Finished help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.err, "");
  for (const std::string& name : subcommands) EXPECT_NE(help.out.find("\n  " + name + " "), std::string::npos) << name;
}

TEST(CommandLine, EverySubcommandHasHelpWithExamples) {
  for (const std::string& name : subcommands) {
    SCOPED_TRACE(name);
    const Finished help = run({name, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_EQ(help.out.find("\n\n\n"), std::string::npos);
    EXPECT_NE(help.out.find("Usage: kandinsky " + name + " [OPTIONS]"), std::string::npos) << help.out;
    EXPECT_NE(help.out.find("Examples:\n  kandinsky " + name), std::string::npos) << help.out;
  }
}

TEST(CommandLine, HelpShowsDefaults) {
  const std::string help = run({"generate", "--help"}).out;
  for (const char* text : {"[8, or 1 with --greedy]", "all if there are fewer [4]", "[the model's or 4096]",
                           "[the model's or 0.975]", "[the model's or 1]", "[random]", "[png]", "[auto]"})
    EXPECT_NE(help.find(text), std::string::npos) << text;
}

TEST(CommandLine, VersionIsOneLine) {
  const Finished version = run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out.find("kandinsky 0.1.0 (LibTorch 2."), 0u) << version.out;
  EXPECT_EQ(lines_of(version.out).size(), 1u);
}

TEST(CommandLine, NeedsACommand) {
  expect_error({}, 2, "a command is required");  // the program itself, once
  expect_refused({}, "a command is required");
  expect_refused({"draw"}, "'draw' is not a command");
  expect_refused({"generate", "--imagse", "3"}, "'--imagse' was not expected here");
  expect_refused({"inspect", "a", "b"}, "'b' was not expected here");
}

TEST(CommandLine, NeedsWhatIsRequired) {
  expect_refused({"generate"}, "--model is required");
  expect_refused({"generate", "--model", nano()}, "--prompt is required");
  expect_refused({"tokenize", "кот"}, "--model or --tokenizer is required");
  expect_refused({"losses", "--model", nano()}, "TABLE is required");
  expect_refused({"encode"}, "IMAGE is required");
  expect_refused({"encode", "a.png"}, "--model or --vqgan is required");
  expect_refused({"decode"}, "--out is required");
  expect_refused({"score", "a.png"}, "--text is required");
  expect_refused({"score", "--text", "кот"}, "IMAGE is required");
  expect_refused({"upscale", "a.png"}, "--out is required");
  expect_refused({"inspect"}, "FILE is required");
}

TEST(CommandLine, ChecksEveryValueBeforeLoadingAnything) {
  const auto expect_bad = [](std::vector<std::string> words, const std::string& message) {
    std::vector<std::string> arguments = {"generate", "--model", "/no/such/model", "--prompt", "кот"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    expect_refused(arguments, "kandinsky generate: " + message);
  };
  expect_bad({"--images", "0"}, "--images: '0' is not a whole number from 1 to 4096");
  expect_bad({"--images", "-1"}, "--images: '-1' is not a whole number from 1 to 4096");
  expect_bad({"--images", "4097"}, "--images: '4097' is not");
  expect_bad({"--images", "3x"}, "--images: '3x' is not");
  expect_bad({"--images", "3.0"}, "--images: '3.0' is not");
  expect_bad({"--images", ""}, "--images: '' is not");
  expect_bad({"--images", " 3"}, "--images: ' 3' is not");
  expect_bad({"--images", "99999999999999999999"}, "--images: '99999999999999999999' is not");
  expect_bad({"--images"}, "--images: ");
  expect_bad({"--images=0"}, "--images: '0' is not");
  expect_bad({"--pick", "0"}, "--pick: '0' is not a whole number from 1 to 4096");
  expect_bad({"--batch", "0"}, "--batch: '0' is not a whole number from 1 to 4096");
  expect_bad({"--threads", "-2"}, "--threads: '-2' is not a whole number from 0 to 1024");
  expect_bad({"--top-k", "-1"}, "--top-k: '-1' is not a whole number from 0 to ");
  expect_bad({"--top-p", "0"}, "--top-p: '0' is not a number from 1e-06 to 1");
  expect_bad({"--top-p", "1.01"}, "--top-p: '1.01' is not");
  expect_bad({"--top-p", "nan"}, "--top-p: 'nan' is not");
  expect_bad({"--top-p", "0,9"}, "--top-p: '0,9' is not");
  expect_bad({"--temperature", "0"}, "--temperature: '0' is not a number from 1e-06 to 1000");
  expect_bad({"--temperature", "inf"}, "--temperature: 'inf' is not");
  expect_bad({"--temperature", "1e400"}, "--temperature: '1e400' is not");
  expect_bad({"--seed", "-1"}, "--seed: '-1' is not a whole number from 0 to 18446744073709551615");
  expect_bad({"--seed", "18446744073709551616"}, "--seed: '18446744073709551616' is not");
  expect_bad({"--seed", "0x7"}, "--seed: '0x7' is not");
  expect_bad({"--device", "gpu"}, "--device: 'gpu' is not one of auto, cpu, cuda, cuda:N");
  expect_bad({"--device", "cuda:-1"}, "--device: 'cuda:-1' is not");
  expect_bad({"--dtype", "int8"}, "--dtype: 'int8' is not one of auto, fp32, bf16, fp16");
  expect_bad({"--format", "gif"}, "--format: 'gif' is not one of png, jpeg");
  expect_bad({"--preset", "dalle"}, "--preset: 'dalle' is not one of kandinsky, malevich");
  expect_bad({"--out", ""}, "--out: must not be empty");
  expect_bad({"--contact-sheet", "sheet.bmp"}, "--contact-sheet: 'sheet.bmp' does not end in .png, .jpg or .jpeg");
  expect_bad({"--contact-sheet", "a.png", "--no-contact-sheet"}, "--contact-sheet: does not go with");
  expect_bad({"--prompt", "кот\xFF"}, "--prompt: is not valid UTF-8");
}

TEST(CommandLine, ParsesKeepStrictly) {
  const auto expect_bad = [](const std::string& keep, const std::string& message) {
    expect_refused({"generate", "--model", nano(), "--prompt", "кот", "--image-prompt", "a.png", "--keep", keep},
                   "--keep: " + message);
  };
  expect_bad("", "'' is not up=N, down=N, left=N or right=N");
  expect_bad("up", "'up' is not");
  expect_bad("up=4,", "'' is not");
  expect_bad(",up=4", "'' is not");
  expect_bad("top=4", "'top=4' is not");
  expect_bad("up=", "'' is not a whole number from 1 to 1024");
  expect_bad("up=0", "'0' is not a whole number from 1 to 1024");
  expect_bad("up=4=4", "'4=4' is not a whole number");
  expect_bad("up=4, left=2", "' left=2' is not");
  expect_bad("up=4,up=4", "up is given twice");
  expect_refused({"generate", "--model", nano(), "--prompt", "кот", "--keep", "up=4"}, "--keep: needs --image-prompt");
  expect_refused({"generate", "--model", nano(), "--prompt", "кот", "--crop-first"}, "--crop-first: needs");
  expect_refused({"generate", "--model", nano(), "--prompt", "кот", "--image-prompt", "a.png"},
                 "--image-prompt: needs --keep");
}

TEST(CommandLine, MessagesStayOneLine) {
  expect_error({"inspect", "no\nsuch\nfile"}, 1, "no?such?file");
  expect_error({"generate", "--model", "no\nsuch\nmodel", "--prompt", "кот", "--out", "/tmp"}, 1, "no?such?model");
}

}  // namespace
}  // namespace kandinsky::testing
