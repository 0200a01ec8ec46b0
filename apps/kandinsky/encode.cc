#include <fmt/format.h>

#include <memory>
#include <span>

#include "interrupt.h"
#include "model_arguments.h"
#include "output.h"
#include "picture_folder.h"
#include "program.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  ModelArguments model;
  std::filesystem::path image;
  std::filesystem::path out;
  bool json = false;
};

int run(const Arguments& arguments) {
  const std::filesystem::path file = arguments.model.find(&ModelFiles::vqgan, "--vqgan", "VQGAN");
  if (!arguments.out.empty()) check_writable(arguments.out);
  const Image image = Image::load(arguments.image);
  const VqganDecoder vqgan = VqganDecoder::load(file, arguments.model.compute());
  const std::vector<std::int32_t> tokens = vqgan.encode(image);
  const int pixels = vqgan.config().downsampling() / (vqgan.config().wavelet ? 2 : 1);
  const int width = image.width() / pixels;
  const int height = image.height() / pixels;
  const std::string json = to_line({{"width", width}, {"height", height}, {"tokens", tokens}});
  if (!arguments.out.empty()) {
    const StopLater stop_later;
    write_text(arguments.out, json);
  }
  if (arguments.json) {
    print(json);
  } else if (arguments.out.empty()) {
    for (int y = 0; y < height; ++y)
      print(fmt::format("{}\n", fmt::join(std::span(tokens).subspan(std::size_t(y) * width, width), " ")));
  } else {
    print(fmt::format("{}  {}x{} tokens\n", arguments.out.string(), width, height));
  }
  return 0;
}

}  // namespace

void add_encode(CLI::App& program) {
  Command command = add_command(program, "encode", "Turn a picture into image tokens");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  command.path("IMAGE", a.image, "PNG or JPEG whose sides are multiples of 8", Need::required);
  a.model.add_model(command);
  a.model.add_vqgan(command);
  command.path("-o,--out", a.out, "Write the JSON that \"kandinsky decode\" reads");
  command.flag("--json", a.json, "Print {\"width\", \"height\", \"tokens\"}, sizes in tokens");
  a.model.add_compute(command, false);
  command.examples(
      "  kandinsky encode --model models/emojich-nano heart.png\n"
      "  kandinsky encode --model models/emojich-nano heart.png --out tokens.json");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
