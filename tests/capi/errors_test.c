/* Every way to use kandinsky.h wrongly gives a status and a message, and leaves outputs NULL. */
#include <math.h>

#include "check.h"

static kandinsky_error error;

#define INVALID KANDINSKY_INVALID_ARGUMENT

static void null_handles(void) {
  kandinsky_image *image = (kandinsky_image *)&error;
  kandinsky_images *images = (kandinsky_images *)&error;
  kandinsky_buffer *buffer = (kandinsky_buffer *)&error;
  kandinsky_pictures *pictures = (kandinsky_pictures *)&error;
  kandinsky_drawn *drawn = (kandinsky_drawn *)&error;
  int32_t ids[4] = {0};
  float values[4];
  size_t count;
  FAILS(kandinsky_devices_list(NULL, &error), INVALID, "devices");
  FAILS(kandinsky_cancel_new(NULL, &error), INVALID, "cancel");
  FAILS(kandinsky_image_save(NULL, "/tmp/x.png", &error), INVALID, "image");
  FAILS(kandinsky_image_encode(NULL, KANDINSKY_FORMAT_PNG, 95, &buffer, &error), INVALID, "image");
  CHECK(buffer == NULL);
  FAILS(kandinsky_image_load(NULL, &image, &error), INVALID, "path");
  CHECK(image == NULL);
  FAILS(kandinsky_image_new(1, 1, 0, NULL, &image, &error), INVALID, "pixels");
  FAILS(kandinsky_image_new(1, 1, 0, ids, NULL, &error), INVALID, "image");
  FAILS(kandinsky_image_decode(NULL, 9, &image, &error), INVALID, "bytes");
  FAILS(kandinsky_tokenizer_load(NULL, NULL, &error), INVALID, "tokenizer");
  FAILS(kandinsky_tokenizer_encode(NULL, "", ids, 4, &count, &error), INVALID, "tokenizer");
  FAILS(kandinsky_tokenizer_encode_for_transformer(NULL, "", ids, 4, &error), INVALID, "tokenizer");
  FAILS(kandinsky_tokenizer_encode_for_ruclip(NULL, "", ids, 4, &error), INVALID, "tokenizer");
  FAILS(kandinsky_tokenizer_decode(NULL, ids, 4, &buffer, &error), INVALID, "tokenizer");
  kandinsky_token_lists *lists = (kandinsky_token_lists *)&error;
  FAILS(kandinsky_tokenizer_encode_batch(NULL, NULL, 0, 0, &lists, &error), INVALID, "tokenizer");
  CHECK(lists == NULL);
  FAILS(kandinsky_tokenizer_encode_with_dropout(NULL, "", 0, 0, ids, 4, &count, &error), INVALID, "tokenizer");
  FAILS(kandinsky_tokenizer_id_to_piece(NULL, 0, &buffer, &error), INVALID, "tokenizer");
  FAILS(kandinsky_tokenizer_piece_to_id(NULL, "", ids, &error), INVALID, "tokenizer");
  double ppl;
  FAILS(kandinsky_transformer_ppl(NULL, ids, 4, ids, 4, &ppl, &error), INVALID, "transformer");
  FAILS(kandinsky_ruclip_rank(NULL, "", NULL, 0, 1, NULL, 0, &count, &error), INVALID, "ruclip");
  kandinsky_generate_options defaults;
  FAILS(kandinsky_pipeline_default_options(NULL, &defaults, &error), INVALID, "pipeline");
  kandinsky_pipeline *parts = (kandinsky_pipeline *)&error;
  FAILS(kandinsky_pipeline_new(NULL, NULL, NULL, NULL, NULL, &parts, &error), INVALID, "tokenizer");
  CHECK(parts == NULL);
  kandinsky_checkpoint *checkpoint = (kandinsky_checkpoint *)&error;
  FAILS(kandinsky_checkpoint_open(NULL, &checkpoint, &error), INVALID, "path");
  CHECK(checkpoint == NULL);
  FAILS(kandinsky_checkpoint_open_memory(NULL, 4, NULL, &checkpoint, &error), INVALID, "bytes");
  FAILS(kandinsky_checkpoint_read(NULL, 0, &buffer, &error), INVALID, "checkpoint");
  FAILS(kandinsky_transformer_config_init(NULL, NULL, &error), INVALID, "config");
  FAILS(kandinsky_transformer_get_config(NULL, NULL, &error), INVALID, "transformer");
  FAILS(kandinsky_transformer_draw(NULL, ids, 4, NULL, &drawn, &error), INVALID, "transformer");
  CHECK(drawn == NULL);
  FAILS(kandinsky_transformer_logits(NULL, ids, 4, ids, 0, values, 4, &count, &error), INVALID, "transformer");
  FAILS(kandinsky_transformer_losses(NULL, ids, ids, 1, NULL, &error), INVALID, "transformer");
  FAILS(kandinsky_vqgan_decode(NULL, ids, 1, 2, 2, &images, &error), INVALID, "vqgan");
  CHECK(images == NULL);
  FAILS(kandinsky_vqgan_encode(NULL, NULL, ids, 4, &count, &error), INVALID, "vqgan");
  FAILS(kandinsky_ruclip_scores(NULL, NULL, 0, NULL, 0, values, &error), INVALID, "ruclip");
  FAILS(kandinsky_ruclip_image_latents(NULL, NULL, 0, values, 4, &count, &error), INVALID, "ruclip");
  FAILS(kandinsky_ruclip_text_latents(NULL, NULL, 0, NULL, 0, values, 4, &count, &error), INVALID, "ruclip");
  FAILS(kandinsky_real_esrgan_upscale(NULL, NULL, NULL, &image, &error), INVALID, "real_esrgan");
  FAILS(kandinsky_pipeline_estimate(NANO, NULL, 1, NULL, &error), INVALID, "estimate");
  FAILS(kandinsky_pipeline_generate(NULL, "кот", NULL, &pictures, &error), INVALID, "pipeline");
  CHECK(pictures == NULL);
  kandinsky_tokenizer *tokenizer;
  kandinsky_transformer *transformer;
  kandinsky_vqgan *vqgan;
  kandinsky_ruclip *ruclip;
  kandinsky_real_esrgan *real_esrgan;
  FAILS(kandinsky_pipeline_tokenizer(NULL, &tokenizer, &error), INVALID, "pipeline");
  FAILS(kandinsky_pipeline_transformer(NULL, &transformer, &error), INVALID, "pipeline");
  FAILS(kandinsky_pipeline_vqgan(NULL, &vqgan, &error), INVALID, "pipeline");
  FAILS(kandinsky_pipeline_ruclip(NULL, &ruclip, &error), INVALID, "pipeline");
  FAILS(kandinsky_pipeline_real_esrgan(NULL, &real_esrgan, &error), INVALID, "pipeline");
  FAILS(kandinsky_ruclip_tokenizer(NULL, &tokenizer, &error), INVALID, "ruclip");

  /* Getters and releases take NULL; so does the error. */
  CHECK(kandinsky_devices_count(NULL) == 0 && kandinsky_devices_name(NULL, 0) == NULL &&
        kandinsky_devices_description(NULL, 0) == NULL && kandinsky_devices_memory_total(NULL, 0) == 0 &&
        kandinsky_devices_memory_free(NULL, 0) == 0);
  CHECK(kandinsky_buffer_data(NULL) == NULL && kandinsky_buffer_size(NULL) == 0);
  CHECK(kandinsky_image_width(NULL) == 0 && kandinsky_image_height(NULL) == 0 && kandinsky_image_stride(NULL) == 0 &&
        kandinsky_image_pixels(NULL) == NULL);
  CHECK(kandinsky_images_count(NULL) == 0 && kandinsky_images_get(NULL, 0) == NULL);
  CHECK(kandinsky_tokenizer_vocab_size(NULL) == 0 && kandinsky_transformer_parameter_count(NULL) == 0 &&
        kandinsky_transformer_device(NULL) == NULL && kandinsky_transformer_precision(NULL) == 0);
  CHECK(kandinsky_drawn_count(NULL) == 0 && kandinsky_drawn_tokens(NULL, 0, &count) == NULL && count == 0 &&
        kandinsky_drawn_number(NULL, 0) == 0 && kandinsky_drawn_ppl(NULL, 0) == 0);
  CHECK(kandinsky_vqgan_downsampling(NULL) == 0 && kandinsky_vqgan_codebook_size(NULL) == 0 &&
        kandinsky_ruclip_width(NULL) == 0 && kandinsky_real_esrgan_scale(NULL) == 0);
  CHECK(kandinsky_tokenizer_pad_id(NULL) == 0 && kandinsky_tokenizer_unk_id(NULL) == 0 &&
        kandinsky_tokenizer_bos_id(NULL) == 0 && kandinsky_tokenizer_eos_id(NULL) == 0 &&
        kandinsky_tokenizer_kind(NULL) == NULL);
  CHECK(kandinsky_token_lists_count(NULL) == 0 && kandinsky_token_lists_ids(NULL, 0, &count) == NULL && count == 0);
  CHECK(kandinsky_vqgan_parameter_count(NULL) == 0 && kandinsky_ruclip_parameter_count(NULL) == 0 &&
        kandinsky_ruclip_context_length(NULL) == 0 && kandinsky_ruclip_resolution(NULL) == 0 &&
        kandinsky_real_esrgan_parameter_count(NULL) == 0);
  CHECK(kandinsky_checkpoint_count(NULL) == 0 && kandinsky_checkpoint_format(NULL) == NULL &&
        kandinsky_checkpoint_name(NULL, 0) == NULL && kandinsky_checkpoint_dtype(NULL, 0) == NULL &&
        kandinsky_checkpoint_shape(NULL, 0, &count) == NULL && count == 0);
  CHECK(kandinsky_pictures_count(NULL) == 0 && kandinsky_pictures_image(NULL, 0) == NULL &&
        kandinsky_pictures_number(NULL, 0) == 0 && kandinsky_pictures_seed(NULL, 0) == 0 &&
        kandinsky_pictures_ppl(NULL, 0) == 0 && kandinsky_pictures_has_clip_score(NULL, 0) == 0 &&
        kandinsky_pictures_clip_score(NULL, 0) == 0 && kandinsky_pictures_tokens(NULL, 0, NULL) == NULL);
  kandinsky_cancel_trigger(NULL);
  CHECK(kandinsky_cancel_triggered(NULL) == 0);
  kandinsky_devices_release(NULL);
  kandinsky_cancel_release(NULL);
  kandinsky_buffer_release(NULL);
  kandinsky_image_release(NULL);
  kandinsky_images_release(NULL);
  kandinsky_tokenizer_release(NULL);
  kandinsky_transformer_release(NULL);
  kandinsky_drawn_release(NULL);
  kandinsky_vqgan_release(NULL);
  kandinsky_ruclip_release(NULL);
  kandinsky_real_esrgan_release(NULL);
  kandinsky_pictures_release(NULL);
  kandinsky_pipeline_release(NULL);
  kandinsky_token_lists_release(NULL);
  kandinsky_checkpoint_release(NULL);
  kandinsky_compute_options_init(NULL);
  kandinsky_draw_options_init(NULL);
  kandinsky_upscale_options_init(NULL);
  kandinsky_pipeline_options_init(NULL);
  kandinsky_memory_estimate_init(NULL);
  kandinsky_generate_options_init(NULL);
  CHECK(kandinsky_image_load("/nonexistent.png", &image, NULL) == KANDINSKY_NOT_FOUND);
}

