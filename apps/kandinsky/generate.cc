#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <random>

#include "keep.h"
#include "model_arguments.h"
#include "output.h"
#include "picture_folder.h"
#include "program.h"
#include "progress_bar.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  ModelArguments model;
  std::string prompt;
  std::optional<int> images;
  int pick = 4;
  std::optional<int> top_k;
  std::optional<double> top_p;
  std::optional<double> temperature;
  bool greedy = false;
  std::optional<std::uint64_t> seed;
  int batch = 8;
  bool no_super_res = false;
  bool no_rank = false;
  std::filesystem::path image_prompt;
  Keep keep;
  bool crop_first = false;
  std::string format = "png";
  std::filesystem::path out = "pictures";
  std::filesystem::path contact_sheet;
  bool no_contact_sheet = false;
  bool json = false;
};

void check(const Arguments& arguments) {
  if (!is_utf8(arguments.prompt)) throw UsageError("--prompt: is not valid UTF-8");
  const bool keeps = arguments.keep.any();
  if (!arguments.image_prompt.empty() && !keeps)
    throw UsageError("--image-prompt: needs --keep to say what is kept of the picture, e.g. --keep up=4");
  if (arguments.image_prompt.empty() && keeps) throw UsageError("--keep: needs --image-prompt");
  if (arguments.image_prompt.empty() && arguments.crop_first) throw UsageError("--crop-first: needs --image-prompt");
  if (!arguments.contact_sheet.empty() && arguments.no_contact_sheet)
    throw UsageError("--contact-sheet: does not go with --no-contact-sheet");
  if (!arguments.contact_sheet.empty()) check_picture_name("--contact-sheet", arguments.contact_sheet);
}

GenerateOptions options_of(const Arguments& arguments) {
  GenerateOptions options;
  // Greedy images of one prompt are all the same.
  options.images = arguments.images.value_or(arguments.greedy ? 1 : options.images);
  options.pick = arguments.pick;
  options.top_k = arguments.top_k;
  options.top_p = arguments.top_p;
  options.temperature = arguments.temperature;
  options.greedy = arguments.greedy;
  // 32 bits: short to type, and exact in any reader of JSON.
  options.seed = arguments.seed ? *arguments.seed : std::random_device()();
  options.batch = arguments.batch;
  options.rank = !arguments.no_rank;
  options.super_resolution = !arguments.no_super_res;
  if (!arguments.image_prompt.empty()) {
    ImagePrompt& prompt = options.image_prompt.emplace();
    prompt.image = Image::load(arguments.image_prompt);
    prompt.up = arguments.keep.up;
    prompt.down = arguments.keep.down;
    prompt.left = arguments.keep.left;
    prompt.right = arguments.keep.right;
    prompt.crop_first = arguments.crop_first;
  }
  return options;
}

Json json_of(const Arguments& arguments, std::uint64_t seed, const PictureFolder& folder) {
  Json images = Json::array();
  for (const SavedPicture& saved : folder.saved()) {
    const Picture& picture = saved.picture;
    images.push_back({{"number", picture.number},
                      {"ppl", picture.ppl},
                      {"clip_score", picture.clip_score ? Json(*picture.clip_score) : Json(nullptr)},
                      {"file", saved.file.string()},
                      {"tokens", picture.tokens}});
  }
  return {{"prompt", arguments.prompt}, {"seed", seed}, {"images", std::move(images)}};
}

std::string text_of(const SavedPicture& saved) {
  const Picture& picture = saved.picture;
  const std::string score = picture.clip_score ? fmt::format("  {:.3f}", *picture.clip_score) : "";
  return fmt::format("{}{}  (image {}, ppl {:.1f})\n", saved.file.string(), score, picture.number, picture.ppl);
}

