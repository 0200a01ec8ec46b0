#pragma once
#include <span>

#include "routes.h"

namespace kandinsky::server {

// Made by cmake/EmbedFiles.cmake from web/ and openapi.json.
std::span<const Asset> assets();

}  // namespace kandinsky::server
