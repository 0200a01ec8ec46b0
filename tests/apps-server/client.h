#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/patience.h"

namespace kandinsky::testing {

struct HttpAnswer {
  int status = 0;                              // 0: the connection ended before an answer
  std::map<std::string, std::string> headers;  // lower case names
  std::string body;
  nlohmann::json json() const { return nlohmann::json::parse(body); }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// A plain connection to 127.0.0.1, which sends what it is told to, right or wrong.
class Connection {
 public:
  explicit Connection(int port);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False once the other side refuses.
  bool send(const std::string& bytes);
  bool send_request(const std::string& method, const std::string& path, const std::string& body = "",
                    const Headers& headers = {});
  HttpAnswer read_answer(bool head = false);
  // What has arrived; empty at the end or after `seconds`.
  std::string read_some(double seconds = 60 * patience);
  // Whether the other side closes it within so many seconds.
  bool is_closed(double seconds);
  // Until `text` has arrived; false at the end.
  bool read_until(const std::string& text);
  const std::string& arrived() const { return buffer_; }
  // Closes with a reset, as a client that dies does.
  void reset();

 private:
  int socket_ = -1;
  std::string buffer_;
};

HttpAnswer get(int port, const std::string& path, const Headers& headers = {});
HttpAnswer post(int port, const std::string& path, const std::string& body, const Headers& headers = {});

std::string from_base64(const std::string& text);

}  // namespace kandinsky::testing
