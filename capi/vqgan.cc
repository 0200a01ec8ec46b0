#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

kandinsky_status kandinsky_vqgan_load(const char* path, const kandinsky_compute_options* compute,
                                      kandinsky_vqgan** vqgan, kandinsky_error* error) {
  return make(vqgan, "vqgan", error, [&] {
    const std::string file = need_text(path, "path");
    VqganDecoder model = VqganDecoder::load(file, compute_options(compute));
    log(compute, KANDINSKY_LOG_INFO, fmt::format("VQGAN {}: {} parameters", file, model.parameter_count()));
    return kandinsky_vqgan{std::move(model)};
  });
}
kandinsky_status kandinsky_vqgan_load_memory(const void* bytes, size_t size, const char* name, const char* config_json,
                                             const kandinsky_compute_options* compute, kandinsky_vqgan** vqgan,
                                             kandinsky_error* error) {
  return make(vqgan, "vqgan", error, [&] {
    const Checkpoint checkpoint = Checkpoint::from_memory(need_bytes(bytes, size, "bytes"), name ? name : "<memory>");
    const VqganConfig config = config_json ? VqganConfig::parse(config_json, "config_json") : VqganConfig{};
    VqganDecoder model = VqganDecoder::load(checkpoint.state_dict(), config, compute_options(compute));
    log(compute, KANDINSKY_LOG_INFO,
        fmt::format("VQGAN {}: {} parameters", checkpoint.name(), model.parameter_count()));
    return kandinsky_vqgan{std::move(model)};
  });
}
int32_t kandinsky_vqgan_downsampling(const kandinsky_vqgan* vqgan) {
  return vqgan ? vqgan->model.config().downsampling() : 0;
}
int32_t kandinsky_vqgan_codebook_size(const kandinsky_vqgan* vqgan) {
  return vqgan ? vqgan->model.config().codebook_size : 0;
}
int64_t kandinsky_vqgan_parameter_count(const kandinsky_vqgan* vqgan) {
  return vqgan ? vqgan->model.parameter_count() : 0;
}
kandinsky_status kandinsky_vqgan_decode(const kandinsky_vqgan* vqgan, const int32_t* tokens, size_t count,
                                        int32_t grid_height, int32_t grid_width, kandinsky_images** images,
                                        kandinsky_error* error) {
  return make(images, "images", error, [&] {
    const VqganDecoder& model = need(vqgan, "vqgan").model;
    constexpr int most_side = 1024, most_count = 1 << 20;
    if (grid_height < 1 || grid_height > most_side)
      fail(ErrorCode::invalid_argument, "grid_height", "is {}, expected 1..{}", grid_height, most_side);
    if (grid_width < 1 || grid_width > most_side)
      fail(ErrorCode::invalid_argument, "grid_width", "is {}, expected 1..{}", grid_width, most_side);
    if (count < 1 || count > most_count)
      fail(ErrorCode::invalid_argument, "count", "is {}, expected 1..{}", count, most_count);
    const auto ids = need_array(tokens, count * std::size_t(grid_height) * std::size_t(grid_width), "tokens");
    kandinsky_images made;
    for (Image& image : model.decode(ids, grid_height, grid_width)) made.list.push_back({std::move(image)});
    return made;
  });
}
kandinsky_status kandinsky_vqgan_encode(const kandinsky_vqgan* vqgan, const kandinsky_image* image, int32_t* tokens,
                                        size_t capacity, size_t* count, kandinsky_error* error) {
  return guarded(error, [&] {
    const VqganDecoder& model = need(vqgan, "vqgan").model;
    const Image& picture = need(image, "image").image;
    const int side = model.config().downsampling();
    // Whether there is room is known before the network runs.
    if (picture.width() % side == 0 && picture.height() % side == 0) {
      need(count, "count") = std::size_t(picture.width() / side) * std::size_t(picture.height() / side);
      if (!tokens && capacity == 0) return;
      check_capacity(tokens, capacity, *count);
    }
    write_values<std::int32_t>(model.encode(picture), tokens, capacity, count);
  });
}
void kandinsky_vqgan_release(kandinsky_vqgan* vqgan) { delete vqgan; }
