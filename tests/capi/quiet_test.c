/* The library changes nothing of the process: no output, signal handler, locale, random number generator,
 * floating-point state or exit; nor does a failing call. */
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static kandinsky_error error;
static int exited_well;

static void use_the_library(void) {
  kandinsky_pipeline *pipeline;
  FAILS(kandinsky_pipeline_load("/nonexistent", NULL, &pipeline, &error), KANDINSKY_NOT_FOUND, NULL);
  kandinsky_vqgan *vqgan;
  FAILS(kandinsky_vqgan_load(NANO "/NOTICE", NULL, &vqgan, &error), KANDINSKY_BAD_FILE, NULL);
  kandinsky_compute_options compute;
  kandinsky_compute_options_init(&compute);
  kandinsky_tokenizer *tokenizer;
  FAILS(kandinsky_tokenizer_load(NANO "/NOTICE", &tokenizer, &error), KANDINSKY_BAD_FILE, NULL);
  /* SentencePiece and its protobuf would tell of a bad model themselves. */
  FAILS(kandinsky_tokenizer_load_memory("\x0a\xff\xff\xff\xff\x0f", 6, "mine", &tokenizer, &error), KANDINSKY_BAD_FILE,
        "mine");
  FAILS(kandinsky_tokenizer_load_memory("\x0a\x00", 2, "mine", &tokenizer, &error), KANDINSKY_BAD_FILE, "mine");
  OK(kandinsky_tokenizer_load(KANDINSKY_SOURCE_DIR "/tests/text/data/unigram.model", &tokenizer, &error));
  kandinsky_tokenizer_release(tokenizer);
  kandinsky_image *image;
  FAILS(kandinsky_image_decode("\x89PNG\r\n\x1a\n broken", 16, &image, &error), KANDINSKY_BAD_FILE, NULL);
  FAILS(kandinsky_image_decode("\xff\xd8\xff\xe0 broken", 12, &image, &error), KANDINSKY_BAD_FILE, NULL);
  compute.device = "cuda:63";
  FAILS(kandinsky_vqgan_load(NANO "/vae/vqgan.gumbelf8.model.ckpt", &compute, &vqgan, &error), KANDINSKY_NOT_FOUND,
        NULL);
  OK(kandinsky_pipeline_load(NANO, NULL, &pipeline, &error));
  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  options.images = 2;
  options.pick = 1;
  kandinsky_pictures *pictures;
  OK(kandinsky_pipeline_generate(pipeline, "красное сердце", &options, &pictures, &error));
  kandinsky_pictures_release(pictures);
  FAILS(kandinsky_pipeline_generate(pipeline, "\xff", &options, &pictures, &error), KANDINSKY_INVALID_ARGUMENT,
        "prompt");
  kandinsky_pipeline_release(pipeline);
}

static void expect_exit(void) { CHECK(exited_well); }

int main(void) {
  atexit(expect_exit);
  setlocale(LC_ALL, "C");
  char path[] = "/tmp/kandinsky-quiet-XXXXXX";
  const int file = mkstemp(path), out = dup(1), err = dup(2);
  unlink(path);

  struct sigaction before[32], after;
  for (int s = 1; s < 32; ++s) sigaction(s, NULL, &before[s]);
  sigset_t mask_before, mask_after;
  sigprocmask(SIG_SETMASK, NULL, &mask_before);
  srand(5), srandom(6), srand48(7);
  const int expected_rand = rand();
  const long expected_random = random();
  const double expected_drand = drand48();
  srand(5), srandom(6), srand48(7);
  fesetround(FE_TONEAREST);
  char directory[4096], directory_after[4096];
  CHECK(getcwd(directory, sizeof directory) != NULL);
  const mode_t mask = umask(0);
  umask(mask);

  dup2(file, 1), dup2(file, 2);
  use_the_library();
  fflush(NULL);
  dup2(out, 1), dup2(err, 2);

  struct stat status;
  fstat(file, &status);
  if (status.st_size != 0) {
    char text[4096] = {0};
    if (pread(file, text, sizeof text - 1, 0) > 0) fprintf(stderr, "printed: %s\n", text);
  }
  CHECK(status.st_size == 0);
  for (int s = 1; s < 32; ++s) {
    sigaction(s, NULL, &after);
    CHECK(after.sa_handler == before[s].sa_handler && after.sa_flags == before[s].sa_flags);
  }
  sigprocmask(SIG_SETMASK, NULL, &mask_after);
  for (int s = 1; s < 32; ++s) CHECK(sigismember(&mask_before, s) == sigismember(&mask_after, s));
  CHECK(strcmp(setlocale(LC_ALL, NULL), "C") == 0);
  CHECK(rand() == expected_rand && random() == expected_random && drand48() == expected_drand);
  CHECK(fegetround() == FE_TONEAREST);
  const volatile float denormal = 1e-40f;
  CHECK(denormal * 0.5f != 0);
  CHECK(getcwd(directory_after, sizeof directory_after) && strcmp(directory, directory_after) == 0);
  const mode_t mask_now = umask(mask);
  CHECK(mask_now == mask);
  exited_well = 1;
  return RESULT();
}
