#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include <jerror.h>

#include "core/fail.h"
#include "image/codec.h"

namespace kandinsky {
namespace {

// As with libpng: errors jump, so the functions that set a jump own nothing.
struct Failure {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";
};

void on_error(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  info->err->format_message(info, failure->message);
  std::longjmp(failure->jump, 1);
}

// libjpeg makes up what a cut file lacks and only warns.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && (info->err->msg_code == JWRN_JPEG_EOF || info->err->msg_code == JWRN_HIT_MARKER)) on_error(info);
}

void on_output(j_common_ptr) {}

jpeg_error_mgr* prepare(Failure& failure) {
  jpeg_std_error(&failure.manager);
  failure.manager.error_exit = on_error;
  failure.manager.emit_message = on_message;
  failure.manager.output_message = on_output;
  return &failure.manager;
}

struct Reader {
  Failure failure;
  jpeg_decompress_struct info{};
  ~Reader() { jpeg_destroy_decompress(&info); }
};

bool read_header(Reader& r, std::span<const std::byte> bytes) {
  if (setjmp(r.failure.jump)) return false;
  jpeg_create_decompress(&r.info);
  jpeg_mem_src(&r.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&r.info, TRUE);
  return true;
}

bool read_rows(Reader& r, std::uint8_t* pixels) {
  if (setjmp(r.failure.jump)) return false;
  jpeg_start_decompress(&r.info);
  while (r.info.output_scanline < r.info.output_height) {
    JSAMPROW row = pixels + std::size_t{r.info.output_scanline} * r.info.output_width * 3;
    jpeg_read_scanlines(&r.info, &row, 1);
  }
  jpeg_finish_decompress(&r.info);
  return true;
}

struct Writer {
  Failure failure;
  jpeg_compress_struct info{};
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  ~Writer() {
    jpeg_destroy_compress(&info);
    std::free(buffer);
  }
};

bool write_image(Writer& w, const Image& image, int quality) {
  if (setjmp(w.failure.jump)) return false;
  jpeg_create_compress(&w.info);
  jpeg_mem_dest(&w.info, &w.buffer, &w.size);
  w.info.image_width = image.width();
  w.info.image_height = image.height();
  w.info.input_components = 3;
  w.info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&w.info);
  jpeg_set_quality(&w.info, quality, TRUE);
  jpeg_start_compress(&w.info, TRUE);
  while (w.info.next_scanline < w.info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(image.row(static_cast<int>(w.info.next_scanline)));
    jpeg_write_scanlines(&w.info, &row, 1);
  }
  jpeg_finish_compress(&w.info);
  return true;
}

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0xD8} && bytes[2] == std::byte{0xFF};
}

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
  Reader r;
  r.info.err = prepare(r.failure);
  if (!read_header(r, bytes)) fail(ErrorCode::bad_file, name, "damaged JPEG: {}", r.failure.message);
  check_size(r.info.image_width, r.info.image_height, name);
  if (r.info.jpeg_color_space == JCS_CMYK || r.info.jpeg_color_space == JCS_YCCK)
    fail(ErrorCode::unsupported, name, "a CMYK JPEG; expected RGB or grey");
  r.info.out_color_space = JCS_RGB;
  Image image(static_cast<int>(r.info.image_width), static_cast<int>(r.info.image_height));
  if (!read_rows(r, image.row(0))) fail(ErrorCode::bad_file, name, "damaged JPEG: {}", r.failure.message);
  return image;
}

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  if (quality < 1 || quality > 100) fail(ErrorCode::invalid_argument, "quality", "{} is not in 1..100", quality);
  Writer w;
  w.info.err = prepare(w.failure);
  if (!write_image(w, image, quality)) fail(ErrorCode::internal, "JPEG", "{}", w.failure.message);
  const auto* bytes = reinterpret_cast<const std::byte*>(w.buffer);
  return {bytes, bytes + w.size};
}

}  // namespace kandinsky
