#pragma once
#include <sys/types.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "apps-server/client.h"

namespace kandinsky::testing {

struct Ended {
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
};

// kandinsky-server with arguments, until it ends by itself.
Ended run_server(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {});

// kandinsky-server on the bundled model and a free port; killed with the object.
class ServerProcess {
 public:
  explicit ServerProcess(const std::vector<std::string>& options = {}, bool wait_until_ready = true,
                         const std::vector<std::string>& environment = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int port() const { return port_; }
  pid_t pid() const { return pid_; }
  void signal(int number) const;
  Ended wait();
  std::string log() const;
  // Value of a metric; 0 if it is not there.
  double metric(const std::string& name) const;
  // Until the metric has the value, at most 20 s.
  bool wait_for_metric(const std::string& name, double value) const;

 private:
  pid_t pid_ = -1;
  int err_ = -1;
  int port_ = 0;
  std::thread reader_;
  mutable std::mutex mutex_;
  std::string log_;
};

// The server that tests share which need no other.
const ServerProcess& shared_server();

// A body of one instance; `params` is merged over small, quick ones.
std::string predict_body(const nlohmann::json& params = nlohmann::json::object(), const std::string& query = "кот");

constexpr const char* predict_path = "/v1/models/kandinsky:predict";
constexpr const char* stream_path = "/v1/models/kandinsky:stream";
constexpr const char* infer_path = "/v2/models/kandinsky/infer";

}  // namespace kandinsky::testing
