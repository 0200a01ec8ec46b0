#pragma once
#include <utility>  // before Boost 1.74, whose awaitable.hpp forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "generation.h"
#include "routes.h"
#include "serving/engine.h"
#include "wake.h"

namespace kandinsky::server {

namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;

class Server;

// An answer in one piece.
struct Reply {
  http::status status = http::status::ok;
  std::string body;
  std::string type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

// A connection: requests one after another, each with limits on its size and on the time it may take to arrive and its
// answer to be taken. A client that goes away has its request cancelled.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, Server& server);
  void start();
  // Closes the connection if no request is in work; otherwise it closes after the answer.
  void stop_if_idle();

 private:
  using Clock = std::chrono::steady_clock;
  using Request = http::request<http::string_body>;
  using Parser = http::request_parser<http::string_body>;

  // What is known of the request in work.
  struct Current {
    Clock::time_point arrived;
    std::string id;
    std::string client;
    std::string method = "-";
    std::string path = "-";
    Route route;
    bool head = false;
    bool keep_alive = false;
    unsigned version = 11;
    int images = 0;
  };

  asio::awaitable<void> run();
  // False: the connection is over.
  asio::awaitable<bool> serve();
  asio::awaitable<bool> read_header(Parser& parser);
  asio::awaitable<bool> read_body(Parser& parser);
  asio::awaitable<bool> answer(const Request& request);
  asio::awaitable<void> write(Reply reply);
  asio::awaitable<bool> write_some(std::string text, bool chunked);
  asio::awaitable<void> linger();

  asio::awaitable<bool> generate(Request request);
  asio::awaitable<std::variant<Generation, Reply>> parse(Request request);
  asio::awaitable<bool> collect(Generation generation);
  asio::awaitable<bool> stream(Generation generation);
  serving::Request engine_request(const Query& query) const;
  std::variant<std::vector<std::shared_ptr<serving::Ticket>>, Reply> submit(
      std::vector<serving::Submission> submissions);

  void describe(const Request& request);
  std::optional<Reply> refusal(const Request& request) const;
  Reply simple(const Request& request);
  Reply error(http::status status, const std::string& message) const;
  Reply failure(const serving::Outcome& outcome);
  void finished(int status);

  void limit(std::chrono::duration<double> time);
  void no_limit();
  bool hung_up();

  Tcp::socket socket_;
  Server& server_;
  asio::steady_timer watchdog_;
  boost::beast::flat_buffer buffer_;
  Current current_;
  std::string address_;
  bool idle_ = false;
  bool late_ = false;  // the watchdog has bitten
};

}  // namespace kandinsky::server
