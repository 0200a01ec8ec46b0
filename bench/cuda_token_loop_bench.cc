// The CUDA token loop: seconds an image of a model with random weights, over the floor of its memory.
//   bench_cuda_token_loop --model kandinsky-12b --random-weights [--batch 1,16,64] [--dtype fp16] [--repeat 5]
//   [--profile] [Google Benchmark's flags]
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "kandinsky/error.h"
#include "transformer/cuda_decoder.h"
#include "transformer/draw.h"

namespace {

using namespace kandinsky;

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Bytes read and written a second by a large copy on the device.
double copy_bandwidth() {
  constexpr std::size_t bytes = std::size_t{4} << 30;
  const cuda::DeviceMemory from(bytes), to(bytes);
  const cuda::Stream stream;
  double best = 1e9;
  for (int i = 0; i < 8; ++i)
    best = std::min(best, seconds_of([&] {
                            for (int j = 0; j < 5; ++j) stream.on_device(to.get(), from.get(), bytes);
                            stream.synchronize();
                          }) / 5);
  return 2.0 * bytes / best;
}

std::optional<std::string> flag(int& argc, char** argv, const std::string& name, bool value = true) {
  for (int i = 1; i < argc; ++i) {
    if (argv[i] != name || (value && i + 1 == argc)) continue;
    const std::string result = value ? argv[i + 1] : "yes";
    for (int j = i + (value ? 2 : 1); j < argc; ++j) argv[j - (value ? 2 : 1)] = argv[j];
    argc -= value ? 2 : 1;
    return result;
  }
  return std::nullopt;
}

// Where the blocks of the pass spend a step.
void print_shares(const std::vector<double>& cycles, double step) {
  double total = 0;
  for (const double c : cycles) total += c;
  for (int i = 0; i < cuda::pass_phases; ++i)
    std::printf("  %-16s %5.1f %%  %8.1f us\n", cuda::pass_phase_names[i], 100 * cycles[i] / total,
                1e6 * step * cycles[i] / total);
}

int run(int argc, char** argv) {
  std::string model = flag(argc, argv, "--model").value_or("kandinsky-12b");
  if (model == "kandinsky-12b") model = "kandinsky";
  if (model == "malevich-1.3b") model = "malevich";
  const std::string batches = flag(argc, argv, "--batch").value_or("1,16,64");
  const Precision precision = kandinsky::precision(flag(argc, argv, "--dtype").value_or("fp16"));
  const bool profiled = flag(argc, argv, "--profile", false).has_value();
  const int images = std::stoi(flag(argc, argv, "--repeat").value_or("5"));
  flag(argc, argv, "--random-weights", false);
  const auto config = TransformerConfig::preset(model);
  if (!config) throw Error(ErrorCode::invalid_argument, "--model", "'" + model + "' is not a known model");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;

  const double bandwidth = copy_bandwidth();
  const std::size_t free_before = cuda::device_properties(0).memory_free;
  const auto weights = std::make_shared<const CudaWeights>(CudaWeights::random(*config, precision, 0));
  double step_bytes = 0;
  const double matrix = double(config->hidden) * config->hidden * 2;
  step_bytes = config->layers * 12 * matrix + double(config->image_vocab) * config->hidden * 2;
  std::printf("%s %s: %.2f GB of weights a step, copy bandwidth %.2f TB/s, floor %.3f s an image\n", model.c_str(),
              std::string(precision_name(precision)).c_str(), step_bytes / 1e9, bandwidth / 1e12,
              step_bytes * config->image_length() / bandwidth);
  std::vector<std::int32_t> text(config->text_length);
  for (int i = 0; i < config->text_length / 4; ++i) text[i] = 100 + i;

  const std::string prefix = model + "/batch:";
  std::istringstream list(batches);
  for (std::string word; std::getline(list, word, ',');) {
    const int batch = std::stoi(word);
    benchmark::RegisterBenchmark((prefix + word).c_str(),
                                 [=, &weights](benchmark::State& state) {
                                   CudaDecoder decoder(weights, batch, profiled);
                                   const std::size_t used = free_before - cuda::device_properties(0).memory_free;
                                   DrawOptions options;
                                   options.images = batch;
                                   options.batch = batch;
                                   std::vector<double> all;
                                   bool warm = false;
                                   for (auto _ : state) {
                                     const double seconds = seconds_of([&] { draw(decoder, *config, text, options); });
                                     state.SetIterationTime(seconds);
                                     ++options.seed;
                                     if (warm) all.push_back(seconds);
                                     warm = true;
                                   }
                                   std::sort(all.begin(), all.end());
                                   const double median = all[all.size() / 2];
                                   if (profiled) print_shares(decoder.profile(), median / config->image_length());
                                   state.counters["median_s"] = median;
                                   state.counters["over_floor"] =
                                       median / (step_bytes * config->image_length() / bandwidth);
                                   state.counters["GB_used"] = double(used) / 1e9;
                                 })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(images + 1);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_cuda_token_loop: %s\n", error.what());
    return 1;
  }
}
