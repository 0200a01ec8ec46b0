#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace kandinsky::server {

// Whether an Authorization header holds one of the bearer tokens. Takes as long whichever it is.
bool is_authorized(std::string_view header, const std::vector<std::string>& tokens);

// Whether a browser sends this for a page of another server: an Origin that is not the Host asked for. Keeps web pages
// from using a server on the reader's own machine.
bool is_cross_origin(std::string_view origin, std::string_view host);

}  // namespace kandinsky::server
