#include <fmt/format.h>

#include <limits>
#include <memory>

#include "interrupt.h"
#include "model_arguments.h"
#include "output.h"
#include "picture_folder.h"
#include "program.h"

namespace kandinsky::cli {
namespace {

constexpr int most_side = 4096;

struct Arguments {
  ModelArguments model;
  std::filesystem::path tokens = "-";
  std::filesystem::path out;
  bool json = false;
};

struct Grid {
  int width;
  int height;
  std::vector<std::int32_t> tokens;
};

class GridReader {
 public:
  explicit GridReader(const std::filesystem::path& path) : name_(path == "-" ? "standard input" : path.string()) {
    json_ = Json::parse(read_text(path, std::size_t{256} << 20), nullptr, /*allow_exceptions=*/false);
    if (!json_.is_object()) bad("is not a JSON object of width, height and tokens");
  }

  Grid read() const {
    Grid grid{side("width"), side("height"), {}};
    if (!json_.contains("tokens") || !json_["tokens"].is_array()) bad("tokens is not a list");
    const Json& tokens = json_["tokens"];
    const std::size_t expected = static_cast<std::size_t>(grid.width) * grid.height;
    if (tokens.size() != expected)
      bad(fmt::format("has {} tokens, expected {}x{} = {}", tokens.size(), grid.width, grid.height, expected));
    grid.tokens.reserve(expected);
    for (const Json& token : tokens)
      grid.tokens.push_back(
          static_cast<std::int32_t>(whole_number(token, "a token", 0, std::numeric_limits<std::int32_t>::max())));
    return grid;
  }

 private:
  [[noreturn]] void bad(const std::string& message) const { throw Error(ErrorCode::bad_file, name_, message); }

  int side(const char* key) const {
    if (!json_.contains(key)) bad(fmt::format("has no {}", key));
    return static_cast<int>(whole_number(json_[key], key, 1, most_side));
  }

  std::int64_t whole_number(const Json& value, const char* what, std::int64_t least, std::int64_t most) const {
    if (value.is_number_integer()) {
      const bool fits_signed = !value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX;
      if (fits_signed && value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most)
        return value.get<std::int64_t>();
    }
    bad(fmt::format("{} is not a whole number from {} to {}", what, least, most));
  }

  std::string name_;
  Json json_;
};

int run(const Arguments& arguments) {
  check_picture_name("--out", arguments.out);
  const std::filesystem::path file = arguments.model.find(&ModelFiles::vqgan, "--vqgan", "VQGAN");
  check_writable(arguments.out);
  const Grid grid = GridReader(arguments.tokens).read();
  const VqganDecoder vqgan = VqganDecoder::load(file, arguments.model.compute());
  const std::vector<Image> images = vqgan.decode(grid.tokens, grid.height, grid.width);
  const Image& image = images.at(0);
  {
    const StopLater stop_later;
    image.save(arguments.out);
  }
  if (arguments.json)
    print(to_line({{"file", arguments.out.string()}, {"width", image.width()}, {"height", image.height()}}));
  else
    print(fmt::format("{}  {}x{}\n", arguments.out.string(), image.width(), image.height()));
  return 0;
}

}  // namespace

void add_decode(CLI::App& program) {
  Command command = add_command(program, "decode", "Turn image tokens into a picture");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  command.path("TOKENS", a.tokens, "JSON as \"kandinsky encode\" writes it; - is standard input");
  command.path("-o,--out", a.out, "The picture, .png or .jpg", Need::required);
  a.model.add_model(command);
  a.model.add_vqgan(command);
  command.flag("--json", a.json, "Print {\"file\", \"width\", \"height\"}");
  a.model.add_compute(command, false);
  command.examples("  kandinsky decode --model models/emojich-nano tokens.json --out picture.png");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
