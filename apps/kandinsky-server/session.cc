#include "session.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdlib>
#include <exception>
#include <random>

#include "authorization.h"
#include "description.h"
#include "json_text.h"
#include "kandinsky/version.h"
#include "log.h"
#include "server.h"

namespace kandinsky::server {
namespace {

using boost::system::error_code;

constexpr std::size_t most_header = 16 << 10;
// A client that takes or sends fewer bytes a second than this is cut off.
constexpr double slowest = 64 << 10;
constexpr auto linger_time = std::chrono::seconds(2);

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

// What a client says of itself goes into logs and headers: only plain words do.
bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
}

std::string random_id() {
  static std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return fmt::format("{:016x}", engine());
}

// Room that a body takes, until its request is answered.
class BodyRoom {
 public:
  BodyRoom(Server& server, std::size_t bytes) : server_(server), bytes_(bytes) {}
  ~BodyRoom() { server_.give_body_room(bytes_); }
  BodyRoom(const BodyRoom&) = delete;
  BodyRoom& operator=(const BodyRoom&) = delete;
  // The size of a chunked body is known when it is there.
  void shrink(std::size_t bytes) {
    if (bytes >= bytes_) return;
    server_.give_body_room(bytes_ - bytes);
    bytes_ = bytes;
  }

 private:
  Server& server_;
  std::size_t bytes_;
};

Reply asset_reply(const Asset& asset) {
  Reply reply{http::status::ok, std::string(asset.body), std::string(asset.type), {}};
  reply.headers = {{"Content-Security-Policy",
                    "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'; object-src 'none'"},
                   {"Referrer-Policy", "no-referrer"},
                   {"Cache-Control", "no-cache"}};
  return reply;
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Session::Session(Tcp::socket socket, Server& server)
    : socket_(std::move(socket)), server_(server), watchdog_(server.io()), buffer_(most_header + (64 << 10)) {
  error_code error;
  const Tcp::endpoint peer = socket_.remote_endpoint(error);
  address_ = error ? "-" : peer.address().to_string();
  socket_.set_option(Tcp::no_delay(true), error);
}

void Session::start() {
  asio::co_spawn(
      server_.io(), [self = shared_from_this()] { return self->run(); }, asio::detached);
}

void Session::stop_if_idle() {
  error_code ignored;
  if (idle_) socket_.cancel(ignored);
}

asio::awaitable<void> Session::run() {
  try {
    for (bool more = true; more && !server_.draining();) more = co_await serve();
  } catch (const std::exception& error) {
    log(LogLevel::error, "failure", {{"id", current_.id}, {"error", error.what()}});
  }
  no_limit();
  error_code ignored;
  socket_.close(ignored);
  server_.leave(*this);
}

void Session::limit(std::chrono::duration<double> time) {
  late_ = false;
  watchdog_.expires_after(std::chrono::duration_cast<Clock::duration>(time));
  watchdog_.async_wait([weak = weak_from_this()](const error_code& error) {
    const std::shared_ptr<Session> self = weak.lock();
    if (error || !self || self->watchdog_.expiry() > Clock::now()) return;
    self->late_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void Session::no_limit() {
  watchdog_.expires_at(Clock::time_point::max());
  late_ = false;
}

// Whether the client has closed its side: unread bytes do not hide that.
bool Session::hung_up() {
  pollfd state{socket_.native_handle(), POLLRDHUP, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

asio::awaitable<bool> Session::serve() {
  if (buffer_.size() == 0) {
    idle_ = true;
    limit(server_.settings().idle_timeout);
    error_code error;
    co_await socket_.async_wait(Tcp::socket::wait_read, into(error));
    idle_ = false;
    if (error) co_return false;
  }
  current_ = {};
  current_.arrived = Clock::now();
  current_.id = random_id();
  current_.client = address_;
  Parser parser;
  parser.header_limit(most_header);
  parser.body_limit(static_cast<std::uint64_t>(server_.settings().max_body));
  limit(server_.settings().read_timeout);
  if (!co_await read_header(parser)) co_return false;
  describe(parser.get());
  if (std::optional<Reply> refused = refusal(parser.get())) {
    const bool rest = !parser.is_done();  // a body that nobody will read
    current_.keep_alive = current_.keep_alive && !rest;
    co_await write(std::move(*refused));
    if (rest) co_await linger();
    co_return current_.keep_alive;
  }
  const std::size_t room = parser.content_length() ? static_cast<std::size_t>(*parser.content_length())
                                                   : (parser.chunked() ? server_.settings().max_body : 0);
  if (!server_.take_body_room(room)) {
    Reply busy = error(http::status::service_unavailable, "too many requests are being sent at once");
    busy.headers.emplace_back("Retry-After", "1");
    current_.keep_alive = false;
    co_await write(std::move(busy));
    co_await linger();
    co_return false;
  }
  BodyRoom held(server_, room);
  if (!co_await read_body(parser)) co_return false;
  held.shrink(parser.get().body().size());
  no_limit();
  if (current_.route.generates()) co_return co_await generate(parser.release());
  co_return co_await answer(parser.get());
}

// Answers what cannot be read, and returns false then.
asio::awaitable<bool> Session::read_header(Parser& parser) {
  error_code failed;
  co_await http::async_read_header(socket_, buffer_, parser, into(failed));
  if (!failed) co_return true;
  std::optional<Reply> reply;
  if (late_)
    reply = error(http::status::request_timeout, "the request took too long to arrive");
  else if (failed == http::error::header_limit || failed == http::error::buffer_overflow)
    reply = error(http::status::request_header_fields_too_large,
                  fmt::format("the header is larger than {} bytes", most_header));
  else if (failed == http::error::body_limit) {
    describe(parser.get());
    reply = error(http::status::payload_too_large,
                  fmt::format("the body is larger than {} bytes", server_.settings().max_body));
  } else if (failed.category() == http::make_error_code(http::error::bad_method).category() &&
             failed != http::error::end_of_stream && failed != http::error::partial_message)
    reply = error(http::status::bad_request, fmt::format("not HTTP: {}", failed.message()));
  if (!reply) co_return false;
  current_.keep_alive = false;
  co_await write(std::move(*reply));
  co_await linger();
  co_return false;
}

asio::awaitable<bool> Session::read_body(Parser& parser) {
  if (parser.is_done()) co_return true;
  const double size = static_cast<double>(parser.content_length().value_or(server_.settings().max_body));
  limit(server_.settings().read_timeout + std::chrono::duration<double>(size / slowest));
  error_code failed;
  if (view(parser.get()[http::field::expect]) == "100-continue") {
    const http::response<http::empty_body> go_on(http::status::continue_, current_.version);
    http::response_serializer<http::empty_body> serializer(go_on);
    co_await http::async_write(socket_, serializer, into(failed));
    if (failed) co_return false;
  }
  co_await http::async_read(socket_, buffer_, parser, into(failed));
  if (!failed) co_return true;
  std::optional<Reply> reply;
  if (late_)
    reply = error(http::status::request_timeout, "the request took too long to arrive");
  else if (failed == http::error::body_limit)
    reply = error(http::status::payload_too_large,
                  fmt::format("the body is larger than {} bytes", server_.settings().max_body));
  else if (failed.category() == http::make_error_code(http::error::bad_method).category() &&
           failed != http::error::end_of_stream && failed != http::error::partial_message)
    reply = error(http::status::bad_request, fmt::format("not HTTP: {}", failed.message()));
  if (!reply) co_return false;
  current_.keep_alive = false;
  co_await write(std::move(*reply));
  co_await linger();
  co_return false;
}

void Session::describe(const Request& request) {
  current_.method = std::string(view(request.method_string())).substr(0, 32);
  current_.head = request.method() == http::verb::head;
  const std::string_view target = view(request.target());
  current_.path = std::string(target.substr(0, std::min<std::size_t>(target.find('?'), 256)));
  current_.route = find_route(target);
  current_.version = request.version();
  current_.keep_alive = request.keep_alive() && !server_.draining();
  if (const std::string_view given = view(request["X-Request-Id"]); is_plain(given)) current_.id = given;
  const std::string& header = server_.settings().client_header;
  if (!header.empty())
    if (const auto found = request.find(header); found != request.end())
      current_.client = std::string(view(found->value())).substr(0, 256);
}

// What the header alone is refused for.
std::optional<Reply> Session::refusal(const Request& request) const {
  const Route& route = current_.route;
  const Settings& settings = server_.settings();
  if (route.kind == Route::Kind::none)
    return error(http::status::not_found, fmt::format("no such path: {}", current_.path));
  if (!settings.tokens.empty() && !route.open() &&
      !is_authorized(view(request[http::field::authorization]), settings.tokens)) {
    Reply reply = error(http::status::unauthorized, "a bearer token is required");
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
  }
  const bool get = request.method() == http::verb::get || request.method() == http::verb::head;
  const bool allowed = route.generates() ? request.method() == http::verb::post : get;
  if (!allowed) {
    const std::string methods = route.generates() ? "POST" : "GET, HEAD";
    Reply reply =
        error(http::status::method_not_allowed, fmt::format("{} is not allowed here, {} is", current_.method, methods));
    reply.headers.emplace_back("Allow", methods);
    return reply;
  }
  if (is_cross_origin(view(request[http::field::origin]), view(request[http::field::host])))
    return error(http::status::forbidden, "pages of another origin may not use this server");
  if (!route.model.empty() && route.model != settings.name)
    return error(http::status::not_found, fmt::format("no such model: {}", json_string(route.model)));
  return std::nullopt;
}

Reply Session::simple(const Request& request) {
  using Kind = Route::Kind;
  using nlohmann::ordered_json;
  const std::string& name = server_.settings().name;
  const bool ready = server_.ready();
  serving::Engine* engine = server_.engine();
  const auto json = [](const ordered_json& body, bool good = true) {
    return Reply{good ? http::status::ok : http::status::service_unavailable, body.dump(), "application/json", {}};
  };
  switch (current_.route.kind) {
    case Kind::root: {
      // KServe's V1 client asks here whether the server lives.
      const bool page = current_.route.asset != nullptr &&
                        view(request[http::field::accept]).find("text/html") != std::string_view::npos;
      Reply reply = page ? asset_reply(*current_.route.asset) : json({{"status", "alive"}});
      reply.headers.emplace_back("Vary", "Accept");
      return reply;
    }
    case Kind::asset:
      return asset_reply(*current_.route.asset);
    case Kind::openapi:
      return {http::status::ok, describe_api(current_.route.asset->body, server_.limits()), "application/json", {}};
    case Kind::metrics:
      return {http::status::ok,
              server_.metrics().text(server_.engine(), server_.connections(), ready),
              "text/plain; version=0.0.4; charset=utf-8",
              {}};
    case Kind::v1_models:
      return json({{"models", {name}}});
    case Kind::v1_model:
    case Kind::v2_model_ready:
      return json({{"name", name}, {"ready", ready}}, ready);
    case Kind::v2_server:
      return json({{"name", "kandinsky-server"}, {"version", version()}, {"extensions", {"binary_tensor_data"}}});
    case Kind::live: {
      const bool live = server_.engine() == nullptr || !server_.engine()->state().broken;
      return json({{"live", live}}, live);
    }
    case Kind::ready:
      return json({{"ready", ready}}, ready);
    case Kind::v2_model:
      return {http::status::ok,
              v2_metadata(name, engine == nullptr ? ordered_json::object()
                                                  : describe_model(engine->pipeline(), server_.limits())),
              "application/json",
              {}};
    default:
      return error(http::status::not_found, "no such path");
  }
}

asio::awaitable<bool> Session::answer(const Request& request) {
  co_await write(simple(request));
  co_return current_.keep_alive;
}

Reply Session::error(http::status status, const std::string& message) const {
  Reply reply;
  reply.status = status;
  reply.body = fmt::format("{{{}\"error\": {}", current_.route.is_v1() ? "\"ok\": false, " : "", json_string(message));
  if (status == http::status::internal_server_error) reply.body += fmt::format(", \"id\": \"{}\"", current_.id);
  reply.body += '}';
  return reply;
}

asio::awaitable<void> Session::write(Reply reply) {
  const int status = static_cast<int>(reply.status);
  limit(server_.settings().read_timeout + std::chrono::duration<double>(double(reply.body.size()) / slowest));
  const auto prepare = [&](auto& response) {
    response.set(http::field::server, "kandinsky-server");
    response.set(http::field::content_type, reply.type);
    response.set("X-Request-Id", current_.id);
    response.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.keep_alive(current_.keep_alive);
  };
  error_code failed;
  if (current_.head) {
    http::response<http::empty_body> response(reply.status, current_.version);
    prepare(response);
    response.content_length(reply.body.size());
    http::response_serializer<http::empty_body> serializer(response);
    co_await http::async_write_header(socket_, serializer, into(failed));
  } else {
    http::response<http::string_body> response(reply.status, current_.version, std::move(reply.body));
    prepare(response);
    response.prepare_payload();
    http::response_serializer<http::string_body> serializer(response);
    co_await http::async_write(socket_, serializer, into(failed));
  }
  if (failed) current_.keep_alive = false;
  no_limit();
  finished(status);
}

void Session::finished(int status) {
  const double seconds = std::chrono::duration<double>(Clock::now() - current_.arrived).count();
  server_.metrics().request(current_.route.label(), status, seconds);
  const LogLevel level = current_.route.generates() || status >= 400 ? LogLevel::info : LogLevel::debug;
  nlohmann::ordered_json fields = {{"id", current_.id},     {"client", current_.client}, {"method", current_.method},
                                   {"path", current_.path}, {"status", status},          {"seconds", seconds}};
  if (current_.images > 0) fields["images"] = current_.images;
  log(level, "request", fields);
}

// Closing with bytes unread would reset the connection, and the answer might be lost under way: reads on for a moment.
asio::awaitable<void> Session::linger() {
  error_code failed;
  socket_.shutdown(Tcp::socket::shutdown_send, failed);
  limit(linger_time);
  std::size_t left = 4 * static_cast<std::size_t>(server_.settings().max_body);
  char scrap[16 << 10];
  while (!failed && !late_ && left > 0) {
    const std::size_t count = co_await socket_.async_read_some(asio::buffer(scrap), into(failed));
    left -= std::min(left, count);
  }
}

}  // namespace kandinsky::server
