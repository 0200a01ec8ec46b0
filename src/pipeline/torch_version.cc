#include <torch/headeronly/version.h>

#include "kandinsky/version.h"

#define KANDINSKY_STRING_OF(x) #x
#define KANDINSKY_STRING(x) KANDINSKY_STRING_OF(x)

namespace kandinsky {

std::string_view torch_version() noexcept {
  return KANDINSKY_STRING(TORCH_VERSION_MAJOR) "." KANDINSKY_STRING(TORCH_VERSION_MINOR) "." KANDINSKY_STRING(
      TORCH_VERSION_PATCH);
}

}  // namespace kandinsky
