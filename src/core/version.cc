#include "kandinsky/version.h"

#define KANDINSKY_STRING_(x) #x
#define KANDINSKY_STRING(x) KANDINSKY_STRING_(x)

namespace kandinsky {

std::string_view version() noexcept {
  return KANDINSKY_STRING(KANDINSKY_VERSION_MAJOR) "." KANDINSKY_STRING(KANDINSKY_VERSION_MINOR) "." KANDINSKY_STRING(
      KANDINSKY_VERSION_PATCH);
}

}  // namespace kandinsky
