#pragma once
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "serving/engine.h"

namespace kandinsky::server {

// What GET /metrics says. Any thread.
class Metrics : public serving::Meter {
 public:
  Metrics();

  void stage(std::string_view name, double seconds) override;
  void step(int tokens) override;
  void images(int count) override;

  void request(const std::string& route, int code, double seconds);
  // queue, deadline, cancelled or failed.
  void rejected(const std::string& reason);

  // In the text format of Prometheus. `engine` may be null (not loaded).
  std::string text(const serving::Engine* engine, int connections, bool ready);

 private:
  template <typename T>
  using Family = prometheus::Family<T>;

  // Tokens of the last seconds.
  class Rate {
   public:
    void add(int count);
    double per_second() const;

   private:
    static constexpr int seconds = 10;
    struct Second {
      std::int64_t when = -1;
      std::int64_t count = 0;
    };
    mutable std::mutex mutex_;
    std::array<Second, seconds + 1> counts_;
  };

  prometheus::Registry registry_;
  Family<prometheus::Gauge>& queue_length_;
  Family<prometheus::Gauge>& slots_;
  Family<prometheus::Gauge>& slots_active_;
  Family<prometheus::Gauge>& connections_;
  Family<prometheus::Gauge>& ready_;
  Family<prometheus::Gauge>& tokens_per_second_;
  Family<prometheus::Gauge>& memory_total_;
  Family<prometheus::Gauge>& memory_free_;
  Family<prometheus::Gauge>& resident_;
  Family<prometheus::Counter>& requests_;
  Family<prometheus::Counter>& rejected_;
  prometheus::Counter& images_;
  prometheus::Counter& tokens_;
  prometheus::Counter& steps_;
  Family<prometheus::Histogram>& stage_seconds_;
  Family<prometheus::Histogram>& request_seconds_;
  Rate rate_;
};

}  // namespace kandinsky::server
