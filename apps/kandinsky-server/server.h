#pragma once
#include <utility>  // before Boost 1.74, whose awaitable.hpp forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "metrics.h"
#include "params.h"
#include "serving/engine.h"
#include "settings.h"

namespace kandinsky::server {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

class Session;

// The program: one thread for all connections, one that parses large bodies, and the engine's. Members are for the I/O
// thread.
class Server {
 public:
  explicit Server(Settings settings);
  ~Server();

  // Listens, loads the model meanwhile, serves until SIGTERM or SIGINT. Returns the exit code. Throws SettingsError for
  // an address that cannot be meant, std::runtime_error for one that cannot be listened on.
  int run();

  const Settings& settings() const { return settings_; }
  Metrics& metrics() { return metrics_; }
  asio::io_context& io() { return io_; }
  asio::thread_pool& parsers() { return parsers_; }
  // Null while loading.
  serving::Engine* engine() { return engine_.get(); }
  const Limits& limits() const { return limits_; }
  bool draining() const { return draining_; }
  // The time for requests in work is over.
  bool out_of_time() const { return out_of_time_; }
  bool ready() const;
  int connections() const { return static_cast<int>(sessions_.size()); }

  // Room for the bodies of requests that are being read; false if there is none.
  bool take_body_room(std::size_t bytes);
  void give_body_room(std::size_t bytes) { body_bytes_ -= bytes; }

  void leave(Session& session);

 private:
  void listen();
  void load();
  void loaded(std::unique_ptr<serving::Engine> engine, double seconds);
  void give_up(const std::string& error);
  asio::awaitable<void> accept();
  asio::awaitable<void> refuse(Tcp::socket socket);
  void wait_for_signal();
  void drain();

  const Settings settings_;
  Metrics metrics_;
  std::size_t body_bytes_ = 0;
  asio::io_context io_{1};
  asio::thread_pool parsers_{1};
  Tcp::acceptor acceptor_{io_};
  asio::signal_set signals_{io_};
  asio::steady_timer shutdown_timer_{io_};
  std::map<Session*, std::weak_ptr<Session>> sessions_;
  std::thread loader_;
  std::unique_ptr<serving::Engine> engine_;
  Limits limits_;
  int refusing_ = 0;
  bool loading_ = true;
  bool draining_ = false;
  bool out_of_time_ = false;
  int exit_code_ = 0;
};

}  // namespace kandinsky::server
