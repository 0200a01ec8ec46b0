#include "authorization.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>

namespace kandinsky::server {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, {}, [](unsigned char c) { return std::tolower(c); }, [](unsigned char c) { return std::tolower(c); });
}

}  // namespace

bool is_authorized(std::string_view header, const std::vector<std::string>& tokens) {
  constexpr std::string_view scheme = "Bearer ";
  if (header.size() < scheme.size() || !equal_ignoring_case(header.substr(0, scheme.size()), scheme)) return false;
  header.remove_prefix(scheme.size());
  while (header.starts_with(' ')) header.remove_prefix(1);
  bool found = false;
  for (const std::string& token : tokens)
    if (token.size() == header.size() && CRYPTO_memcmp(token.data(), header.data(), token.size()) == 0) found = true;
  return found;
}

bool is_cross_origin(std::string_view origin, std::string_view host) {
  if (origin.empty()) return false;
  const std::size_t scheme = origin.find("://");
  return scheme == std::string_view::npos || !equal_ignoring_case(origin.substr(scheme + 3), host);
}

}  // namespace kandinsky::server
