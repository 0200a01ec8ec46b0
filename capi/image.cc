// Buffers and images.
#include <cstdint>

#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

const void* kandinsky_buffer_data(const kandinsky_buffer* buffer) { return buffer ? buffer->bytes.data() : nullptr; }
size_t kandinsky_buffer_size(const kandinsky_buffer* buffer) { return buffer ? buffer->size : 0; }
void kandinsky_buffer_release(kandinsky_buffer* buffer) { delete buffer; }

kandinsky_status kandinsky_image_new(int32_t width, int32_t height, size_t stride, const void* pixels,
                                     kandinsky_image** image, kandinsky_error* error) {
  return make(image, "image", error, [&] {
    need(static_cast<const char*>(pixels), "pixels");
    Image made(width, height);
    const std::size_t row = std::size_t(width) * 3;
    if (stride != 0 && stride < row)
      fail(ErrorCode::invalid_argument, "stride", "is {}, expected 0 or at least {}, the bytes of a row", stride, row);
    if (stride > PTRDIFF_MAX / std::size_t(height))
      fail(ErrorCode::invalid_argument, "stride", "is {}: {} rows of that exceed the address space", stride, height);
    for (int y = 0; y < height; ++y)
      std::memcpy(made.row(y), static_cast<const std::uint8_t*>(pixels) + y * (stride ? stride : row), row);
    return kandinsky_image{std::move(made)};
  });
}
kandinsky_status kandinsky_image_load(const char* path, kandinsky_image** image, kandinsky_error* error) {
  return make(image, "image", error, [&] { return kandinsky_image{Image::load(need_text(path, "path"))}; });
}
kandinsky_status kandinsky_image_decode(const void* bytes, size_t size, kandinsky_image** image,
                                        kandinsky_error* error) {
  return make(image, "image", error, [&] { return kandinsky_image{Image::decode(need_bytes(bytes, size, "bytes"))}; });
}
int32_t kandinsky_image_width(const kandinsky_image* image) { return image ? image->image.width() : 0; }
int32_t kandinsky_image_height(const kandinsky_image* image) { return image ? image->image.height() : 0; }
size_t kandinsky_image_stride(const kandinsky_image* image) {
  return image ? std::size_t(image->image.width()) * 3 : 0;
}
const uint8_t* kandinsky_image_pixels(const kandinsky_image* image) {
  return image ? image->image.pixels().data() : nullptr;
}
kandinsky_status kandinsky_image_save(const kandinsky_image* image, const char* path, kandinsky_error* error) {
  return guarded(error, [&] { need(image, "image").image.save(need_text(path, "path")); });
}
kandinsky_status kandinsky_image_encode(const kandinsky_image* image, int32_t format, int32_t quality,
                                        kandinsky_buffer** buffer, kandinsky_error* error) {
  return make(buffer, "buffer", error, [&] {
    if (format != KANDINSKY_FORMAT_PNG && format != KANDINSKY_FORMAT_JPEG)
      fail(ErrorCode::invalid_argument, "format", "is {}, expected KANDINSKY_FORMAT_PNG (0) or _JPEG (1)", format);
    if (quality < 1 || quality > 100) fail(ErrorCode::invalid_argument, "quality", "is {}, expected 1..100", quality);
    kandinsky_buffer made;
    made.bytes = need(image, "image")
                     .image.encode(format == KANDINSKY_FORMAT_PNG ? ImageFormat::png : ImageFormat::jpeg, quality);
    made.size = made.bytes.size();
    return made;
  });
}
void kandinsky_image_release(kandinsky_image* image) { delete image; }

size_t kandinsky_images_count(const kandinsky_images* images) { return images ? images->list.size() : 0; }
const kandinsky_image* kandinsky_images_get(const kandinsky_images* images, size_t index) {
  return index < kandinsky_images_count(images) ? &images->list[index] : nullptr;
}
void kandinsky_images_release(kandinsky_images* images) { delete images; }
