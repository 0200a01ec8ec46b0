#include <png.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "core/fail.h"
#include "image/codec.h"

namespace kandinsky {
namespace {

// libpng reports errors by a jump that passes over destructors: the functions that set one own nothing, and everything
// they fill is owned by their callers.
struct Failure {
  char message[128] = "";
  bool no_memory = false;
};

// A libpng that runs out of memory says so only in its message, which other errors have too.
png_voidp allocate(png_structp png, png_alloc_size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) static_cast<Failure*>(png_get_mem_ptr(png))->no_memory = true;
  return memory;
}
void release(png_structp, png_voidp memory) { std::free(memory); }

[[noreturn]] void fail_with(const Failure& failure, ErrorCode code, const std::string& name, const char* what) {
  if (failure.no_memory) throw std::bad_alloc();
  fail(code, name, "{}{}", what, failure.message);
}

void on_error(png_structp png, png_const_charp message) {
  auto* failure = static_cast<Failure*>(png_get_error_ptr(png));
  std::strncpy(failure->message, message, sizeof failure->message - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

struct Source {
  std::span<const std::byte> bytes;
};

void read_bytes(png_structp png, png_bytep out, png_size_t size) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (size > source->bytes.size()) png_error(png, "the file ends too early");
  std::memcpy(out, source->bytes.data(), size);
  source->bytes = source->bytes.subspan(size);
}

struct Reader {
  Failure failure;
  Source source;
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

bool read_header(Reader& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_read_info(r.png, r.info);
  // convert('RGB') of Pillow: high bytes, palettes and greys spelled out, alpha dropped without blending.
  png_set_strip_16(r.png);
  png_set_palette_to_rgb(r.png);
  if (png_get_color_type(r.png, r.info) == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(r.png);
  png_set_gray_to_rgb(r.png);
  png_set_strip_alpha(r.png);
  png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  return true;
}

bool read_rows(Reader& r, png_bytepp rows) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_read_image(r.png, rows);
  png_read_end(r.png, nullptr);
  return true;
}

struct Writer {
  Failure failure;
  std::vector<std::byte> out;
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

void write_bytes(png_structp png, png_bytep data, png_size_t size) {
  auto* writer = static_cast<Writer*>(png_get_io_ptr(png));
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  writer->out.insert(writer->out.end(), bytes, bytes + size);
}

bool write_image(Writer& w, const Image& image) {
  if (setjmp(png_jmpbuf(w.png))) return false;
  png_set_IHDR(w.png, w.info, image.width(), image.height(), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(w.png, 4);
  png_write_info(w.png, w.info);
  for (int y = 0; y < image.height(); ++y) png_write_row(w.png, image.row(y));
  png_write_end(w.png, w.info);
  return true;
}

}  // namespace

bool is_png(std::span<const std::byte> bytes) {
  return bytes.size() >= 8 && png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, 8) == 0;
}

Image decode_png(std::span<const std::byte> bytes, const std::string& name) {
  Reader r;
  r.source.bytes = bytes;
  r.png =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r.failure, on_error, on_warning, &r.failure, allocate, release);
  if (r.png != nullptr) r.info = png_create_info_struct(r.png);
  if (r.info == nullptr) throw std::bad_alloc();
  png_set_read_fn(r.png, &r.source, read_bytes);
  png_set_user_limits(r.png, 65535, 65535);
  png_set_chunk_malloc_max(r.png, 8u << 20);
  if (!read_header(r)) fail_with(r.failure, ErrorCode::bad_file, name, "damaged PNG: ");
  const std::uint32_t width = png_get_image_width(r.png, r.info), height = png_get_image_height(r.png, r.info);
  check_size(width, height, name);
  if (png_get_rowbytes(r.png, r.info) != std::size_t{width} * 3)
    fail(ErrorCode::bad_file, name, "a PNG of an unknown kind");
  Image image(static_cast<int>(width), static_cast<int>(height));
  std::vector<png_bytep> rows(height);
  for (std::uint32_t y = 0; y < height; ++y) rows[y] = image.row(static_cast<int>(y));
  if (!read_rows(r, rows.data())) fail_with(r.failure, ErrorCode::bad_file, name, "damaged PNG: ");
  return image;
}

std::vector<std::byte> encode_png(const Image& image) {
  Writer w;
  w.png =
      png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &w.failure, on_error, on_warning, &w.failure, allocate, release);
  if (w.png != nullptr) w.info = png_create_info_struct(w.png);
  if (w.info == nullptr) throw std::bad_alloc();
  w.out.reserve(image.pixels().size() + image.pixels().size() / 16 + 4096);  // no growth inside libpng's callback
  png_set_write_fn(w.png, &w, write_bytes, nullptr);
  if (!write_image(w, image)) fail_with(w.failure, ErrorCode::internal, "PNG", "");
  return std::move(w.out);
}

}  // namespace kandinsky
