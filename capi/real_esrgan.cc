#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

kandinsky_status kandinsky_real_esrgan_load(const char* path, const kandinsky_compute_options* compute,
                                            kandinsky_real_esrgan** real_esrgan, kandinsky_error* error) {
  return make(real_esrgan, "real_esrgan", error, [&] {
    const std::string file = need_text(path, "path");
    kandinsky_real_esrgan made{RealEsrgan::load(file, compute_options(compute))};
    log(compute, KANDINSKY_LOG_INFO,
        fmt::format("Real-ESRGAN {}: x{}, {} parameters", file, made.model.scale(), made.model.parameter_count()));
    return made;
  });
}
kandinsky_status kandinsky_real_esrgan_load_memory(const void* bytes, size_t size, const char* name,
                                                   const kandinsky_compute_options* compute,
                                                   kandinsky_real_esrgan** real_esrgan, kandinsky_error* error) {
  return make(real_esrgan, "real_esrgan", error, [&] {
    const Checkpoint checkpoint = Checkpoint::from_memory(need_bytes(bytes, size, "bytes"), name ? name : "<memory>");
    kandinsky_real_esrgan made{RealEsrgan::load(checkpoint.state_dict(), compute_options(compute))};
    log(compute, KANDINSKY_LOG_INFO,
        fmt::format("Real-ESRGAN {}: x{}, {} parameters", checkpoint.name(), made.model.scale(),
                    made.model.parameter_count()));
    return made;
  });
}
int32_t kandinsky_real_esrgan_scale(const kandinsky_real_esrgan* real_esrgan) {
  return real_esrgan ? real_esrgan->model.scale() : 0;
}
int64_t kandinsky_real_esrgan_parameter_count(const kandinsky_real_esrgan* real_esrgan) {
  return real_esrgan ? real_esrgan->model.parameter_count() : 0;
}
void kandinsky_upscale_options_init(kandinsky_upscale_options* options) {
  if (!options) return;
  const TilingOptions defaults;
  *options = {sizeof *options, defaults.tile, defaults.padding, defaults.mirror, defaults.batch, 0,
              nullptr,         nullptr,       nullptr};
}
kandinsky_status kandinsky_real_esrgan_upscale(const kandinsky_real_esrgan* real_esrgan, const kandinsky_image* image,
                                               const kandinsky_upscale_options* options, kandinsky_image** large,
                                               kandinsky_error* error) {
  return make(large, "large", error, [&] {
    const RealEsrgan& model = need(real_esrgan, "real_esrgan").model;
    const auto given = read_options(options, kandinsky_upscale_options_init, "kandinsky_upscale_options");
    const TilingOptions tiling{given.tile, given.padding, given.mirror, given.batch, given.reference != 0};
    check_cancel(given.cancel);
    return kandinsky_image{model.upscale(need(image, "image").image, tiling,
                                         progress_callback(given.progress, given.progress_user, given.cancel))};
  });
}
void kandinsky_real_esrgan_release(kandinsky_real_esrgan* real_esrgan) { delete real_esrgan; }
