/* Prints what the C compiler makes of kandinsky.h: sizes and offsets of structs, values of constants. */
#include <stdio.h>

#include "kandinsky.h"

#define STRUCT(type) printf("size %s %zu\n", #type, sizeof(type))
#define FIELD(type, field) \
  printf("field %s.%s %zu %zu\n", #type, #field, offsetof(type, field), sizeof(((type*)0)->field))
#define CONSTANT(name) printf("constant %s %d\n", #name, (int)(name))

int main(void) {
  STRUCT(kandinsky_error);
  FIELD(kandinsky_error, code);
  FIELD(kandinsky_error, message);
  FIELD(kandinsky_error, subject);

  STRUCT(kandinsky_progress);
  FIELD(kandinsky_progress, stage);
  FIELD(kandinsky_progress, step);
  FIELD(kandinsky_progress, steps);
  FIELD(kandinsky_progress, images);
  FIELD(kandinsky_progress, number);

  STRUCT(kandinsky_compute_options);
  FIELD(kandinsky_compute_options, struct_size);
  FIELD(kandinsky_compute_options, device);
  FIELD(kandinsky_compute_options, precision);
  FIELD(kandinsky_compute_options, threads);
  FIELD(kandinsky_compute_options, log);
  FIELD(kandinsky_compute_options, log_user);

  STRUCT(kandinsky_transformer_config);
  FIELD(kandinsky_transformer_config, struct_size);
  FIELD(kandinsky_transformer_config, layers);
  FIELD(kandinsky_transformer_config, hidden);
  FIELD(kandinsky_transformer_config, heads);
  FIELD(kandinsky_transformer_config, text_length);
  FIELD(kandinsky_transformer_config, grid);
  FIELD(kandinsky_transformer_config, text_vocab);
  FIELD(kandinsky_transformer_config, image_vocab);
  FIELD(kandinsky_transformer_config, version);
  FIELD(kandinsky_transformer_config, sandwich);
  FIELD(kandinsky_transformer_config, relax);

  STRUCT(kandinsky_draw_options);
  FIELD(kandinsky_draw_options, struct_size);
  FIELD(kandinsky_draw_options, images);
  FIELD(kandinsky_draw_options, first_number);
  FIELD(kandinsky_draw_options, batch);
  FIELD(kandinsky_draw_options, seed);
  FIELD(kandinsky_draw_options, temperature);
  FIELD(kandinsky_draw_options, top_k);
  FIELD(kandinsky_draw_options, top_p);
  FIELD(kandinsky_draw_options, greedy);
  FIELD(kandinsky_draw_options, forced);
  FIELD(kandinsky_draw_options, forced_count);
  FIELD(kandinsky_draw_options, progress);
  FIELD(kandinsky_draw_options, progress_user);
  FIELD(kandinsky_draw_options, cancel);
  FIELD(kandinsky_draw_options, preview);
  FIELD(kandinsky_draw_options, preview_user);
  FIELD(kandinsky_draw_options, preview_every);

  STRUCT(kandinsky_loss_values);
  FIELD(kandinsky_loss_values, text);
  FIELD(kandinsky_loss_values, image);
  FIELD(kandinsky_loss_values, total);

  STRUCT(kandinsky_ranked);
  FIELD(kandinsky_ranked, index);
  FIELD(kandinsky_ranked, score);

  STRUCT(kandinsky_upscale_options);
  FIELD(kandinsky_upscale_options, struct_size);
  FIELD(kandinsky_upscale_options, tile);
  FIELD(kandinsky_upscale_options, padding);
  FIELD(kandinsky_upscale_options, mirror);
  FIELD(kandinsky_upscale_options, batch);
  FIELD(kandinsky_upscale_options, reference);
  FIELD(kandinsky_upscale_options, progress);
  FIELD(kandinsky_upscale_options, progress_user);
  FIELD(kandinsky_upscale_options, cancel);

  STRUCT(kandinsky_pipeline_options);
  FIELD(kandinsky_pipeline_options, struct_size);
  FIELD(kandinsky_pipeline_options, compute);
  FIELD(kandinsky_pipeline_options, rank);
  FIELD(kandinsky_pipeline_options, super_resolution);
  FIELD(kandinsky_pipeline_options, transformer_config);
  FIELD(kandinsky_pipeline_options, transformer);
  FIELD(kandinsky_pipeline_options, tokenizer);
  FIELD(kandinsky_pipeline_options, vqgan);
  FIELD(kandinsky_pipeline_options, ruclip);
  FIELD(kandinsky_pipeline_options, real_esrgan);
  FIELD(kandinsky_pipeline_options, generation_config);

  STRUCT(kandinsky_memory_estimate);
  FIELD(kandinsky_memory_estimate, struct_size);
  FIELD(kandinsky_memory_estimate, transformer_parameters);
  FIELD(kandinsky_memory_estimate, vqgan_parameters);
  FIELD(kandinsky_memory_estimate, ruclip_parameters);
  FIELD(kandinsky_memory_estimate, real_esrgan_parameters);
  FIELD(kandinsky_memory_estimate, weight_bytes);
  FIELD(kandinsky_memory_estimate, cache_bytes);
  FIELD(kandinsky_memory_estimate, total_bytes);

  STRUCT(kandinsky_generate_options);
  FIELD(kandinsky_generate_options, struct_size);
  FIELD(kandinsky_generate_options, images);
  FIELD(kandinsky_generate_options, pick);
  FIELD(kandinsky_generate_options, top_k);
  FIELD(kandinsky_generate_options, top_p);
  FIELD(kandinsky_generate_options, temperature);
  FIELD(kandinsky_generate_options, greedy);
  FIELD(kandinsky_generate_options, seed);
  FIELD(kandinsky_generate_options, batch);
  FIELD(kandinsky_generate_options, rank);
  FIELD(kandinsky_generate_options, super_resolution);
  FIELD(kandinsky_generate_options, image_prompt);
  FIELD(kandinsky_generate_options, up);
  FIELD(kandinsky_generate_options, down);
  FIELD(kandinsky_generate_options, left);
  FIELD(kandinsky_generate_options, right);
  FIELD(kandinsky_generate_options, crop_first);
  FIELD(kandinsky_generate_options, progress);
  FIELD(kandinsky_generate_options, progress_user);
  FIELD(kandinsky_generate_options, preview);
  FIELD(kandinsky_generate_options, preview_user);
  FIELD(kandinsky_generate_options, preview_every);
  FIELD(kandinsky_generate_options, cancel);
  FIELD(kandinsky_generate_options, picture);
  FIELD(kandinsky_generate_options, picture_user);

  CONSTANT(KANDINSKY_C_ABI_VERSION);
  CONSTANT(KANDINSKY_OK);
  CONSTANT(KANDINSKY_INVALID_ARGUMENT);
  CONSTANT(KANDINSKY_NOT_FOUND);
  CONSTANT(KANDINSKY_BAD_FILE);
  CONSTANT(KANDINSKY_UNSUPPORTED);
  CONSTANT(KANDINSKY_OUT_OF_MEMORY);
  CONSTANT(KANDINSKY_CANCELLED);
  CONSTANT(KANDINSKY_IO);
  CONSTANT(KANDINSKY_INTERNAL);
  CONSTANT(KANDINSKY_STAGE_DRAWING);
  CONSTANT(KANDINSKY_STAGE_DECODING);
  CONSTANT(KANDINSKY_STAGE_RANKING);
  CONSTANT(KANDINSKY_STAGE_ENLARGING);
  CONSTANT(KANDINSKY_LOG_DEBUG);
  CONSTANT(KANDINSKY_LOG_INFO);
  CONSTANT(KANDINSKY_LOG_WARNING);
  CONSTANT(KANDINSKY_PRECISION_AUTO);
  CONSTANT(KANDINSKY_PRECISION_FP32);
  CONSTANT(KANDINSKY_PRECISION_BF16);
  CONSTANT(KANDINSKY_PRECISION_FP16);
  CONSTANT(KANDINSKY_FORMAT_PNG);
  CONSTANT(KANDINSKY_FORMAT_JPEG);
  return 0;
}