static void struct_sizes(const kandinsky_pipeline *pipeline, const kandinsky_transformer *transformer,
                         const kandinsky_real_esrgan *real_esrgan, const kandinsky_image *image) {
  static const size_t wrong[] = {0, 1, 7, 100000, (size_t)-1};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    kandinsky_compute_options compute;
    kandinsky_compute_options_init(&compute);
    compute.struct_size = wrong[i];
    kandinsky_vqgan *vqgan;
    FAILS(kandinsky_vqgan_load(NANO "/vae/vqgan.gumbelf8.model.ckpt", &compute, &vqgan, &error), INVALID,
          "kandinsky_compute_options.struct_size");
    kandinsky_pipeline_options options;
    kandinsky_pipeline_options_init(&options);
    options.compute.struct_size = wrong[i];
    kandinsky_pipeline *loaded;
    FAILS(kandinsky_pipeline_load(NANO, &options, &loaded, &error), INVALID, "kandinsky_compute_options.struct_size");
    kandinsky_pipeline_options_init(&options);
    options.struct_size = wrong[i];
    FAILS(kandinsky_pipeline_load(NANO, &options, &loaded, &error), INVALID, "kandinsky_pipeline_options.struct_size");
    kandinsky_memory_estimate estimate;
    kandinsky_memory_estimate_init(&estimate);
    estimate.struct_size = wrong[i];
    FAILS(kandinsky_pipeline_estimate(NANO, NULL, 1, &estimate, &error), INVALID,
          "kandinsky_memory_estimate.struct_size");
    kandinsky_transformer_config config;
    OK(kandinsky_transformer_config_init(&config, "nano", &error));
    config.struct_size = wrong[i];
    FAILS(kandinsky_transformer_get_config(transformer, &config, &error), INVALID,
          "kandinsky_transformer_config.struct_size");
    kandinsky_draw_options draw;
    kandinsky_draw_options_init(&draw);
    draw.struct_size = wrong[i];
    kandinsky_drawn *drawn;
    FAILS(kandinsky_transformer_draw(transformer, NULL, 0, &draw, &drawn, &error), INVALID,
          "kandinsky_draw_options.struct_size");
    kandinsky_upscale_options upscale;
    kandinsky_upscale_options_init(&upscale);
    upscale.struct_size = wrong[i];
    kandinsky_image *large;
    FAILS(kandinsky_real_esrgan_upscale(real_esrgan, image, &upscale, &large, &error), INVALID,
          "kandinsky_upscale_options.struct_size");
    kandinsky_generate_options generate;
    kandinsky_generate_options_init(&generate);
    generate.struct_size = wrong[i];
    kandinsky_pictures *pictures;
    FAILS(kandinsky_pipeline_generate(pipeline, "кот", &generate, &pictures, &error), INVALID,
          "kandinsky_generate_options.struct_size");
  }
}

