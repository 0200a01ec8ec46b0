#include "server.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "kandinsky/version.h"
#include "session.h"

namespace kandinsky::server {
namespace {

using boost::system::error_code;

// Bodies of this many times the largest may be in memory at once.
constexpr std::size_t bodies_at_once = 16;
// How long connections get to take the 503 after the time for requests in work is over.
constexpr auto last_words = std::chrono::seconds(2);

template <typename Duration>
std::chrono::steady_clock::duration ticks(Duration duration) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration);
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

}  // namespace

Server::Server(Settings settings) : settings_(std::move(settings)) {
  limits_.max_images = settings_.max_images;
  limits_.timeout = settings_.timeout;
}

Server::~Server() = default;

bool Server::ready() const { return engine_ && !draining_ && !engine_->state().broken; }

bool Server::take_body_room(std::size_t bytes) {
  if (body_bytes_ + bytes > bodies_at_once * static_cast<std::size_t>(settings_.max_body)) return false;
  body_bytes_ += bytes;
  return true;
}

int Server::run() {
  signal(SIGPIPE, SIG_IGN);
  wait_for_signal();
  listen();
  log(LogLevel::info, "loading",
      {{"version", version()}, {"model", settings_.model.string()}, {"name", settings_.name}});
  asio::co_spawn(io_, accept(), asio::detached);
  loader_ = std::thread([this] { load(); });
  io_.run();
  if (loading_) {  // which nothing can interrupt
    log(LogLevel::info, "stopped");
    _exit(exit_code_);
  }
  loader_.join();
  engine_.reset();
  parsers_.join();
  log(LogLevel::info, "stopped");
  return exit_code_;
}

void Server::listen() {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(settings_.host, error);
  if (error) throw SettingsError(fmt::format("--host: '{}' is not an IP address", settings_.host));
  const Tcp::endpoint endpoint(address, static_cast<unsigned short>(settings_.port));
  const auto check = [&] {
    if (error)
      throw std::runtime_error(
          fmt::format("cannot listen on {} port {}: {}", settings_.host, settings_.port, error.message()));
  };
  acceptor_.open(endpoint.protocol(), error);
  check();
  acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
  check();
  acceptor_.bind(endpoint, error);
  check();
  acceptor_.listen(asio::socket_base::max_listen_connections, error);
  check();
  log(LogLevel::info, "listening", {{"host", settings_.host}, {"port", acceptor_.local_endpoint().port()}});
}

void Server::load() {
  const auto start = std::chrono::steady_clock::now();
  try {
    Pipeline pipeline = Pipeline::load(settings_.model, settings_.pipeline);
    serving::EngineOptions options;
    options.batch = settings_.batch;
    options.queue = settings_.queue;
    options.threads = settings_.pipeline.threads;
    auto engine = std::make_shared<std::unique_ptr<serving::Engine>>(
        std::make_unique<serving::Engine>(pipeline, options, &metrics_));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    asio::post(io_, [this, engine, seconds] { loaded(std::move(*engine), seconds); });
  } catch (const std::exception& error) {
    asio::post(io_, [this, message = one_line(error.what())] { give_up(message); });
  }
}

void Server::loaded(std::unique_ptr<serving::Engine> engine, double seconds) {
  loading_ = false;
  engine_ = std::move(engine);
  const Pipeline& pipeline = engine_->pipeline();
  const VqganConfig& vqgan = pipeline.vqgan().config();
  limits_.grid = pipeline.transformer().config().grid;
  // The wavelet variant encodes at half the size it decodes to.
  limits_.prompt_side = limits_.grid * vqgan.downsampling() / (vqgan.wavelet ? 2 : 1);
  log(LogLevel::info, "ready",
      {{"seconds", seconds},
       {"device", pipeline.transformer().device()},
       {"dtype", precision_name(pipeline.transformer().precision())},
       {"slots", engine_->state().slots}});
}

void Server::give_up(const std::string& error) {
  loading_ = false;
  log(LogLevel::error, "not loaded", {{"error", error}});
  exit_code_ = 1;
  error_code ignored;
  acceptor_.close(ignored);
  io_.stop();
}

asio::awaitable<void> Server::accept() {
  for (;;) {
    error_code error;
    Tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) co_return;
    if (error) {  // too many files are open, or the client has gone already
      asio::steady_timer pause(io_, std::chrono::milliseconds(50));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (connections() >= settings_.connections) {
      asio::co_spawn(io_, refuse(std::move(socket)), asio::detached);
      continue;
    }
    const auto session = std::make_shared<Session>(std::move(socket), *this);
    sessions_.emplace(session.get(), session);
    session->start();
  }
}

// Tells a connection beyond the limit, if not too many of them have to be told.
asio::awaitable<void> Server::refuse(Tcp::socket socket) {
  constexpr int most = 64;
  static constexpr std::string_view answer =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: application/json\r\n"
      "Content-Length: 33\r\n\r\n{\"error\": \"too many connections\"}";
  if (refusing_ >= most) co_return;
  ++refusing_;
  error_code error;
  socket.non_blocking(true, error);
  socket.write_some(asio::buffer(answer), error);
  socket.shutdown(Tcp::socket::shutdown_send, error);
  // Closing at once, with the request unread, would reset the connection under the answer.
  asio::steady_timer pause(io_, std::chrono::milliseconds(200));
  co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  --refusing_;
}

void Server::wait_for_signal() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this](const error_code& error, int) {
    if (error) return;
    if (draining_) _exit(130);  // asked for twice
    drain();
    wait_for_signal();
  });
}

void Server::drain() {
  draining_ = true;
  log(LogLevel::info, "draining", {{"connections", connections()}});
  error_code ignored;
  acceptor_.close(ignored);
  if (sessions_.empty()) return io_.stop();
  for (const auto& [address, session] : std::map(sessions_))
    if (const std::shared_ptr<Session> alive = session.lock()) alive->stop_if_idle();
  shutdown_timer_.expires_after(ticks(settings_.shutdown_timeout));
  shutdown_timer_.async_wait([this](const error_code& error) {
    if (error) return;
    out_of_time_ = true;
    shutdown_timer_.expires_after(last_words);
    shutdown_timer_.async_wait([this](const error_code& late) {
      if (!late) io_.stop();
    });
  });
}

void Server::leave(Session& session) {
  sessions_.erase(&session);
  if (draining_ && sessions_.empty()) io_.stop();
}

}  // namespace kandinsky::server
