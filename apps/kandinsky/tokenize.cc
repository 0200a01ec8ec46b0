#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "model_arguments.h"
#include "output.h"
#include "program.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  ModelArguments model;
  std::vector<std::string> texts;
  std::string target = "transformer";
  std::optional<int> length;
  bool json = false;
};

// The tokenizer with the number of ids it fills.
struct Target {
  Tokenizer tokenizer;
  int length;
};

Target target_of(const Arguments& arguments) {
  const ModelArguments& model = arguments.model;
  if (arguments.target == "ruclip") {
    if (!model.files.tokenizer.empty())
      return {Tokenizer::load(model.files.tokenizer), arguments.length.value_or(RuClipConfig().context_length)};
    const std::filesystem::path directory = model.find(&ModelFiles::ruclip, "--tokenizer", "ruCLIP directory");
    const RuClipConfig config = RuClipConfig::load(directory / "config.json");
    return {Tokenizer::load(directory / "bpe.model"), arguments.length.value_or(config.context_length)};
  }
  const std::filesystem::path file = model.find(&ModelFiles::tokenizer, "--tokenizer", "tokenizer");
  int length = arguments.length.value_or(128);
  if (!arguments.length && !model.model.empty()) {
    const ModelFiles files = ModelFiles::find(model.model, model.files);
    const Checkpoint checkpoint = Checkpoint::open(files.transformer).state_dict();
    length = TransformerConfig::detect(checkpoint, files.transformer_config).text_length;
  }
  return {Tokenizer::load(file), length};
}

int run(const Arguments& arguments) {
  const auto [tokenizer, length] = target_of(arguments);
  const auto print_ids = [&, &tokenizer = tokenizer, length = length](const std::string& text) {
    const std::vector<std::int32_t> ids = arguments.target == "raw" ? tokenizer.encode(text)
                                          : arguments.target == "ruclip"
                                              ? tokenizer.encode_for_ruclip(strip(lower(text)), length)
                                              : tokenizer.encode_for_transformer(text, length);
    print(arguments.json ? to_line({{"ids", ids}}) : fmt::format("{}\n", fmt::join(ids, " ")));
  };
  for (const std::string& text : arguments.texts) print_ids(text);
  if (!arguments.texts.empty()) return 0;
  const bool interactive = isatty(STDIN_FILENO) == 1 || isatty(STDOUT_FILENO) == 1;
  for (std::string line; std::getline(std::cin, line);) {
    print_ids(line);
    if (interactive) flush_output();
  }
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& program) {
  Command command = add_command(program, "tokenize", "Show the token ids of texts, or of lines from standard input");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  command.rest("TEXT", a.texts, "Texts; without any, lines of standard input");
  a.model.add_model(command);
  a.model.add_tokenizer(command);
  command.choice("--for", a.target, {"transformer", "ruclip", "raw"}, "What that model sees, or the text's ids alone");
  command.integer("--length", a.length, 2, 1 << 20, "Ids of a text, cut or padded",
                  "the model's, or 128, or 77 for ruclip");
  command.flag("--json", a.json, "Print {\"ids\": [...]} a line");
  command.examples(
      "  kandinsky tokenize --model models/emojich-nano \"красное сердце\"\n"
      "  kandinsky tokenize --model models/emojich-nano --for ruclip --json < captions.txt");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