static void files(void) {
  kandinsky_tokenizer *tokenizer;
  kandinsky_transformer *transformer;
  kandinsky_vqgan *vqgan;
  kandinsky_ruclip *ruclip;
  kandinsky_real_esrgan *real_esrgan;
  kandinsky_pipeline *pipeline;
  kandinsky_image *image;
  kandinsky_transformer_config config;
  const char *missing = "/nonexistent/модель";
  const char *other = NANO "/NOTICE"; /* a text, no model */
  FAILS(kandinsky_tokenizer_load(missing, &tokenizer, &error), KANDINSKY_NOT_FOUND, missing);
  FAILS(kandinsky_tokenizer_load(other, &tokenizer, &error), KANDINSKY_BAD_FILE, other);
  FAILS(kandinsky_transformer_load(missing, NULL, NULL, &transformer, &error), KANDINSKY_NOT_FOUND, missing);
  FAILS(kandinsky_transformer_load(other, NULL, NULL, &transformer, &error), KANDINSKY_BAD_FILE, other);
  FAILS(kandinsky_vqgan_load(missing, NULL, &vqgan, &error), KANDINSKY_NOT_FOUND, missing);
  FAILS(kandinsky_vqgan_load(other, NULL, &vqgan, &error), KANDINSKY_BAD_FILE, other);
  FAILS(kandinsky_ruclip_load(missing, NULL, &ruclip, &error), KANDINSKY_NOT_FOUND, NULL);
  FAILS(kandinsky_real_esrgan_load(missing, NULL, &real_esrgan, &error), KANDINSKY_NOT_FOUND, missing);
  FAILS(kandinsky_real_esrgan_load(other, NULL, &real_esrgan, &error), KANDINSKY_BAD_FILE, other);
  FAILS(kandinsky_pipeline_load(missing, NULL, &pipeline, &error), KANDINSKY_NOT_FOUND, NULL);
  /* Names that would break a line, are no UTF-8, or are longer than any file's. */
  FAILS(kandinsky_tokenizer_load("/nonexistent/a\nb\033[1m", &tokenizer, &error), KANDINSKY_NOT_FOUND, NULL);
  FAILS(kandinsky_tokenizer_load("/nonexistent/\xff", &tokenizer, &error), KANDINSKY_NOT_FOUND, "/nonexistent/\xff");
  FAILS(kandinsky_tokenizer_load("", &tokenizer, &error), KANDINSKY_NOT_FOUND, NULL);
  FAILS(kandinsky_tokenizer_load("/", &tokenizer, &error), KANDINSKY_BAD_FILE, "/");
  static char longest[9000];
  memset(longest, 'a', sizeof longest - 1);
  CHECK(kandinsky_tokenizer_load(longest, &tokenizer, &error) != KANDINSKY_OK && tokenizer == NULL);
  CHECK(kandinsky_image_load(longest, &image, &error) != KANDINSKY_OK && image == NULL);
  CHECK(kandinsky_pipeline_load(longest, NULL, &pipeline, &error) != KANDINSKY_OK && pipeline == NULL);
  CHECK(kandinsky_transformer_load(longest, NULL, NULL, &transformer, &error) != KANDINSKY_OK && transformer == NULL);
  CHECK(strlen(error.message) < sizeof error.message && strlen(error.subject) < sizeof error.subject);
  /* SentencePiece's first byte, and nothing good after it. */
  FAILS(kandinsky_tokenizer_load_memory("\x0a\xff\xff\xff\xff\x0f", 6, "mine", &tokenizer, &error), KANDINSKY_BAD_FILE,
        "mine");
  kandinsky_checkpoint *checkpoint;
  FAILS(kandinsky_checkpoint_open(missing, &checkpoint, &error), KANDINSKY_NOT_FOUND, missing);
  FAILS(kandinsky_checkpoint_open(other, &checkpoint, &error), KANDINSKY_BAD_FILE, other);
  OK(kandinsky_checkpoint_open(NANO "/x4/RealESRGAN_x4.pth", &checkpoint, &error));
  kandinsky_buffer *buffer;
  FAILS(kandinsky_checkpoint_read(checkpoint, kandinsky_checkpoint_count(checkpoint), &buffer, &error), INVALID,
        "index");
  kandinsky_checkpoint_release(checkpoint);
  FAILS(kandinsky_pipeline_load(NANO "/x4", NULL, &pipeline, &error), KANDINSKY_NOT_FOUND, NULL);
  FAILS(kandinsky_image_load(other, &image, &error), KANDINSKY_BAD_FILE, other);
  FAILS(kandinsky_tokenizer_load_memory("4 2", 3, "mine", &tokenizer, &error), KANDINSKY_BAD_FILE, "mine");
  FAILS(kandinsky_transformer_load_memory("PK", 2, NULL, NULL, NULL, &transformer, &error), KANDINSKY_BAD_FILE,
        "<memory>");
  FAILS(kandinsky_vqgan_load_memory("PK", 2, "mine", NULL, NULL, &vqgan, &error), KANDINSKY_BAD_FILE, "mine");
  FAILS(kandinsky_real_esrgan_load_memory("", 0, "mine", NULL, &real_esrgan, &error), KANDINSKY_BAD_FILE, "mine");
  FAILS(kandinsky_image_decode("nothing", 7, &image, &error), KANDINSKY_BAD_FILE, "<memory>");
  /* The wrong network in a sound file: the message names a tensor. */
  FAILS(kandinsky_vqgan_load(NANO "/x4/RealESRGAN_x4.pth", NULL, &vqgan, &error), KANDINSKY_BAD_FILE, NULL);
  FAILS(kandinsky_transformer_load(NANO "/x4/RealESRGAN_x4.pth", NULL, NULL, &transformer, &error), KANDINSKY_BAD_FILE,
        NULL);
  FAILS(kandinsky_real_esrgan_load(NANO "/rudalle_kandinsky.bin", NULL, &real_esrgan, &error), KANDINSKY_BAD_FILE,
        NULL);
  size_t size;
  void *bytes = read_file(NANO "/vae/vqgan.gumbelf8.model.ckpt", &size);
  FAILS(kandinsky_vqgan_load_memory(bytes, size, "mine", "{\"n_embed\": -1}", NULL, &vqgan, &error), KANDINSKY_BAD_FILE,
        "config_json");
  FAILS(kandinsky_vqgan_load_memory(bytes, size / 2, "mine", NULL, NULL, &vqgan, &error), KANDINSKY_BAD_FILE, "mine");
  free(bytes);
  /* A configuration that does not fit the file. */
  OK(kandinsky_transformer_config_init(&config, "malevich", &error));
  FAILS(kandinsky_transformer_load(NANO "/rudalle_kandinsky.bin", &config, NULL, &transformer, &error),
        KANDINSKY_BAD_FILE, NULL);
  OK(kandinsky_transformer_config_init(&config, "nano", &error));
  config.heads = 0;
  FAILS(kandinsky_transformer_load(NANO "/rudalle_kandinsky.bin", &config, NULL, &transformer, &error), INVALID, NULL);
  FAILS(kandinsky_transformer_config_init(&config, "picasso", &error), INVALID, "preset");
}

