#include "generator.h"

#include <vector>

namespace kandinsky_godot {
namespace {

constexpr gd::Int format_rgb8 = 4;  // Image.FORMAT_RGB8

// Jobs of nodes that are gone, cancelled. Main thread only.
std::vector<std::unique_ptr<Job>> abandoned;

gd::Variant write_image(gd::Variant image, const Pixels& pixels) {
  image.call("set_data",
             {gd::Int(pixels.width), gd::Int(pixels.height), false, format_rgb8, gd::Variant::bytes(pixels.rgb)});
  return image;
}

gd::Variant texture_of(const gd::Variant& image) {
  gd::Variant texture = gd::Variant::construct("ImageTexture");
  texture.call("set_image", {image});
  return texture;
}

// A directory of the file system's for res:// and user://.
std::string globalized(const std::string& path) {
  gd::Variant settings = gd::Variant::object(gd::engine.global_get_singleton(gd::StringName("ProjectSettings").get()));
  const gd::Variant found = settings.call("globalize_path", {std::string_view(path)});
  if (gd::engine.variant_get_type(found.get()) != gd::Type::string) return path;
  gd::Value<gd::Type::string, 8> text;
  gd::engine.get_variant_to_type_constructor(gd::Type::string)(text.get(), const_cast<void*>(found.get()));
  return gd::to_utf8(text.get());
}

}  // namespace

Generator::~Generator() {
  if (!job_) return;
  job_->abandon();
  abandoned.push_back(std::move(job_));
}

void Generator::drain() { abandoned.clear(); }

// The model of the last job, unless the properties ask for another.
Model Generator::kept_model() const {
  const bool same = settings.model_directory == loaded_.model_directory && settings.device == loaded_.device &&
                    settings.dtype == loaded_.dtype && settings.threads == loaded_.threads;
  return same ? model_ : nullptr;
}

bool Generator::generate() {
  if (job_) {
    gd::print_error("generate() was called while a picture is being generated: call cancel() and wait for `cancelled`");
    return false;
  }
  Model model = kept_model();
  if (!model) model_ = nullptr;  // room for the next
  started_ = settings;
  Settings given = settings;
  given.model_directory = globalized(given.model_directory);
  job_ = std::make_unique<Job>(std::move(given), std::move(model), [object = object_] {
    // On the job's thread. Calls to come are dropped with the object; the job is abandoned before that.
    gd::Variant::object(object).call("call_deferred", {gd::Variant::name("_deliver")});
  });
  return true;
}

void Generator::cancel() {
  if (job_) job_->cancel();
}

void Generator::deliver() {
  if (!job_) return;
  Mail mail = job_->take();
  std::optional<Outcome> outcome = std::move(mail.outcome);
  if (outcome) {
    job_.reset();  // its thread has nothing more to do
    model_ = outcome->model;
    loaded_ = started_;
    if (outcome->cancelled) return emit("cancelled", {});
  }
  if (mail.fraction) emit("progress", {*mail.fraction});
  if (mail.preview) {
    if (gd::engine.variant_get_type(preview_image_.get()) == gd::Type::nil)
      preview_image_ = gd::Variant::construct("Image");
    write_image(preview_image_, *mail.preview);
    if (gd::engine.variant_get_type(preview_texture_.get()) == gd::Type::nil)
      preview_texture_ = gd::Variant::construct("ImageTexture");
    preview_texture_.call("set_image", {preview_image_});
    emit("preview", {preview_texture_});
  }
  if (!outcome) return;
  if (!outcome->failure.empty()) return emit("failed", {std::string_view(outcome->failure)});
  gd::Variant textures = gd::Variant::array();
  for (const Pixels& pixels : outcome->pictures)
    textures.call("append", {texture_of(write_image(gd::Variant::construct("Image"), pixels))});
  emit("finished", {textures});
}

void Generator::emit(const char* signal, std::initializer_list<gd::Variant> arguments) {
  gd::Variant self = gd::Variant::object(object_);
  switch (arguments.size()) {
    case 0:
      self.call("emit_signal", {gd::Variant::name(signal)});
      break;
    default:
      self.call("emit_signal", {gd::Variant::name(signal), *arguments.begin()});
      break;
  }
}

}  // namespace kandinsky_godot
