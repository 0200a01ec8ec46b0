#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "caption_table.h"
#include "model_arguments.h"
#include "output.h"
#include "program.h"
#include "progress_bar.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  ModelArguments model;
  std::filesystem::path table;
  bool json = false;
};

// The centre square in the size the model draws.
Image fitted(const Image& image, int side) {
  if (image.width() == side && image.height() == side) return image;
  const int square = std::min(image.width(), image.height());
  return image.crop((image.width() - square) / 2, (image.height() - square) / 2, square, square).resize(side, side);
}

int run(const Arguments& arguments) {
  const std::vector<CaptionedImage> pairs = read_caption_table(arguments.table);
  PipelineOptions loading = arguments.model.pipeline();
  loading.rank = false;
  loading.super_resolution = false;
  const Pipeline pipeline = Pipeline::load(arguments.model.model, loading);
  const TransformerConfig& config = pipeline.transformer().config();
  const VqganConfig& vqgan = pipeline.vqgan().config();
  const int side = config.grid * vqgan.downsampling() / (vqgan.wavelet ? 2 : 1);

  Losses sum;
  ProgressBar bar;
  for (const CaptionedImage& pair : pairs) {
    bar.note(fmt::format("{} of {} pairs", &pair - pairs.data(), pairs.size()));
    const std::vector<std::int32_t> image = pipeline.vqgan().encode(fitted(Image::load(pair.image), side));
    const std::vector<std::int32_t> text =
        pipeline.tokenizer().encode_for_transformer(pair.caption, config.text_length);
    const Losses losses = pipeline.transformer().losses(text, image);
    sum.text += losses.text;
    sum.image += losses.image;
    sum.total += losses.total;
  }
  bar.finish();
  const double count = static_cast<double>(pairs.size());
  if (arguments.json)
    print(to_line({{"pairs", pairs.size()},
                   {"text", sum.text / count},
                   {"image", sum.image / count},
                   {"total", sum.total / count}}));
  else
    print(fmt::format("pairs {}\ntext  {:.6f}\nimage {:.6f}\ntotal {:.6f}\n", pairs.size(), sum.text / count,
                      sum.image / count, sum.total / count));
  return 0;
}

}  // namespace

void add_losses(CLI::App& program) {
  Command command = add_command(program, "losses", "Teacher-forced losses of captioned pictures");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  command.path("TABLE", a.table, "Lines of a picture's path, a tab and a caption", Need::required);
  a.model.add_model(command, Need::required);
  command.flag("--json", a.json, "Print {\"pairs\", \"text\", \"image\", \"total\"}");
  a.model.add_compute(command, true);
  a.model.add_transformer(command);
  a.model.add_tokenizer(command);
  a.model.add_vqgan(command);
  command.examples(
      "  kandinsky losses --model models/emojich-nano captions.tsv\n\n"
      "Paths are seen from TABLE's folder. Printed are the mean cross-entropies in nats;\n"
      "total = (text + 7 image) / 8. Pictures of another size than the model draws are cropped\n"
      "to the centre square and resized.");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
