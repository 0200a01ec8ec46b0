#include <fmt/format.h>
#include <kandinsky/device.h>
#include <kandinsky/version.h>

#include <memory>

#include "model_arguments.h"
#include "output.h"
#include "program.h"

namespace kandinsky::cli {
namespace {

struct Arguments {
  ModelArguments model;
  int batch = 8;
  bool json = false;
};

Json json_of(const std::vector<DeviceInfo>& devices) {
  Json list = Json::array();
  for (const DeviceInfo& device : devices)
    list.push_back({{"name", device.name},
                    {"description", device.description},
                    {"memory_total", device.memory_total},
                    {"memory_free", device.memory_free}});
  return list;
}

Json json_of(const MemoryEstimate& estimate) {
  Json parts = Json::array();
  for (const MemoryEstimate::Part& part : estimate.parts)
    parts.push_back({{"name", part.name}, {"parameters", part.parameters}, {"weight_bytes", part.weight_bytes}});
  return {{"parts", std::move(parts)}, {"cache_bytes", estimate.cache_bytes}, {"total_bytes", estimate.total_bytes}};
}

// 11519306624 as "11 519 306 624".
std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, " ");
  return digits;
}

std::string text_of(const MemoryEstimate& estimate, const Arguments& arguments) {
  constexpr const char* row = "  {:<12}  {:>16}  {:>10}\n";
  std::string text = fmt::format("\n{}  (device {}, dtype {}, batch {})\n", arguments.model.model.string(),
                                 arguments.model.device, arguments.model.dtype, arguments.batch);
  text += fmt::format(row, "", "parameters", "memory");
  std::int64_t parameters = 0;
  for (const MemoryEstimate::Part& part : estimate.parts) {
    text += fmt::format(row, part.name, grouped(part.parameters), megabytes(part.weight_bytes));
    parameters += part.parameters;
  }
  text += fmt::format(row, "token caches", "", megabytes(estimate.cache_bytes));
  return text + fmt::format(row, "together", grouped(parameters), megabytes(estimate.total_bytes));
}

int run(const Arguments& arguments) {
  std::optional<MemoryEstimate> estimate;
  if (!arguments.model.model.empty())
    estimate = Pipeline::estimate(arguments.model.model, arguments.model.pipeline(), arguments.batch);
  const std::vector<DeviceInfo> found = devices();
  if (arguments.json) {
    Json json = {{"version", version()}, {"torch", torch_version()}, {"devices", json_of(found)}};
    if (estimate) {
      json["model"] = {{"directory", arguments.model.model.string()}};
      json["model"].update(json_of(*estimate));
    }
    print(to_line(json));
    return 0;
  }
  print(fmt::format("kandinsky {} (LibTorch {})\n", version(), torch_version()));
  for (const DeviceInfo& device : found)
    print(fmt::format("{:<7} {}, {} of {} free\n", device.name, device.description, megabytes(device.memory_free),
                      megabytes(device.memory_total)));
  if (estimate) print(text_of(*estimate, arguments));
  return 0;
}

}  // namespace

void add_info(CLI::App& program) {
  Command command = add_command(program, "info", "Show versions and devices, and what a model needs");
  const auto arguments = std::make_shared<Arguments>();
  Arguments& a = *arguments;
  a.model.add_model(command);
  command.integer("--batch", a.batch, 1, 4096, "Pictures drawn at a time");
  command.flag("--json", a.json, "Print {\"version\", \"torch\", \"devices\", \"model\"}");
  a.model.add_compute(command, true);
  a.model.add_all_files(command);
  command.examples(
      "  kandinsky info\n"
      "  kandinsky info --model weights --device cuda:0 --dtype fp16\n\n"
      "Parameters and memory are estimated from the files' directories: no weights are loaded.");
  command.action([arguments] { return run(*arguments); });
}

}  // namespace kandinsky::cli
