#include "bridge.h"

#include <string.h>

#include "_cgo_export.h"

static void on_log(void* user, int32_t level, const char* message) {
  kandinskyGoLog((uintptr_t)user, level, (char*)message);
}

static int32_t on_progress(void* user, const kandinsky_progress* progress) {
  return kandinskyGoProgress((uintptr_t)user, progress->stage, progress->step, progress->steps, progress->images,
                             progress->number);
}

static int32_t on_preview(void* user, int32_t number, int32_t tokens, const kandinsky_image* image) {
  return kandinskyGoPreview((uintptr_t)user, number, tokens, (kandinsky_image*)image);
}

static int32_t on_tokens(void* user, int32_t number, const int32_t* tokens, size_t count) {
  return kandinskyGoTokens((uintptr_t)user, number, (int32_t*)tokens, count);
}

static int32_t on_picture(void* user, const kandinsky_pictures* picture) {
  return kandinskyGoPicture((uintptr_t)user, (kandinsky_pictures*)picture);
}

void kandinsky_go_set_log(kandinsky_compute_options* options, uintptr_t call) {
  options->log = on_log;
  options->log_user = (void*)call;
}

void kandinsky_go_set_draw_progress(kandinsky_draw_options* options, uintptr_t call) {
  options->progress = on_progress;
  options->progress_user = (void*)call;
}

void kandinsky_go_set_upscale_progress(kandinsky_upscale_options* options, uintptr_t call) {
  options->progress = on_progress;
  options->progress_user = (void*)call;
}

void kandinsky_go_set_generate_progress(kandinsky_generate_options* options, uintptr_t call) {
  options->progress = on_progress;
  options->progress_user = (void*)call;
}

void kandinsky_go_set_draw_preview(kandinsky_draw_options* options, uintptr_t call) {
  options->preview = on_tokens;
  options->preview_user = (void*)call;
}

void kandinsky_go_set_preview(kandinsky_generate_options* options, uintptr_t call) {
  options->preview = on_preview;
  options->preview_user = (void*)call;
}

void kandinsky_go_set_picture(kandinsky_generate_options* options, uintptr_t call) {
  options->picture = on_picture;
  options->picture_user = (void*)call;
}

void* kandinsky_go_copy(const void* bytes, size_t size) {
  void* copy = malloc(size ? size : 1);
  if (copy && size) memcpy(copy, bytes, size);
  return copy;
}
