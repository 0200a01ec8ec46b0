#include "apps-server/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

#include "image/base64.h"

namespace kandinsky::testing {

Connection::Connection(int port) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    throw std::runtime_error("no connection");
  }
}

Connection::~Connection() {
  if (socket_ >= 0) close(socket_);
}

bool Connection::send(const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::send(socket_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

bool Connection::send_request(const std::string& method, const std::string& path, const std::string& body,
                              const Headers& headers) {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return send(text + "\r\n" + body);
}

std::string Connection::read_some(double seconds) {
  pollfd state{socket_, POLLIN, 0};
  if (poll(&state, 1, static_cast<int>(seconds * 1000)) <= 0) return "";
  char bytes[64 << 10];
  const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
  if (count <= 0) return "";
  buffer_.append(bytes, static_cast<std::size_t>(count));
  return {bytes, static_cast<std::size_t>(count)};
}

bool Connection::is_closed(double seconds) {
  pollfd state{socket_, POLLIN, 0};
  char byte = 0;
  return poll(&state, 1, static_cast<int>(seconds * 1000)) == 1 && recv(socket_, &byte, 1, MSG_PEEK) <= 0;
}

bool Connection::read_until(const std::string& text) {
  while (buffer_.find(text) == std::string::npos)
    if (read_some().empty()) return false;
  return true;
}

HttpAnswer Connection::read_answer(bool head) {
  HttpAnswer answer;
  if (!read_until("\r\n\r\n")) return answer;
  const std::size_t end = buffer_.find("\r\n\r\n");
  std::string header = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  answer.status = std::stoi(header.substr(9, 3));
  for (std::size_t at = header.find("\r\n") + 2; at < header.size();) {
    const std::size_t line_end = header.find("\r\n", at);
    const std::string line = header.substr(at, line_end - at);
    const std::size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    answer.headers[name] = line.substr(colon + 2);
    at = line_end + 2;
  }
  if (answer.status == 100) return read_answer(head);
  if (head) return answer;
  if (answer.headers["transfer-encoding"] == "chunked") {
    for (;;) {
      if (!read_until("\r\n")) return answer;
      const std::size_t size = std::stoul(buffer_, nullptr, 16);
      buffer_.erase(0, buffer_.find("\r\n") + 2);
      while (buffer_.size() < size + 2)
        if (read_some().empty()) return answer;
      answer.body += buffer_.substr(0, size);
      buffer_.erase(0, size + 2);
      if (size == 0) return answer;
    }
  }
  const std::size_t length = std::stoul(answer.headers["content-length"]);
  while (buffer_.size() < length)
    if (read_some().empty()) return {};
  answer.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return answer;
}

void Connection::reset() {
  const linger now{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(socket_);
  socket_ = -1;
}

HttpAnswer get(int port, const std::string& path, const Headers& headers) {
  Connection connection(port);
  connection.send_request("GET", path, "", headers);
  return connection.read_answer();
}

HttpAnswer post(int port, const std::string& path, const std::string& body, const Headers& headers) {
  Connection connection(port);
  connection.send_request("POST", path, body, headers);
  return connection.read_answer();
}

std::string from_base64(const std::string& text) {
  const std::vector<std::byte> bytes = decode_base64(text, "answer");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace kandinsky::testing
