#include <fmt/format.h>

#include <memory>
#include <span>

#include "model_arguments.h"
#include "output.h"
#include "program.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  ModelArguments model;
  std::vector<std::string> texts;
  std::vector<std::string> images;
  bool json = false;
};

int run(const Arguments& arguments) {
  for (const std::string& text : arguments.texts)
    if (!is_utf8(text)) throw UsageError("--text: is not valid UTF-8");
  const std::filesystem::path directory = arguments.model.find(&ModelFiles::ruclip, "--ruclip", "ruCLIP directory");
  std::vector<Image> images;
  for (const std::string& file : arguments.images) images.push_back(Image::load(file));
  const RuClip ruclip = RuClip::load(directory, arguments.model.compute());
  const std::vector<float> scores = ruclip.scores(arguments.texts, images);
  const auto score = [&](std::size_t text, std::size_t image) { return scores[text * images.size() + image]; };

  if (arguments.json) {
    Json rows = Json::array();
    for (std::size_t i = 0; i < images.size(); ++i) {
      Json row = Json::array();
      for (std::size_t t = 0; t < arguments.texts.size(); ++t) row.push_back(score(t, i));
      rows.push_back({{"file", arguments.images[i]}, {"scores", std::move(row)}});
    }
    print(to_line({{"texts", arguments.texts}, {"images", std::move(rows)}}));
    return 0;
  }
  for (std::size_t i = 0; i < images.size(); ++i)
    for (std::size_t t = 0; t < arguments.texts.size(); ++t)
      print(fmt::format("{:.3f}  {}  {}\n", score(t, i), arguments.images[i], arguments.texts[t]));
  return 0;
}

}  // namespace

void add_score(CLI::App& program) {
  Command command = add_command(program, "score", "Score pictures against texts with ruCLIP");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  command.rest("IMAGE", a.images, "PNG or JPEG files", Need::required);
  command.list("-t,--text", a.texts, "TEXT", "A text; may be given several times", Need::required);
  a.model.add_model(command);
  a.model.add_ruclip(command);
  command.flag("--json", a.json, "Print {\"texts\", \"images\": [{\"file\", \"scores\"}]}");
  a.model.add_compute(command, false);
  command.examples(
      "  kandinsky score --model models/emojich-nano --text \"красное сердце\" --text \"кот\" hearts/1.png "
      "hearts/2.png\n\n"
      "A score is the cosine of the picture's and the text's latents, -1 to 1.");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
