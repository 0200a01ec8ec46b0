// Requests for pictures.
#include <fmt/format.h>

#include <atomic>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <cmath>
#include <exception>

#include "json_text.h"
#include "log.h"
#include "server.h"
#include "session.h"
#include "stream.h"

namespace kandinsky::server {
namespace {

using boost::system::error_code;
using serving::Ending;
using serving::Outcome;
using serving::Ticket;

// How often a waiting connection is looked at for whether its client is still there.
constexpr auto look_every = std::chrono::milliseconds(100);
constexpr auto keep_alive_every = std::chrono::seconds(10);
// What the engine gets beyond a deadline to say so itself.
constexpr auto grace = std::chrono::seconds(1);
// Bodies larger than this are parsed on a thread of their own: the I/O thread has other connections to look after.
constexpr std::size_t small_body = 64 << 10;

constexpr int client_closed_request = 499;  // in logs and metrics: nobody was there to be told

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

// Cancels what has not ended when a request is given up.
class Tickets {
 public:
  explicit Tickets(std::vector<std::shared_ptr<Ticket>> tickets) : tickets_(std::move(tickets)) {}
  ~Tickets() {
    for (const auto& ticket : tickets_) ticket->cancel();
  }
  Tickets(const Tickets&) = delete;
  Tickets& operator=(const Tickets&) = delete;

 private:
  std::vector<std::shared_ptr<Ticket>> tickets_;
};

struct ParseWork {
  http::request<http::string_body> request;
  std::optional<Generation> generation;
  std::string wrong;