static void values(const kandinsky_pipeline *pipeline, const kandinsky_transformer *transformer,
                   const kandinsky_vqgan *vqgan, const kandinsky_ruclip *ruclip, const kandinsky_tokenizer *tokenizer,
                   const kandinsky_image *image) {
  kandinsky_compute_options compute;
  kandinsky_transformer *loaded;
  const char *file = NANO "/rudalle_kandinsky.bin";
  kandinsky_compute_options_init(&compute);
  compute.device = "tpu";
  FAILS(kandinsky_transformer_load(file, NULL, &compute, &loaded, &error), INVALID, "device");
  compute.device = "cuda:99";
  FAILS(kandinsky_transformer_load(file, NULL, &compute, &loaded, &error), KANDINSKY_NOT_FOUND, NULL);
  compute.device = NULL;
  compute.precision = 17;
  FAILS(kandinsky_transformer_load(file, NULL, &compute, &loaded, &error), INVALID, "precision");
  compute.precision = 0;
  compute.threads = -1;
  FAILS(kandinsky_transformer_load(file, NULL, &compute, &loaded, &error), INVALID, "threads");

  kandinsky_generate_options options;
  kandinsky_pictures *pictures;
#define WRONG(field, value, subject_)                                                                    \
  do {                                                                                                   \
    kandinsky_generate_options_init(&options);                                                           \
    options.field = value;                                                                               \
    FAILS(kandinsky_pipeline_generate(pipeline, "кот", &options, &pictures, &error), INVALID, subject_); \
    CHECK(pictures == NULL);                                                                             \
  } while (0)
  WRONG(images, 0, "images");
  WRONG(images, 5000, "images");
  WRONG(pick, 0, "pick");
  WRONG(top_k, -2, "top_k");
  WRONG(top_p, 1.5, "top_p");
  WRONG(top_p, -0.5, "top_p");
  WRONG(temperature, -1, "temperature");
  WRONG(batch, 0, "batch");
  WRONG(images, INT32_MIN, "images");
  WRONG(pick, INT32_MIN, "pick");
  WRONG(batch, INT32_MAX, "batch");
  WRONG(top_p, NAN, "top_p");
  WRONG(temperature, NAN, "temperature");
  WRONG(temperature, INFINITY, "temperature");
  WRONG(preview_every, -1, "preview_every");
  kandinsky_generate_options_init(&options);
  options.image_prompt = image; /* 16x8: not the model's size */
  options.up = 1;
  FAILS(kandinsky_pipeline_generate(pipeline, "кот", &options, &pictures, &error), INVALID, NULL);
  FAILS(kandinsky_pipeline_generate(pipeline, NULL, NULL, &pictures, &error), INVALID, "prompt");
  FAILS(kandinsky_pipeline_generate(pipeline, "\xd0", NULL, &pictures, &error), INVALID, "prompt");
  FAILS(kandinsky_pipeline_generate(pipeline,
                                    "a\xff"
                                    "b",
                                    NULL, &pictures, &error),
        INVALID, "prompt");

  kandinsky_memory_estimate estimate;
  kandinsky_memory_estimate_init(&estimate);
  FAILS(kandinsky_pipeline_estimate(NANO, NULL, 0, &estimate, &error), INVALID, "batch");

  int32_t ids[2048] = {0};
  float floats[4];
  size_t count;
  kandinsky_drawn *drawn;
  FAILS(kandinsky_transformer_draw(transformer, ids, 3, NULL, &drawn, &error), INVALID, NULL);
  ids[0] = 1 << 30;
  kandinsky_transformer_config config;
  OK(kandinsky_transformer_config_init(&config, NULL, &error));
  OK(kandinsky_transformer_get_config(transformer, &config, &error));
  const size_t length = (size_t)config.text_length;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, NULL, &drawn, &error), INVALID, NULL);
  ids[0] = -1;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, NULL, &drawn, &error), INVALID, NULL);
  ids[0] = 2;
  kandinsky_draw_options draw;
  kandinsky_draw_options_init(&draw);
  draw.forced = ids;
  draw.forced_count = 3;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, &draw, &drawn, &error), INVALID, "forced");
  draw.forced_count = (size_t)-1;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, &draw, &drawn, &error), INVALID, "forced");
  draw.forced = NULL;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, &draw, &drawn, &error), INVALID, "forced");
  kandinsky_draw_options_init(&draw);
  draw.preview_every = -1;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, &draw, &drawn, &error), INVALID, "preview_every");
  kandinsky_draw_options_init(&draw);
  draw.images = INT32_MAX;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, &draw, &drawn, &error), INVALID, "images");
  kandinsky_draw_options_init(&draw);
  FAILS(kandinsky_transformer_draw(transformer, ids, (size_t)-1, &draw, &drawn, &error), INVALID, "text");
  FAILS(kandinsky_transformer_draw(transformer, NULL, length, &draw, &drawn, &error), INVALID, "text");
  double ppl;
  FAILS(kandinsky_transformer_ppl(transformer, ids, length, ids, 3, &ppl, &error), INVALID, NULL);
  FAILS(kandinsky_transformer_ppl(transformer, ids, length, NULL, (size_t)-1, &ppl, &error), INVALID, "image");
  FAILS(kandinsky_transformer_ppl(transformer, ids, length, ids, 3, NULL, &error), INVALID, "ppl");
  kandinsky_draw_options_init(&draw);
  draw.first_number = -1;
  FAILS(kandinsky_transformer_draw(transformer, ids, length, &draw, &drawn, &error), INVALID, "first_number");
  FAILS(kandinsky_transformer_logits(transformer, ids, 3, ids, 0, floats, 4, &count, &error), INVALID, NULL);
  FAILS(kandinsky_transformer_logits(transformer, ids, length, ids, 0, floats, 4, &count, &error), INVALID, "capacity");
  CHECK(count > 4);
  FAILS(kandinsky_transformer_losses(transformer, ids, ids, 0, (kandinsky_loss_values *)floats, &error), INVALID,
        "pairs");

  kandinsky_images *images;
  int32_t bad[1] = {1 << 20};
  FAILS(kandinsky_vqgan_decode(vqgan, bad, 1, 1, 1, &images, &error), INVALID, NULL);
  FAILS(kandinsky_vqgan_decode(vqgan, ids, 0, 1, 1, &images, &error), INVALID, "count");
  FAILS(kandinsky_vqgan_decode(vqgan, ids, (size_t)-1, 1, 1, &images, &error), INVALID, "count");
  FAILS(kandinsky_vqgan_decode(vqgan, ids, 1, -1, 1, &images, &error), INVALID, "grid_height");
  FAILS(kandinsky_vqgan_decode(vqgan, ids, 1, 1, 1 << 30, &images, &error), INVALID, "grid_width");
  FAILS(kandinsky_vqgan_decode(vqgan, NULL, 1, 1, 1, &images, &error), INVALID, "tokens");
  FAILS(kandinsky_vqgan_encode(vqgan, image, ids, 1, &count, &error), INVALID, "capacity");
  uint8_t pixels[9 * 9 * 3] = {0};
  kandinsky_image *odd;
  OK(kandinsky_image_new(9, 9, 0, pixels, &odd, &error));
  FAILS(kandinsky_vqgan_encode(vqgan, odd, ids, 4, &count, &error), INVALID, NULL);
  kandinsky_image_release(odd);

  const char *texts[1] = {"\xff\xfe"};
  const kandinsky_image *const list[1] = {image}, *const none[1] = {NULL};
  FAILS(kandinsky_ruclip_scores(ruclip, texts, 1, list, 1, floats, &error), INVALID, NULL);
  texts[0] = "кот";
  FAILS(kandinsky_ruclip_scores(ruclip, texts, 1, none, 1, floats, &error), INVALID, "images");
  FAILS(kandinsky_ruclip_scores(ruclip, NULL, 1, list, 1, floats, &error), INVALID, "texts");
  const char *templates[1] = {"no braces"};
  FAILS(kandinsky_ruclip_text_latents(ruclip, texts, 1, templates, 1, floats, 4, &count, &error), INVALID, NULL);

  kandinsky_ranked ranked[1];
  FAILS(kandinsky_ruclip_rank(ruclip, texts[0], list, 1, 0, ranked, 1, &count, &error), INVALID, "pick");
  FAILS(kandinsky_ruclip_rank(ruclip, texts[0], list, 1, 1, ranked, 0, &count, &error), INVALID, "capacity");
  FAILS(kandinsky_ruclip_rank(ruclip, "\xff", list, 1, 1, ranked, 1, &count, &error), INVALID, "text");
  FAILS(kandinsky_ruclip_rank(ruclip, NULL, list, 1, 1, ranked, 1, &count, &error), INVALID, "text");
  FAILS(kandinsky_ruclip_rank(ruclip, texts[0], none, 1, 1, ranked, 1, &count, &error), INVALID, "images");
  kandinsky_token_lists *lists;
  const char *broken[2] = {"кот", "\xd0"};
  FAILS(kandinsky_tokenizer_encode_batch(tokenizer, broken, 2, 1, &lists, &error), INVALID, NULL);
  broken[1] = NULL;
  FAILS(kandinsky_tokenizer_encode_batch(tokenizer, broken, 2, 1, &lists, &error), INVALID, NULL);
  FAILS(kandinsky_tokenizer_encode_batch(tokenizer, broken, 1, -1, &lists, &error), INVALID, "threads");
  FAILS(kandinsky_tokenizer_encode_batch(tokenizer, broken, 1, 1 << 30, &lists, &error), INVALID, "threads");
  FAILS(kandinsky_tokenizer_encode_with_dropout(tokenizer, "кот", 1.5, 0, ids, 4, &count, &error), INVALID, NULL);
  FAILS(kandinsky_tokenizer_encode_with_dropout(tokenizer, "кот", NAN, 0, ids, 4, &count, &error), INVALID, NULL);
  FAILS(kandinsky_tokenizer_encode_with_dropout(tokenizer, "\xff", 0.5, 0, ids, 4, &count, &error), INVALID, "text");
  kandinsky_buffer *piece;
  FAILS(kandinsky_tokenizer_id_to_piece(tokenizer, -1, &piece, &error), INVALID, NULL);
  FAILS(kandinsky_tokenizer_id_to_piece(tokenizer, INT32_MAX, &piece, &error), INVALID, NULL);
  FAILS(kandinsky_tokenizer_piece_to_id(tokenizer, "\xff", ids, &error), INVALID, "piece");
  FAILS(kandinsky_tokenizer_piece_to_id(tokenizer, "кот", NULL, &error), INVALID, "id");
  kandinsky_tokenizer *unigram;
  OK(kandinsky_tokenizer_load(KANDINSKY_SOURCE_DIR "/tests/text/data/unigram.model", &unigram, &error));
  FAILS(kandinsky_tokenizer_encode_with_dropout(unigram, "кот", 0.5, 0, ids, 4, &count, &error), KANDINSKY_UNSUPPORTED,
        NULL);
  kandinsky_tokenizer_release(unigram);
  /* Parts that do not fit: a tokenizer with more tokens than the transformer has. */
  kandinsky_generate_options defaults;
  kandinsky_generate_options_init(&defaults);
  defaults.struct_size = 5;
  FAILS(kandinsky_pipeline_default_options(pipeline, &defaults, &error), INVALID,
        "kandinsky_generate_options.struct_size");
  FAILS(kandinsky_pipeline_default_options(pipeline, NULL, &error), INVALID, "options");
  char large[40000];
  size_t used = (size_t)snprintf(large, sizeof large, "3000 0\n");
  for (int i = 0; i < 3000; ++i)
    used += (size_t)snprintf(large + used, sizeof large - used, "%d %d\n", 0x4e00 + i, 4 + i);
  used += (size_t)snprintf(large + used, sizeof large - used, "1 0 2 3\n");
  kandinsky_tokenizer *too_large;
  OK(kandinsky_tokenizer_load_memory(large, used, "large", &too_large, &error));
  kandinsky_pipeline *parts;
  FAILS(kandinsky_pipeline_new(too_large, transformer, vqgan, NULL, NULL, &parts, &error), INVALID, "tokenizer");
  FAILS(kandinsky_pipeline_new(tokenizer, NULL, vqgan, NULL, NULL, &parts, &error), INVALID, "transformer");
  kandinsky_tokenizer_release(too_large);

  FAILS(kandinsky_tokenizer_encode(tokenizer, "\xc3\x28", ids, 4, &count, &error), INVALID, NULL);
  FAILS(kandinsky_tokenizer_encode(tokenizer, "большое красное сердце", ids, 1, &count, &error), INVALID, "capacity");
  FAILS(kandinsky_tokenizer_encode_for_transformer(tokenizer, "кот", ids, 1, &error), INVALID, "length");
  FAILS(kandinsky_tokenizer_encode_for_ruclip(tokenizer, "кот", ids, 0, &error), INVALID, "length");
  kandinsky_buffer *buffer;
  FAILS(kandinsky_tokenizer_decode(tokenizer, bad, 1, &buffer, &error), INVALID, NULL);

  kandinsky_image *made;
  FAILS(kandinsky_image_new(0, 1, 0, pixels, &made, &error), INVALID, NULL);
  FAILS(kandinsky_image_new(1, 70000, 0, pixels, &made, &error), INVALID, NULL);
  FAILS(kandinsky_image_new(4, 4, 11, pixels, &made, &error), INVALID, "stride");
  FAILS(kandinsky_image_new(4, 4, (size_t)-1, pixels, &made, &error), INVALID, "stride");
  FAILS(kandinsky_image_new(INT32_MIN, INT32_MAX, 0, pixels, &made, &error), INVALID, NULL);
  FAILS(kandinsky_image_encode(image, 7, 95, &buffer, &error), INVALID, "format");
  FAILS(kandinsky_image_encode(image, KANDINSKY_FORMAT_JPEG, 0, &buffer, &error), INVALID, "quality");
  FAILS(kandinsky_image_encode(image, KANDINSKY_FORMAT_JPEG, 101, &buffer, &error), INVALID, "quality");
  FAILS(kandinsky_image_save(image, "/tmp/x.gif", &error), INVALID, NULL);
  FAILS(kandinsky_image_save(image, "/nonexistent/x.png", &error), KANDINSKY_IO, NULL);
}

