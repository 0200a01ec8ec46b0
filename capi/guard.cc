#include "guard.h"

#include <cstdint>
#include <filesystem>
#include <new>
#include <system_error>

#include "text/utf8.h"

namespace kandinsky::capi {
namespace {

// Copies as much as fits, never cutting a UTF-8 character in two.
template <std::size_t size>
void copy_text(char (&to)[size], std::string_view text) noexcept {
  std::size_t length = std::min(text.size(), size - 1);
  if (length < text.size())
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  text.copy(to, length);
  std::memset(to + length, 0, size - length);
}

kandinsky_status report(kandinsky_error* error, kandinsky_status code, std::string_view message,
                        std::string_view subject) noexcept {
  if (error) {
    error->code = code;
    copy_text(error->message, message);
    // One line, whatever the names in it hold.
    for (char& byte : error->message)
      if ((byte > 0 && byte < ' ') || byte == '\x7f') byte = '?';
    copy_text(error->subject, subject);
  }
  return code;
}

kandinsky_status status_of(const std::error_code& code) noexcept {
  if (code == std::errc::not_enough_memory || code == std::errc::resource_unavailable_try_again)
    return KANDINSKY_OUT_OF_MEMORY;
  return KANDINSKY_IO;
}

}  // namespace

void clear(kandinsky_error* error) noexcept {
  if (error) report(error, KANDINSKY_OK, {}, {});
}

kandinsky_status status_of_exception(kandinsky_error* error) noexcept {
  try {
    throw;
  } catch (const Error& e) {
    return report(error, static_cast<kandinsky_status>(e.code()), e.what(), e.subject());
  } catch (const std::bad_alloc&) {
    return report(error, KANDINSKY_OUT_OF_MEMORY, "out of memory", {});
  } catch (const std::length_error&) {
    return report(error, KANDINSKY_OUT_OF_MEMORY, "out of memory: a size exceeds what the machine can address", {});
  } catch (const std::system_error& e) {
    return report(error, status_of(e.code()), e.what(), {});
  } catch (const std::exception& e) {
    return report(error, KANDINSKY_INTERNAL, e.what(), {});
  } catch (...) {
    return report(error, KANDINSKY_INTERNAL, "an exception of unknown type", {});
  }
}

std::string need_utf8(const char* text, const char* name) {
  check_utf8(&need(text, name), name);
  return text;
}

std::span<const std::byte> need_bytes(const void* bytes, std::size_t size, const char* name) {
  return need_array(static_cast<const std::byte*>(bytes), size, name);
}

std::vector<std::string> need_texts(const char* const* texts, std::size_t count, const char* name) {
  std::vector<std::string> list;
  for (const char* text : need_array(texts, count, name)) list.push_back(need_utf8(text, name));
  return list;
}

std::vector<Image> need_images(const kandinsky_image* const* images, std::size_t count) {
  std::vector<Image> list;
  for (const kandinsky_image* image : need_array(images, count, "images")) list.push_back(need(image, "images").image);
  return list;
}

ComputeOptions compute_options(const kandinsky_compute_options* given) {
  const auto read = read_options(given, kandinsky_compute_options_init, "kandinsky_compute_options");
  ComputeOptions options;
  if (read.device) options.device = read.device;
  switch (read.precision) {
    case KANDINSKY_PRECISION_AUTO:
      options.precision = Precision::automatic;
      break;
    case KANDINSKY_PRECISION_FP32:
      options.precision = Precision::fp32;
      break;
    case KANDINSKY_PRECISION_BF16:
      options.precision = Precision::bf16;
      break;
    case KANDINSKY_PRECISION_FP16:
      options.precision = Precision::fp16;
      break;
    default:
      fail(ErrorCode::invalid_argument, "precision", "is {}, expected KANDINSKY_PRECISION_AUTO (0) to _FP16 (3)",
           read.precision);
  }
  options.threads = read.threads;
  return options;
}

void log(const kandinsky_compute_options* given, int level, const std::string& line) {
  if (given && given->log) given->log(given->log_user, level, line.c_str());
}

TransformerConfig transformer_config(const kandinsky_transformer_config& given) {
  if (given.struct_size != sizeof given)
    fail(ErrorCode::invalid_argument, "kandinsky_transformer_config.struct_size",
         "is {}, expected {}: call kandinsky_transformer_config_init first", given.struct_size, sizeof given);
  TransformerConfig config;
  config.layers = given.layers;
  config.hidden = given.hidden;
  config.heads = given.heads;
  config.text_length = given.text_length;
  config.grid = given.grid;
  config.text_vocab = given.text_vocab;
  config.image_vocab = given.image_vocab;
  config.version = given.version;
  config.sandwich = given.sandwich != 0;
  config.relax = given.relax != 0;
  return config;
}

bool cancelled(const kandinsky_cancel* cancel) {
  return cancel && cancel->triggered.load(std::memory_order_relaxed) != 0;
}

void check_cancel(const kandinsky_cancel* cancel) {
  if (cancelled(cancel)) fail(ErrorCode::cancelled, "", "cancelled");
}

ProgressCallback progress_callback(kandinsky_progress_callback callback, void* user, const kandinsky_cancel* cancel) {
  if (!callback && !cancel) return {};
  return [=](const Progress& progress) {
    if (cancelled(cancel)) return false;
    if (!callback) return true;
    const kandinsky_progress now{static_cast<std::int32_t>(progress.stage), progress.step, progress.steps,
                                 progress.images, progress.number};
    return callback(user, &now) == 0;
  };
}

}  // namespace kandinsky::capi
