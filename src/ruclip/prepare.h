#pragma once
#include "kandinsky/image.h"

namespace kandinsky::ruclip {

// The reference's crop: a square of side round(sqrt(width height)) if it fits, else the largest one; from the middle,
// where the reference may draw the place of the former at random. Then resized.
Image prepare(const Image& image, int resolution);

}  // namespace kandinsky::ruclip
