// Serving of the bundled model on the CPU: what the engine and the server add to a request, and what continuous
// batching gives to several clients.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "server.h"
#include "serving/engine.h"

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

serving::Engine& engine() {
  static serving::Engine made(pipeline(), {});
  return made;
}

// One picture; finishing it whole means ranking and enlarging it too.
GenerateOptions one_picture(std::uint64_t seed, bool whole) {
  GenerateOptions options = pipeline().default_options();
  options.images = 1;
  options.pick = 1;
  options.seed = seed;
  options.rank = whole;
  options.super_resolution = whole;
  return options;
}

class Waiter : public serving::Listener {
 public:
  void on_done(const serving::Outcome& outcome) override {
    const std::lock_guard lock(mutex_);
    outcome_ = outcome;
    over_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_; });
    if (outcome_.ending != serving::Ending::done) throw std::runtime_error(outcome_.message);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  serving::Outcome outcome_;
  bool over_ = false;
};

void through_engine(const std::string& client, std::uint64_t seed, bool whole) {
  serving::Request request;
  request.client = client;
  request.prompt = prompt;
  request.options = one_picture(seed, whole);
  const auto waiter = std::make_shared<Waiter>();
  engine().submit(std::move(request), waiter);
  waiter->wait();
}

// The model without what ranks and enlarges: what a server adds shows best beside little work.
std::filesystem::path drawing_alone() {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "kandinsky-bench-drawing";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const char* part : {"vae", "tokenizer", "rudalle_kandinsky.bin", "generation_config.json"})
    std::filesystem::create_symlink(directory / part, folder / part);
  return folder;
}

// A server of drawing alone in this process and a connection to it that is kept.
class Http {
 public:
  Http() {
    server::Settings settings;
    settings.model = drawing_alone();
    settings.pipeline.device = "cpu";
    settings.port = port;
    settings.log_level = server::LogLevel::error;
    server::set_log_level(settings.log_level);
    std::thread([settings] { server::Server(settings).run(); }).detach();
    for (int i = 0; i < 1000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (connect() && exchange("GET /v2/health/ready HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 200")) return;
      close(socket_);
    }
    throw std::runtime_error("the server does not get ready");
  }

  std::string exchange(const std::string& request) const {
    if (send(socket_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
    std::string answer;
    std::size_t end = std::string::npos;
    while (end == std::string::npos || answer.size() < end) {
      char bytes[64 << 10];
      const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
      if (count <= 0) return "";
      answer.append(bytes, static_cast<std::size_t>(count));
      const std::size_t header = answer.find("\r\n\r\n"), length = answer.find("Content-Length: ");
      if (header != std::string::npos) end = header + 4 + std::stoul(answer.substr(length + 16));
    }
    return answer;
  }

 private:
  static constexpr int port = 18642;

  bool connect() {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    const int yes = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  int socket_ = -1;
};

void library(benchmark::State& state) {
  std::uint64_t seed = 0;
  for (auto _ : state) {
    const auto pictures = pipeline().generate(prompt, one_picture(seed++, false));
    benchmark::DoNotOptimize(pictures.front().image.encode(ImageFormat::jpeg, 95));
  }
}

void one_request(benchmark::State& state) {
  std::uint64_t seed = 0;
  for (auto _ : state) through_engine("a", seed++, false);
}

void one_http_request(benchmark::State& state) {
  static const Http http;
  std::uint64_t seed = 0;
  for (auto _ : state) {
    const std::string body = R"({"instances": [{"query": ")" + prompt +
                             R"(", "params": {"images_to_gen": 1, "seed": )" + std::to_string(seed++) + "}}]}";
    const std::string answer = http.exchange(
        "POST /v1/models/kandinsky:predict HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body);
    if (!answer.starts_with("HTTP/1.1 200")) state.SkipWithError("no answer");
  }
}

// So many clients, each with one request in work at any time.
void clients(benchmark::State& state, bool whole) {
  const int count = static_cast<int>(state.range(0));
  constexpr int requests = 8;
  for (auto _ : state) {
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (int client = 0; client < count; ++client)
      threads.emplace_back([client, count, whole] {
        for (int i = 0; i < 2 * requests / count; ++i) through_engine(std::to_string(client), client * 100 + i, whole);
      });
    for (std::thread& thread : threads) thread.join();
  }
  state.counters["images/s"] =
      benchmark::Counter(2.0 * requests * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

BENCHMARK(library)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(one_request)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(one_http_request)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(clients, drawing, false)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(clients, whole, true)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  std::fflush(stdout);
  _exit(0);  // the server has no end of its own
}
