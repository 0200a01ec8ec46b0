/* Threads share a model; cancelling works from everywhere and at once. */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static kandinsky_error error;
static kandinsky_pipeline *pipeline;
static kandinsky_cancel *cancel;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *draw(void *prompt) {
  kandinsky_error error_;
  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  options.images = 2;
  options.seed = 3;
  options.super_resolution = 0;
  kandinsky_pictures *pictures;
  if (kandinsky_pipeline_generate(pipeline, prompt, &options, &pictures, &error_) != KANDINSKY_OK) {
    fprintf(stderr, "%s\n", error_.message);
    return NULL;
  }
  return pictures;
}

static int same(const kandinsky_pictures *a, const kandinsky_pictures *b) {
  if (!a || !b || kandinsky_pictures_count(a) != kandinsky_pictures_count(b)) return 0;
  for (size_t i = 0; i < kandinsky_pictures_count(a); ++i) {
    const kandinsky_image *x = kandinsky_pictures_image(a, i), *y = kandinsky_pictures_image(b, i);
    const size_t size = kandinsky_image_stride(x) * (size_t)kandinsky_image_height(x);
    if (kandinsky_image_stride(x) != kandinsky_image_stride(y) ||
        kandinsky_image_height(x) != kandinsky_image_height(y) ||
        memcmp(kandinsky_image_pixels(x), kandinsky_image_pixels(y), size) != 0)
      return 0;
  }
  return 1;
}

static void two_sessions(void) {
  char *prompts[2] = {"красное сердце", "жёлтое солнце"};
  kandinsky_pictures *alone[2] = {draw(prompts[0]), draw(prompts[1])};
  CHECK(!same(alone[0], alone[1]));
  for (int round = 0; round < 3; ++round) {
    pthread_t threads[2];
    void *together[2];
    for (int i = 0; i < 2; ++i) CHECK(pthread_create(&threads[i], NULL, draw, prompts[i]) == 0);
    for (int i = 0; i < 2; ++i) {
      pthread_join(threads[i], &together[i]);
      CHECK(same(alone[i], together[i]));
      kandinsky_pictures_release(together[i]);
    }
  }
  kandinsky_pictures_release(alone[0]);
  kandinsky_pictures_release(alone[1]);
}

/* As threads of other languages' runtimes have. */
static void small_stack(void) {
  char *prompt = "красное сердце";
  kandinsky_pictures *alone = draw(prompt);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
  pthread_t thread;
  void *there = NULL;
  CHECK(pthread_create(&thread, &attributes, draw, prompt) == 0);
  pthread_join(thread, &there);
  pthread_attr_destroy(&attributes);
  CHECK(same(alone, there));
  kandinsky_pictures_release(alone);
  kandinsky_pictures_release(there);
}

struct work {
  kandinsky_status status;
  double ended;
  volatile sig_atomic_t steps;
};

static int32_t count(void *user, const kandinsky_progress *progress) {
  (void)progress;
  ++((struct work *)user)->steps;
  return 0;
}

static void *endless(void *user) {
  struct work *work = user;
  kandinsky_error error_;
  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  options.images = 64;
  options.cancel = cancel;
  options.progress = count;
  options.progress_user = work;
  kandinsky_pictures *pictures;
  work->status = kandinsky_pipeline_generate(pipeline, "кот", &options, &pictures, &error_);
  work->ended = now();
  if (work->status == KANDINSKY_CANCELLED && error_.message[0] == 0) work->status = KANDINSKY_INTERNAL;
  kandinsky_pictures_release(pictures);
  return NULL;
}

static void on_signal(int number) {
  (void)number;
  kandinsky_cancel_trigger(cancel);
}

static void cancel_within(int from_signal) {
  OK(kandinsky_cancel_new(&cancel, &error));
  CHECK(!kandinsky_cancel_triggered(cancel));
  struct work work = {0};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, endless, &work) == 0);
  while (work.steps < 20) usleep(1000);
  const double asked = now();
  if (from_signal)
    raise(SIGUSR1);
  else
    kandinsky_cancel_trigger(cancel);
  pthread_join(thread, NULL);
  CHECK(work.status == KANDINSKY_CANCELLED && kandinsky_cancel_triggered(cancel));
  printf("cancelled after %.1f ms\n", 1e3 * (work.ended - asked));
#ifndef KANDINSKY_SLOW_BUILD
  CHECK(work.ended - asked < 0.1);
#endif
  /* Once and for all. */
  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  options.cancel = cancel;
  kandinsky_pictures *pictures;
  FAILS(kandinsky_pipeline_generate(pipeline, "кот", &options, &pictures, &error), KANDINSKY_CANCELLED, NULL);
  kandinsky_cancel_release(cancel);
}

static int32_t refuse(void *user, const kandinsky_progress *progress) { return progress->stage == *(int *)user; }
static int32_t refuse_preview(void *user, int32_t number, int32_t tokens, const kandinsky_image *image) {
  (void)user, (void)number, (void)image;
  return tokens >= 32;
}

static int32_t refuse_second(void *user, const kandinsky_pictures *picture) {
  return kandinsky_pictures_count(picture) == 1 && ++*(int *)user == 2;
}
static int32_t refuse_tokens(void *user, int32_t number, const int32_t *tokens, size_t count) {
  (void)number, (void)tokens;
  return count >= *(size_t *)user;
}

static void callbacks_cancel(void) {
  for (int stage = KANDINSKY_STAGE_DRAWING; stage <= KANDINSKY_STAGE_ENLARGING; ++stage) {
    kandinsky_generate_options options;
    kandinsky_generate_options_init(&options);
    options.images = 1;
    options.progress = refuse;
    options.progress_user = &stage;
    kandinsky_pictures *pictures;
    FAILS(kandinsky_pipeline_generate(pipeline, "кот", &options, &pictures, &error), KANDINSKY_CANCELLED, NULL);
    CHECK(pictures == NULL);
  }
  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  options.images = 1;
  options.preview = refuse_preview;
  options.preview_every = 16;
  kandinsky_pictures *pictures;
  FAILS(kandinsky_pipeline_generate(pipeline, "кот", &options, &pictures, &error), KANDINSKY_CANCELLED, NULL);

  int taken = 0;
  kandinsky_generate_options_init(&options);
  options.images = 3;
  options.super_resolution = 0;
  options.picture = refuse_second;
  options.picture_user = &taken;
  FAILS(kandinsky_pipeline_generate(pipeline, "кот", &options, &pictures, &error), KANDINSKY_CANCELLED, NULL);
  CHECK(taken == 2);

  kandinsky_transformer *transformer;
  OK(kandinsky_pipeline_transformer(pipeline, &transformer, &error));
  kandinsky_draw_options draw_options;
  kandinsky_draw_options_init(&draw_options);
  size_t most = 30;
  draw_options.preview = refuse_tokens;
  draw_options.preview_user = &most;
  draw_options.preview_every = 10;
  const int32_t text[32] = {2, 3};
  kandinsky_drawn *drawn;
  FAILS(kandinsky_transformer_draw(transformer, text, 32, &draw_options, &drawn, &error), KANDINSKY_CANCELLED, NULL);
  kandinsky_transformer_release(transformer);
}

int main(void) {
  OK(kandinsky_pipeline_load(NANO, NULL, &pipeline, &error));
  two_sessions();
#ifndef KANDINSKY_SLOW_BUILD
  small_stack();
#endif
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, NULL);
  cancel_within(0);
  cancel_within(1);
  callbacks_cancel();
  kandinsky_pipeline_release(pipeline);
  return RESULT();
}
