// The bundled model on the CPU, stage by stage.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "kandinsky/pipeline.h"

namespace {

using namespace kandinsky;

const std::filesystem::path directory = std::filesystem::path(KANDINSKY_SOURCE_DIR) / "models/emojich-nano";
const std::string prompt = "красное сердце на синем фоне";

const Pipeline& pipeline() {
  static const Pipeline loaded = [] {
    PipelineOptions options;
    options.device = "cpu";
    return Pipeline::load(directory, options);
  }();
  return loaded;
}

DrawOptions draw_options(int images) {
  DrawOptions options;
  options.images = images;
  options.sampling.top_k = 512;
  options.sampling.top_p = 0.95;
  return options;
}

const std::vector<Image>& pictures() {
  static const std::vector<Image> decoded = [] {
    std::vector<std::int32_t> tokens;
    for (const DrawnTokens& drawn :
         pipeline().transformer().draw(pipeline().tokenizer().encode_for_transformer(prompt, 32), draw_options(8)))
      tokens.insert(tokens.end(), drawn.tokens.begin(), drawn.tokens.end());
    return pipeline().vqgan().decode(tokens, 16, 16);
  }();
  return decoded;
}

void draw(benchmark::State& state, Precision precision) {
  TransformerOptions options;
  options.device = "cpu";
  options.precision = precision;
  const Transformer transformer = Transformer::load(directory / "rudalle_kandinsky.bin", options);
  const auto text = pipeline().tokenizer().encode_for_transformer(prompt, 32);
  for (auto _ : state) benchmark::DoNotOptimize(transformer.draw(text, draw_options(static_cast<int>(state.range(0)))));
}

void load(benchmark::State& state) {
  PipelineOptions options;
  options.device = "cpu";
  for (auto _ : state) benchmark::DoNotOptimize(Pipeline::load(directory, options));
}

void decode(benchmark::State& state) {
  std::vector<std::int32_t> tokens;
  for (const DrawnTokens& drawn :
       pipeline().transformer().draw(pipeline().tokenizer().encode_for_transformer(prompt, 32), draw_options(8)))
    tokens.insert(tokens.end(), drawn.tokens.begin(), drawn.tokens.end());
  for (auto _ : state) benchmark::DoNotOptimize(pipeline().vqgan().decode(tokens, 16, 16));
}

void rank(benchmark::State& state) {
  const std::vector<Image>& images = pictures();
  for (auto _ : state) benchmark::DoNotOptimize(pipeline().ruclip()->rank(prompt, images, 4));
}

void enlarge(benchmark::State& state) {
  const Image& image = pictures()[0];
  for (auto _ : state) benchmark::DoNotOptimize(pipeline().real_esrgan()->upscale(image));
}

void whole_job(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(pipeline().generate(prompt));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = double(usage.ru_maxrss) / 1000;
}

// What a stage takes when nothing else runs: of several repetitions the shortest.
double shortest(const std::vector<double>& times) { return *std::min_element(times.begin(), times.end()); }

void settings(benchmark::internal::Benchmark* stage) {
  stage->Unit(benchmark::kMillisecond)->UseRealTime()->Repetitions(5)->DisplayAggregatesOnly();
  stage->ComputeStatistics("min", shortest);
}

BENCHMARK(load)->Apply(settings);
BENCHMARK_CAPTURE(draw, fp32, Precision::fp32)->Arg(1)->Arg(8)->Apply(settings);
BENCHMARK_CAPTURE(draw, bf16, Precision::bf16)->Arg(1)->Arg(8)->Apply(settings);
BENCHMARK(decode)->Apply(settings);
BENCHMARK(rank)->Apply(settings);
BENCHMARK(enlarge)->Apply(settings);
BENCHMARK(whole_job)->Apply(settings);

}  // namespace

BENCHMARK_MAIN();
