/* memory_test [CYCLES [THREADS]]: load, generate and release again and again without growth; then with an address space
 * that is too small: a status, and the next try with enough memory works. (Single allocations that fail:
 * allocations_test.c.) */
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

static kandinsky_error error;
static int threads;

/* Pages of the address space, and of them in memory. */
static long pages(long *resident) {
  char line[128];
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || !fgets(line, sizeof line, file)) exit(1);
  fclose(file);
  char *second, *rest;
  const long all = strtol(line, &second, 10);
  *resident = strtol(second, &rest, 10);
  if (second == line || rest == second) exit(1);
  return all;
}

/* Without what the allocator keeps for later, which depends on how its arenas fall to threads. */
static double resident_mb(void) {
  malloc_trim(0);
  long resident;
  pages(&resident);
  return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static void cycle(void) {
  kandinsky_pipeline_options options;
  kandinsky_pipeline_options_init(&options);
  options.compute.threads = threads;
  kandinsky_pipeline *pipeline;
  OK(kandinsky_pipeline_load(NANO, &options, &pipeline, &error));
  kandinsky_generate_options generate;
  kandinsky_generate_options_init(&generate);
  generate.images = 1;
  generate.super_resolution = 0;
  kandinsky_pictures *pictures;
  OK(kandinsky_pipeline_generate(pipeline, "кот", &generate, &pictures, &error));
  kandinsky_pipeline_release(pipeline);
  kandinsky_pictures_release(pictures);
}

static void cycles(int count) {
  const int warm = count / 4 > 8 ? count / 4 : 8;
  for (int i = 0; i < warm; ++i) cycle();
  const double before = resident_mb();
  for (int i = warm; i < count; ++i) {
    cycle();
    if (i % 100 == 0) printf("%d: %.1f MB\n", i, resident_mb()), fflush(stdout);
  }
  const double after = resident_mb();
  printf("resident: %.1f MB after %d cycles, %.1f MB after %d\n", before, warm, after, count);
  CHECK(after - before < 0.1 * before);
}

#ifndef KANDINSKY_SLOW_BUILD
static void too_little_memory(void) {
  struct rlimit unlimited, limit;
  getrlimit(RLIMIT_AS, &unlimited);
  long resident;
  const long before = pages(&resident);
  int refused = 0;
  for (unsigned long extra = 1 << 20; extra <= 64ul << 20; extra *= 4) {
    limit = unlimited;
    limit.rlim_cur = (rlim_t)before * (rlim_t)sysconf(_SC_PAGESIZE) + extra;
    setrlimit(RLIMIT_AS, &limit);
    kandinsky_real_esrgan *model = NULL;
    kandinsky_image *image = NULL, *large = NULL;
    kandinsky_status status = kandinsky_real_esrgan_load(NANO "/x4/RealESRGAN_x4.pth", NULL, &model, &error);
    if (status == KANDINSKY_OK) {
      static uint8_t pixels[700 * 700 * 3];
      status = kandinsky_image_new(700, 700, 0, pixels, &image, &error);
      if (status == KANDINSKY_OK) status = kandinsky_real_esrgan_upscale(model, image, NULL, &large, &error);
    }
    setrlimit(RLIMIT_AS, &unlimited);
    if (status != KANDINSKY_OK) {
      ++refused;
      if (status != KANDINSKY_OUT_OF_MEMORY && status != KANDINSKY_IO)
        fprintf(stderr, "with %lu bytes more: status %d, %s\n", extra, (int)status, error.message);
      CHECK(status == KANDINSKY_OUT_OF_MEMORY || status == KANDINSKY_IO);
      CHECK(error.message[0] != 0);
    }
    kandinsky_real_esrgan_release(model);
    kandinsky_image_release(image);
    kandinsky_image_release(large);
    if (status == KANDINSKY_OK) break;
  }
  CHECK(refused > 0);
  cycle();
}
#endif

int main(int argc, char **argv) {
  const int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 24;
  threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
  cycles(count);
#ifndef KANDINSKY_SLOW_BUILD
  too_little_memory();
#endif
  return RESULT();
}
