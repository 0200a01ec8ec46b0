/* heart MODEL FILE: draws a heart. */
#include <kandinsky.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  kandinsky_error error;
  kandinsky_pipeline* pipeline = NULL;
  kandinsky_pictures* pictures = NULL;
  kandinsky_generate_options options;
  kandinsky_status status;
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(kandinsky_version()) < 0;
  if (argc != 3) return 2;
  kandinsky_generate_options_init(&options);
  options.images = 1;
  options.seed = 7;
  options.super_resolution = 0;
  status = kandinsky_pipeline_load(argv[1], NULL, &pipeline, &error);
  if (status == KANDINSKY_OK)
    status = kandinsky_pipeline_generate(pipeline, "красное сердце", &options, &pictures, &error);
  if (status == KANDINSKY_OK) status = kandinsky_image_save(kandinsky_pictures_image(pictures, 0), argv[2], &error);
  if (status != KANDINSKY_OK) fprintf(stderr, "%s\n", error.message);
  kandinsky_pictures_release(pictures);
  kandinsky_pipeline_release(pipeline);
  return status != KANDINSKY_OK;
}
