#pragma once

namespace kandinsky::testing {

// How many times as long as usual things may take.
#if defined(__SANITIZE_ADDRESS__)
constexpr int patience = 10;
#else
constexpr int patience = 1;
#endif

}  // namespace kandinsky::testing