  void run(const Route& route, const Limits& limits, const GenerateOptions& defaults) {
    try {
      if (route.kind != Route::Kind::infer) {
        generation = parse_v1(request.body(), limits, defaults, route.kind == Route::Kind::stream);
        return;
      }
      std::optional<std::size_t> json_size;
      if (const auto header = request.find("Inference-Header-Content-Length"); header != request.end()) {
        std::size_t size = 0;
        const char* end = header->value().data() + header->value().size();
        const auto [stop, error] = std::from_chars(header->value().data(), end, size);
        if (error != std::errc() || stop != end)
          throw BadRequest("Inference-Header-Content-Length: is not a whole number");
        json_size = size;
      }
      generation = parse_v2(request.body(), json_size, limits, defaults);
    } catch (const BadRequest& error) {
      wrong = error.what();
    } catch (const std::exception& error) {
      wrong = fmt::format("body: cannot be read: {}", error.what());
    }
  }
};

}  // namespace

asio::awaitable<bool> Session::generate(Request request) {
  if (!server_.ready()) {
    Reply reply = error(http::status::service_unavailable, server_.draining()            ? "the server is shutting down"
                                                           : server_.engine() == nullptr ? "the model is being loaded"
                                                                                         : "the token loop has failed");
    reply.headers.emplace_back("Retry-After", "5");
    co_await write(std::move(reply));
    co_return current_.keep_alive;
  }
  std::variant<Generation, Reply> parsed = co_await parse(std::move(request));
  if (Reply* wrong = std::get_if<Reply>(&parsed)) {
    co_await write(std::move(*wrong));
    co_return current_.keep_alive;
  }
  Generation& generation = std::get<Generation>(parsed);
  if (current_.route.kind == Route::Kind::stream) co_return co_await stream(std::move(generation));
  co_return co_await collect(std::move(generation));
}

asio::awaitable<std::variant<Generation, Reply>> Session::parse(Request request) {
  const auto work = std::make_shared<ParseWork>();
  work->request = std::move(request);
  const GenerateOptions defaults = server_.engine()->pipeline().default_options();
  if (work->request.body().size() <= small_body) {
    work->run(current_.route, server_.limits(), defaults);
  } else {
    const auto wake = std::make_shared<Wake>(server_.io());
    asio::post(server_.parsers(), [work, wake, route = current_.route, limits = server_.limits(), defaults] {
      work->run(route, limits, defaults);
      wake->notify();
    });
    co_await wake->wait_for(std::chrono::hours(1));
  }
  if (!work->generation) co_return error(http::status::bad_request, work->wrong);
  co_return std::move(*work->generation);
}

serving::Request Session::engine_request(const Query& query) const {
  serving::Request request;
  request.client = current_.client;
  request.prompt = query.prompt;
  request.options = query.options;
  request.deadline = current_.arrived + std::chrono::duration_cast<Clock::duration>(query.timeout);
  return request;
}

std::variant<std::vector<std::shared_ptr<Ticket>>, Reply> Session::submit(
    std::vector<serving::Submission> submissions) {
  try {
    return server_.engine()->submit(std::move(submissions));
  } catch (const serving::QueueFull& full) {
    server_.metrics().rejected("queue");
    Reply reply = error(http::status::too_many_requests, full.what());
    reply.headers.emplace_back("Retry-After", fmt::format("{}", static_cast<int>(std::ceil(full.retry_after))));
    return reply;
  } catch (const Error& wrong) {
    if (wrong.code() == ErrorCode::invalid_argument) return error(http::status::bad_request, wrong.what());
    return failure({Ending::failed, wrong.what()});
  }
}

Reply Session::failure(const Outcome& outcome) {
  switch (outcome.ending) {
    case Ending::invalid:
      return error(http::status::bad_request, outcome.message);
    case Ending::deadline:
      server_.metrics().rejected("deadline");
      return error(http::status::gateway_timeout, outcome.message);
    case Ending::cancelled:
    case Ending::stopped:
      server_.metrics().rejected("cancelled");
      return error(http::status::service_unavailable, "the server is shutting down");
    default:
      server_.metrics().rejected("failed");
      log(LogLevel::error, "failure", {{"id", current_.id}, {"error", outcome.message}});
      return error(http::status::internal_server_error, "the request failed inside; the log has more under its id");
  }
}

asio::awaitable<bool> Session::collect(Generation generation) {
  const auto wake = std::make_shared<Wake>(server_.io());
  const auto left = std::make_shared<std::atomic<int>>(static_cast<int>(generation.queries.size()));
  std::vector<std::shared_ptr<Collector>> collectors;
  std::vector<serving::Submission> submissions;
  Clock::time_point deadline = Clock::time_point::min();
  for (Query& query : generation.queries) {
    current_.images += query.options.images;
    const auto done = [wake, left] {
      if (--*left == 0) wake->notify();
    };
    query.options.preview_every = 0;
    collectors.push_back(std::make_shared<Collector>(query, generation.base64(), server_.metrics(), done));
    submissions.push_back({engine_request(query), collectors.back()});
    deadline = std::max(deadline, submissions.back().request.deadline);
    query.options.image_prompt.reset();
  }
  auto submitted = submit(std::move(submissions));
  if (Reply* refused = std::get_if<Reply>(&submitted)) {
    co_await write(std::move(*refused));
    co_return current_.keep_alive;
  }
  const Tickets tickets(std::move(std::get<0>(submitted)));
  std::optional<Reply> reply;
  while (*left > 0 && !reply) {
    co_await wake->wait_for(look_every);
    if (*left == 0) break;
    if (hung_up()) {
      server_.metrics().rejected("cancelled");
      finished(client_closed_request);
      co_return false;
    }
    if (server_.out_of_time()) reply = failure({Ending::stopped, ""});
    if (Clock::now() > deadline + grace) reply = failure({Ending::deadline, "not done in time"});
  }
  for (const auto& collector : collectors)
    if (!reply && collector->outcome().ending != Ending::done) reply = failure(collector->outcome());
  if (!reply && current_.route.kind == Route::Kind::infer) {
    V2Answer made = v2_answer(server_.settings().name, generation, collectors);
    reply = Reply{http::status::ok, std::move(made.body), "application/json", {}};
    if (made.json_size) {
      reply->type = "application/octet-stream";
      reply->headers.emplace_back("Inference-Header-Content-Length", std::to_string(*made.json_size));
    }
  } else if (!reply) {
    reply = Reply{http::status::ok, v1_answer(generation, collectors), "application/json", {}};
  }
  co_await write(std::move(*reply));
  co_return current_.keep_alive;
}

asio::awaitable<bool> Session::write_some(std::string text, bool chunked) {
  limit(server_.settings().read_timeout);
  error_code failed;
  if (chunked)
    co_await asio::async_write(socket_, http::make_chunk(asio::buffer(text)), into(failed));
  else
    co_await asio::async_write(socket_, asio::buffer(text), into(failed));
  no_limit();
  co_return !failed;
}

asio::awaitable<bool> Session::stream(Generation generation) {
  Query& query = generation.queries[0];
  current_.images = query.options.images;
  const auto wake = std::make_shared<Wake>(server_.io());
  const auto events = std::make_shared<EventSource>(query, server_.metrics(), [wake] { wake->notify(); });
  std::vector<serving::Submission> submissions;
  submissions.push_back({engine_request(query), events});
  const Clock::time_point deadline = submissions.back().request.deadline;
  query.options.image_prompt.reset();
  auto submitted = submit(std::move(submissions));
  if (Reply* refused = std::get_if<Reply>(&submitted)) {
    co_await write(std::move(*refused));
    co_return current_.keep_alive;
  }
  const Tickets tickets(std::move(std::get<0>(submitted)));

  const bool chunked = current_.version >= 11;
  http::response<http::empty_body> response(http::status::ok, current_.version);
  response.set(http::field::server, "kandinsky-server");
  response.set(http::field::content_type, "text/event-stream");
  response.set(http::field::cache_control, "no-store");
  response.set("X-Accel-Buffering", "no");
  response.set("X-Request-Id", current_.id);
  response.chunked(chunked);
  response.keep_alive(chunked && current_.keep_alive);
  http::response_serializer<http::empty_body> serializer(response);
  limit(server_.settings().read_timeout);
  error_code failed;
  co_await http::async_write_header(socket_, serializer, into(failed));
  const int length = server_.engine()->pipeline().transformer().config().image_length();
  bool there = !failed;
  std::string queued = fmt::format(R"({{"id": "{}", "seed": {}, "images": {}, "tokens": {}}})", current_.id,
                                   query.options.seed, query.options.images, length);
  if (there) there = co_await write_some(event_text("queued", queued), chunked);
  std::optional<Outcome> over;
  Clock::time_point spoken = Clock::now();
  while (there && !over) {
    co_await wake->wait_for(look_every);
    std::string text = events->take();
    over = events->outcome();
    if (!over && server_.out_of_time()) over = {Ending::stopped, ""};
    if (!over && Clock::now() > deadline + grace) over = {Ending::deadline, "not done in time"};
    if (text.empty() && Clock::now() - spoken > keep_alive_every) text = ": keep-alive\n\n";
    if (!text.empty()) {
      spoken = Clock::now();
      there = co_await write_some(std::move(text), chunked);
    }
    there = there && !hung_up();
  }
  if (!there) {
    server_.metrics().rejected("cancelled");
    finished(client_closed_request);
    co_return false;
  }
  int status = 200;
  std::string last;
  if (over->ending == Ending::done) {
    const double seconds = std::chrono::duration<double>(Clock::now() - current_.arrived).count();
    last = event_text("done",
                      fmt::format(R"({{"ok": true, "images": {}, "seconds": {:.3f}}})", events->pictures(), seconds));
  } else {
    const Reply reply = failure(*over);
    status = static_cast<int>(reply.status);
    nlohmann::ordered_json data = nlohmann::ordered_json::parse(reply.body);
    data["status"] = status;
    data["id"] = current_.id;
    last = event_text("error", data.dump());
  }
  there = co_await write_some(std::move(last), chunked);
  if (there && chunked) {
    co_await asio::async_write(socket_, http::make_chunk_last(), into(failed));
    there = !failed;
  }
  finished(status);
  co_return there&& chunked&& current_.keep_alive;
}

}  // namespace kandinsky::server
