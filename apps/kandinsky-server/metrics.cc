#include "metrics.h"

#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "kandinsky/device.h"

namespace kandinsky::server {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Registry;

const prometheus::Histogram::BucketBoundaries seconds_buckets = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250};

auto& gauge(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

auto& counter(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

auto& histogram(Registry& registry, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(registry);
}

std::int64_t now_seconds() {
  using namespace std::chrono;
  return duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void Metrics::Rate::add(int count) {
  const std::int64_t now = now_seconds();
  const std::lock_guard lock(mutex_);
  Second& second = counts_[static_cast<std::size_t>(now) % counts_.size()];
  if (second.when != now) second = {now, 0};
  second.count += count;
}

double Metrics::Rate::per_second() const {
  const std::int64_t now = now_seconds();
  std::int64_t sum = 0;
  const std::lock_guard lock(mutex_);
  for (const Second& second : counts_)
    if (second.when >= now - seconds && second.when < now) sum += second.count;
  return static_cast<double>(sum) / seconds;
}

Metrics::Metrics()
    : queue_length_(gauge(registry_, "kandinsky_queue_length", "Requests that wait to be drawn or to be finished")),
      slots_(gauge(registry_, "kandinsky_slots", "Pictures that can be drawn at once")),
      slots_active_(gauge(registry_, "kandinsky_slots_active", "Pictures that are being drawn")),
      connections_(gauge(registry_, "kandinsky_connections", "Open connections")),
      ready_(gauge(registry_, "kandinsky_ready", "1 if requests are taken")),
      tokens_per_second_(
          gauge(registry_, "kandinsky_tokens_per_second", "Image tokens drawn a second, mean of the last 10 s")),
      memory_total_(gauge(registry_, "kandinsky_device_memory_total_bytes", "Memory of a device")),
      memory_free_(gauge(registry_, "kandinsky_device_memory_free_bytes", "Free memory of a device")),
      resident_(gauge(registry_, "kandinsky_process_resident_memory_bytes", "Host memory of this process")),
      requests_(counter(registry_, "kandinsky_requests_total", "HTTP requests answered, by route and status")),
      rejected_(counter(registry_, "kandinsky_rejected_total", "Requests for pictures that got none, by reason")),
      images_(counter(registry_, "kandinsky_images_total", "Pictures drawn whole").Add({})),
      tokens_(counter(registry_, "kandinsky_tokens_total", "Image tokens drawn").Add({})),
      steps_(counter(registry_, "kandinsky_steps_total", "Steps of the token loop").Add({})),
      stage_seconds_(histogram(registry_, "kandinsky_stage_seconds", "Time of a request in a stage")),
      request_seconds_(
          histogram(registry_, "kandinsky_request_seconds", "Time from a request's arrival to its answer")) {
  for (const char* name : {"waiting", "drawing", "decoding", "ranking", "enlarging", "encoding"})
    stage_seconds_.Add({{"stage", name}}, seconds_buckets);
  for (const char* reason : {"queue", "deadline", "cancelled", "failed"}) rejected_.Add({{"reason", reason}});
}

void Metrics::stage(std::string_view name, double seconds) {
  stage_seconds_.Add({{"stage", std::string(name)}}, seconds_buckets).Observe(seconds);
}

void Metrics::step(int tokens) {
  steps_.Increment();
  tokens_.Increment(tokens);
  rate_.add(tokens);
}

void Metrics::images(int count) { images_.Increment(count); }

void Metrics::request(const std::string& route, int code, double seconds) {
  requests_.Add({{"route", route}, {"code", std::to_string(code)}}).Increment();
  request_seconds_.Add({{"route", route}}, seconds_buckets).Observe(seconds);
}

void Metrics::rejected(const std::string& reason) { rejected_.Add({{"reason", reason}}).Increment(); }

std::string Metrics::text(const serving::Engine* engine, int connections, bool ready) {
  const serving::EngineState state = engine == nullptr ? serving::EngineState{} : engine->state();
  queue_length_.Add({}).Set(state.waiting);
  slots_.Add({}).Set(state.slots);
  slots_active_.Add({}).Set(state.active_slots);
  connections_.Add({}).Set(connections);
  ready_.Add({}).Set(ready ? 1 : 0);
  tokens_per_second_.Add({}).Set(rate_.per_second());
  resident_.Add({}).Set(resident_bytes());
  const std::string used = engine == nullptr ? "" : engine->pipeline().transformer().device();
  for (const DeviceInfo& device : engine == nullptr ? std::vector<DeviceInfo>{} : devices()) {
    if (device.name != used) continue;
    memory_total_.Add({{"device", device.name}}).Set(static_cast<double>(device.memory_total));
    memory_free_.Add({{"device", device.name}}).Set(static_cast<double>(device.memory_free));
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, registry_.Collect());
  return out.str();
}

}  // namespace kandinsky::server
