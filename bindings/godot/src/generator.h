#pragma once
// The node KandinskyGenerator: properties and methods that the engine calls, signals from the background.
#include <memory>
#include <variant>

#include "engine.h"
#include "job.h"

namespace kandinsky_godot {

class Generator {
 public:
  static constexpr const char* class_name = "KandinskyGenerator";
  static constexpr const char* parent_name = "Node";

  explicit Generator(gd::Object* object) : object_(object) {}
  // Cancels; the thread that works may end later. See drain().
  ~Generator();

  // Starts. False, and an error in the engine's log, if it generates already. Main thread only, like the others.
  bool generate();
  // Stops within a token or a tile; the signal `cancelled` follows.
  void cancel();
  bool is_generating() const { return job_ != nullptr; }
  // Emits signals for what the job has posted. The job asks for this call through call_deferred.
  void deliver();

  Settings settings;

  // Waits for the threads of nodes that are gone: before the library is unloaded.
  static void drain();

 private:
  void emit(const char* signal, std::initializer_list<gd::Variant> arguments);
  Model kept_model() const;

  gd::Object* object_;
  std::unique_ptr<Job> job_;
  Settings started_;
  Model model_;
  Settings loaded_;            // what model_ was loaded with
  gd::Variant preview_image_;  // both are drawn into again
  gd::Variant preview_texture_;
};

using Field = std::variant<bool Settings::*, std::int64_t Settings::*, double Settings::*, std::string Settings::*>;

struct Property {
  const char* name;
  Field field;
  std::uint32_t hint;
  const char* hint_text;
};

void register_generator();
void unregister_generator();

}  // namespace kandinsky_godot