int main(void) {
  null_handles();
  files();
  kandinsky_pipeline_options options;
  kandinsky_pipeline_options_init(&options);
  options.super_resolution = 0;
  kandinsky_pipeline *pipeline;
  kandinsky_transformer *transformer;
  kandinsky_vqgan *vqgan;
  kandinsky_ruclip *ruclip;
  kandinsky_tokenizer *tokenizer;
  kandinsky_real_esrgan *real_esrgan;
  kandinsky_image *image;
  uint8_t pixels[16 * 8 * 3] = {0};
  OK(kandinsky_pipeline_load(NANO, &options, &pipeline, &error));
  OK(kandinsky_pipeline_transformer(pipeline, &transformer, &error));
  OK(kandinsky_pipeline_vqgan(pipeline, &vqgan, &error));
  OK(kandinsky_pipeline_ruclip(pipeline, &ruclip, &error));
  OK(kandinsky_pipeline_tokenizer(pipeline, &tokenizer, &error));
  FAILS(kandinsky_pipeline_real_esrgan(pipeline, &real_esrgan, &error), KANDINSKY_NOT_FOUND, "real_esrgan");
  OK(kandinsky_real_esrgan_load(NANO "/x4/RealESRGAN_x4.pth", NULL, &real_esrgan, &error));
  OK(kandinsky_image_new(16, 8, 0, pixels, &image, &error));
  struct_sizes(pipeline, transformer, real_esrgan, image);
  values(pipeline, transformer, vqgan, ruclip, tokenizer, image);
  kandinsky_image *large;
  kandinsky_upscale_options upscale;
  kandinsky_upscale_options_init(&upscale);
  upscale.tile = 10;
  FAILS(kandinsky_real_esrgan_upscale(real_esrgan, image, &upscale, &large, &error), INVALID, NULL);
  kandinsky_upscale_options_init(&upscale);
  upscale.batch = 0;
  FAILS(kandinsky_real_esrgan_upscale(real_esrgan, image, &upscale, &large, &error), INVALID, NULL);
  kandinsky_pipeline_release(pipeline);
  kandinsky_transformer_release(transformer);
  kandinsky_vqgan_release(vqgan);
  kandinsky_ruclip_release(ruclip);
  kandinsky_tokenizer_release(tokenizer);
  kandinsky_real_esrgan_release(real_esrgan);
  kandinsky_image_release(image);
  return RESULT();
}
