#pragma once
#include <functional>

#include "kandinsky/export.h"

namespace kandinsky {

enum class Stage { drawing, decoding, ranking, enlarging };

// How far a call has come. Steps of `drawing` are image tokens, of the other stages pictures.
struct KANDINSKY_API Progress {
  Stage stage = Stage::drawing;
  int step = 0;  // done, 0..steps
  int steps = 0;
  int images = 0;  // in work at this step
  int number = 0;  // which of the drawn images: the one being enlarged; the first of those in work in other stages
};

// Called on the calling thread, after every token and picture. Returning false cancels: the call throws Error
// (cancelled) before the next token. Must not call back into the object that is working.
using ProgressCallback = std::function<bool(const Progress&)>;

}  // namespace kandinsky
