#include <fmt/format.h>
#include <kandinsky/checkpoint.h>
#include <kandinsky/dtype.h>

#include <algorithm>
#include <memory>

#include "output.h"
#include "program.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  std::filesystem::path file;
  bool json = false;
  bool sha256 = false;
};

std::string shape_of(const TensorInfo& tensor) { return fmt::format("[{}]", fmt::join(tensor.shape, ", ")); }

int run(const Arguments& arguments) {
  const Checkpoint checkpoint = Checkpoint::open(arguments.file);
  if (arguments.json) {
    Json tensors = Json::array();
    for (const TensorInfo& tensor : checkpoint.tensors()) {
      Json entry = {{"name", tensor.name}, {"dtype", dtype_name(tensor.dtype)}, {"shape", tensor.shape}};
      if (arguments.sha256) entry["sha256"] = tensor.sha256();
      checkpoint.drop_pages(tensor);
      tensors.push_back(std::move(entry));
    }
    print(to_line({{"format", checkpoint.format()}, {"tensors", std::move(tensors)}}));
    return 0;
  }
  std::size_t name_width = 0;
  std::size_t shape_width = 0;
  std::uint64_t elements = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    name_width = std::max(name_width, tensor.name.size());
    shape_width = std::max(shape_width, shape_of(tensor).size());
    elements += static_cast<std::uint64_t>(tensor.element_count());
  }
  name_width = std::min<std::size_t>(name_width, 80);
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    std::string line = fmt::format("{:<{}}  {:<8}  {:<{}}", one_line(tensor.name), name_width, dtype_name(tensor.dtype),
                                   shape_of(tensor), arguments.sha256 ? shape_width : 0);
    if (arguments.sha256) line += "  " + tensor.sha256();
    checkpoint.drop_pages(tensor);
    print(line + "\n");
  }
  print(fmt::format("{}, {} tensors, {} elements\n", checkpoint.format(), checkpoint.tensors().size(), elements));
  return 0;
}

}  // namespace

void add_inspect(CLI::App& program) {
  Command command = add_command(program, "inspect", "List the tensors of a checkpoint file");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  command.path("FILE", a.file, "torch.save (.bin, .pt, .pth, .ckpt) or safetensors", Need::required);
  command.flag("--sha256", a.sha256, "Hash every tensor's bytes (row-major, little-endian)");
  command.flag("--json", a.json, "Print {\"format\", \"tensors\": [{\"name\", \"dtype\", \"shape\", \"sha256\"}]}");
  command.examples(
      "  kandinsky inspect models/emojich-nano/rudalle_kandinsky.bin\n"
      "  kandinsky inspect --json --sha256 model.safetensors\n\n"
      "The file is mapped, not loaded, and nothing in it is executed.");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