int run(const Arguments& arguments) {
  check(arguments);
  GenerateOptions options = options_of(arguments);
  PictureFolder folder(arguments.out, image_format(arguments.format));
  if (!arguments.contact_sheet.empty()) check_writable(arguments.contact_sheet);
  PipelineOptions loading = arguments.model.pipeline();
  loading.rank = options.rank;
  loading.super_resolution = options.super_resolution;

  ProgressBar bar;
  bar.note("loading " + one_line(arguments.model.model.string()));
  const Pipeline pipeline = Pipeline::load(arguments.model.model, loading);
  options.on_progress = [&bar](const Progress& progress) {
    bar.show(progress);
    return true;
  };
  options.on_picture = [&folder](const Picture& picture) { folder.save(picture); };

  pipeline.generate(arguments.prompt, options);
  bar.finish();
  if (arguments.json) {
    if (!arguments.no_contact_sheet) folder.save_contact_sheet(arguments.contact_sheet);
    print(to_line(json_of(arguments, options.seed, folder)));
    return 0;
  }
  for (const SavedPicture& saved : folder.saved()) print(text_of(saved));
  std::string last = fmt::format("seed {}\n", options.seed);
  if (!arguments.no_contact_sheet)
    last = fmt::format("{}  (seed {})\n", folder.save_contact_sheet(arguments.contact_sheet).string(), options.seed);
  print(last);
  return 0;
}

}  // namespace

void add_generate(CLI::App& program) {
  Command command = add_command(program, "generate", "Draw pictures for a prompt, keep the best, enlarge them");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  a.model.add_model(command, Need::required);
  command.text("-p,--prompt", a.prompt, "What to draw, in Russian", Need::required);
  command.path("-o,--out", a.out, "Folder for 1.png, 2.png ..., best first", Need::optional, "DIR");
  command.integer("-n,--images", a.images, 1, 4096, "Pictures to draw", "8, or 1 with --greedy");
  command.integer("--pick", a.pick, 1, 4096, "Pictures to keep; all if there are fewer");
  command.seed("--seed", a.seed, "The same seed draws the same pictures", "random");
  command.choice("--format", a.format, {"png", "jpeg"}, "Of the pictures");
  command.path("--contact-sheet", a.contact_sheet, "All kept pictures in one [contact-sheet.png in --out]");
  command.flag("--no-contact-sheet", a.no_contact_sheet, "Make none");
  command.flag("--json", a.json, "Print {\"prompt\", \"seed\", \"images\": [...]}, best first");
  command.group("Sampling");
  command.integer("--top-k", a.top_k, 0, 1 << 30, "Draw from the K likeliest tokens; 0 is all", "the model's or 4096");
  command.real("--top-p", a.top_p, 1e-6, 1, "Draw from the likeliest that share this much", "the model's or 0.975");
  command.real("--temperature", a.temperature, 1e-6, 1000, "Above 1 is wilder, below 1 tamer", "the model's or 1");
  command.flag("--greedy", a.greedy, "Always take the likeliest token");
  command.group("Stages");
  command.flag("--no-rank", a.no_rank, "Order by perplexity instead of ruCLIP");
  command.flag("--no-super-res", a.no_super_res, "Do not enlarge");
  command.group("Image prompt");
  command.path("--image-prompt", a.image_prompt, "Go on from part of a picture");
  command.parsed(
      "--keep", [&a](const std::string& text) { a.keep = Keep::parse(text); }, "SIDE=N,...",
      "Borders to keep, in tokens of 8 pixels: up, down, left, right");
  command.flag("--crop-first", a.crop_first, "Encode every border on its own");
  a.model.add_compute(command, true);
  command.integer("--batch", a.batch, 1, 4096, "Pictures drawn at a time; changes speed alone");
  a.model.add_all_files(command);
  command.examples(
      "  kandinsky generate --model models/emojich-nano --prompt \"красное сердце на синем фоне\" --out "
      "hearts\n"
      "  kandinsky generate --model models/emojich-nano --prompt \"кот\" --images 32 --pick 4 --seed 7 "
      "--json\n"
      "  kandinsky generate --model models/emojich-nano --prompt \"кот\" --image-prompt cat.png --keep "
      "up=8,left=2");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
