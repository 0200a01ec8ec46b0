// How fast a checkpoint's transformer reaches the device, beside what the bus gives.
//   bench_cuda_load FILE [--dtype fp16] [--repeat 3]       scripts/random-checkpoint makes a file
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kandinsky/error.h"
#include "kandinsky/transformer.h"
#include "transformer/cuda_weights.h"

namespace {

using namespace kandinsky;

template <typename Body>
double seconds_of(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void pin(cuda::PinnableMemory& memory) {
  if (!memory.pin()) throw Error(ErrorCode::internal, "host memory", "cannot be pinned");
}

// Bytes a second from pinned memory.
double bus_rate() {
  constexpr std::size_t bytes = std::size_t{1} << 30;
  cuda::PinnableMemory from(bytes);
  pin(from);
  const cuda::DeviceMemory to(bytes);
  const cuda::Stream stream;
  double best = 1e9;
  for (int i = 0; i < 4; ++i) best = std::min(best, seconds_of([&] { stream.to_device(to.get(), from.get(), bytes); }));
  return bytes / best;
}

// Prints how fast a mapped file's pages, already in memory, reach pinned memory that stays in the processor's caches.
void print_page_rate(const std::string& file) {
  constexpr std::size_t part = std::size_t{16} << 20, most = std::size_t{4} << 30;
  const int threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 16);
  const std::size_t bytes = std::min(most, std::filesystem::file_size(file) / part * part);
  if (bytes == 0) return;  // too short to tell
  const int descriptor = ::open(file.c_str(), O_RDONLY);
  void* mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) throw Error(ErrorCode::io, file, "cannot be mapped");
  cuda::PinnableMemory to(part);
  pin(to);
  const auto rate = [&](const auto& copy) {
    const double seconds = seconds_of([&] {
      std::vector<std::jthread> team;
      team.reserve(threads);
      for (int t = 0; t < threads; ++t)
        team.emplace_back([&, t] {
          const std::size_t start = part / threads * t;
          for (std::size_t at = 0; at < bytes; at += part)
            copy(static_cast<char*>(to.get()) + start, at + start, part / threads);
        });
    });
    return bytes / seconds / 1e9;
  };
  const auto from_pages = [&](char* out, std::size_t at, std::size_t n) {
    std::memcpy(out, static_cast<const char*>(mapped) + at, n);
  };
  const double first = rate(from_pages), again = rate(from_pages);
  const double read = rate([&](char* out, std::size_t at, std::size_t n) {
    for (std::size_t done = 0; done < n;) {
      const ssize_t got = ::pread(descriptor, out + done, n - done, static_cast<off_t>(at + done));
      if (got <= 0) return;
      done += static_cast<std::size_t>(got);
    }
  });
  std::printf("host, %d threads into pinned memory: %.1f GB/s mapped, %.1f when the pages are known, %.1f read\n",
              threads, first, again, read);
  ::munmap(mapped, bytes);
  ::close(descriptor);
}

int run(int argc, char** argv) {
  std::string file;
  Precision dtype = Precision::fp16;
  int repeat = 3;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--dtype") == 0 && i + 1 < argc)
      dtype = precision(argv[++i]);
    else if (std::strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
      repeat = std::stoi(argv[++i]);
    else
      file = argv[i];
  }
  if (file.empty()) throw Error(ErrorCode::invalid_argument, "FILE", "missing");
  const double bus = bus_rate();
  std::printf("bus: %.1f GB/s from pinned memory\n", bus / 1e9);
  print_page_rate(file);
  for (int i = 0; i < repeat; ++i) {
    // Right after 23 GB were freed, copies take a tenth longer, as they do not in a program that loads one model.
    if (i > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
    std::size_t bytes = 0;
    double closing = 0;
    std::optional<CudaWeights> weights;
    const double seconds = seconds_of([&] {
      std::optional<Checkpoint> checkpoint = Checkpoint::open(file);
      const TransformerConfig config = TransformerConfig::detect(*checkpoint);
      for (const TensorInfo& tensor : checkpoint->tensors())
        bytes += tensor.element_count() * element_size(tensor.dtype);
      std::optional<TransformerWeights> mapped = TransformerWeights::load(Weights::mapped(*checkpoint), config);
      const at::Tensor& logits = mapped->logits.weight;  // those of text ids are not uploaded
      bytes -= logits.nbytes() / logits.size(0) * config.text_vocab;
      weights.emplace(*mapped, config, dtype, 0);
      closing = seconds_of([&] {
        mapped.reset();
        checkpoint.reset();
      });
    });
    std::printf("%.2f GB in %.2f s: %.1f GB/s, %.0f %% of the bus; of that closing the file: %.2f s\n", bytes / 1e9,
                seconds, bytes / seconds / 1e9, 100 * bytes / seconds / bus, closing);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_cuda_load: %s\n", error.what());
    return 1;
  }
}
