#include <fmt/format.h>

#include <memory>

#include "interrupt.h"
#include "model_arguments.h"
#include "output.h"
#include "picture_folder.h"
#include "program.h"
#include "progress_bar.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  ModelArguments model;
  std::filesystem::path image;
  std::filesystem::path out;
  TilingOptions tiling;
  bool json = false;
};

int run(const Arguments& arguments) {
  check_picture_name("--out", arguments.out);
  check_writable(arguments.out);
  const std::filesystem::path file =
      arguments.model.find(&ModelFiles::real_esrgan, "--real-esrgan", "Real-ESRGAN weights");
  const Image image = Image::load(arguments.image);
  const RealEsrgan real_esrgan = RealEsrgan::load(file, arguments.model.compute());
  ProgressBar bar;
  const Image large = real_esrgan.upscale(image, arguments.tiling, [&bar](const Progress& progress) {
    bar.show(progress);
    return true;
  });
  bar.finish();
  {
    const StopLater stop_later;
    large.save(arguments.out);
  }
  if (arguments.json)
    print(to_line({{"file", arguments.out.string()}, {"width", large.width()}, {"height", large.height()}}));
  else
    print(fmt::format("{}  {}x{}\n", arguments.out.string(), large.width(), large.height()));
  return 0;
}

}  // namespace

void add_upscale(CLI::App& program) {
  Command command = add_command(program, "upscale", "Enlarge a picture with Real-ESRGAN");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  command.path("IMAGE", a.image, "PNG or JPEG", Need::required);
  command.path("-o,--out", a.out, "The enlarged picture, .png or .jpg", Need::required);
  a.model.add_model(command);
  a.model.add_real_esrgan(command);
  command.flag("--json", a.json, "Print {\"file\", \"width\", \"height\"}");
  a.model.add_compute(command, false);
  command.group("Tiling");
  command.integer("--tile", a.tiling.tile, 50, 4096, "Side of a tile in pixels; even for x2 weights");
  command.integer("--tile-batch", a.tiling.batch, 1, 64, "Tiles at a time; memory grows with it");
  command.flag("--reference-tiling", a.tiling.reference, "Extend to whole tiles, as the original does");
  command.examples(
      "  kandinsky upscale --model models/emojich-nano heart.png --out large.png\n"
      "  kandinsky upscale --real-esrgan RealESRGAN_x2.pth photo.jpg --out photo-x2.jpg");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
