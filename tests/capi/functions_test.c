/* Every function of kandinsky.h, used as it is meant to be. */
#include <math.h>
#include <unistd.h>

#include "check.h"

static kandinsky_error error;
static int log_lines;

static void count_lines(void *user, int32_t level, const char *message) {
  CHECK(user == &log_lines && level == KANDINSKY_LOG_INFO && strstr(message, "parameters") && !strchr(message, '\n'));
  ++log_lines;
}

/* Numbers that programs were built with never change. */
typedef char constants_keep_their_values
    [KANDINSKY_OK == 0 && KANDINSKY_INVALID_ARGUMENT == 1 && KANDINSKY_NOT_FOUND == 2 && KANDINSKY_BAD_FILE == 3 &&
             KANDINSKY_UNSUPPORTED == 4 && KANDINSKY_OUT_OF_MEMORY == 5 && KANDINSKY_CANCELLED == 6 &&
             KANDINSKY_IO == 7 && KANDINSKY_INTERNAL == 8 && KANDINSKY_STAGE_DRAWING == 0 &&
             KANDINSKY_STAGE_DECODING == 1 && KANDINSKY_STAGE_RANKING == 2 && KANDINSKY_STAGE_ENLARGING == 3 &&
             KANDINSKY_LOG_DEBUG == 0 && KANDINSKY_LOG_INFO == 1 && KANDINSKY_LOG_WARNING == 2 &&
             KANDINSKY_PRECISION_AUTO == 0 && KANDINSKY_PRECISION_FP32 == 1 && KANDINSKY_PRECISION_BF16 == 2 &&
             KANDINSKY_PRECISION_FP16 == 3 && KANDINSKY_FORMAT_PNG == 0 && KANDINSKY_FORMAT_JPEG == 1
         ? 1
         : -1];

static void versions_and_devices(void) {
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", KANDINSKY_C_VERSION_MAJOR, KANDINSKY_C_VERSION_MINOR,
           KANDINSKY_C_VERSION_PATCH);
  CHECK(strcmp(kandinsky_version(), version) == 0);
  CHECK(kandinsky_abi_version() == KANDINSKY_C_ABI_VERSION);
  CHECK(strncmp(kandinsky_torch_version(), "2.", 2) == 0);
  CHECK(strcmp(kandinsky_status_name(KANDINSKY_OK), "ok") == 0);
  for (int i = 0; i <= KANDINSKY_INTERNAL; ++i)
    for (int j = 0; j < i; ++j) CHECK(strcmp(kandinsky_status_name(i), kandinsky_status_name(j)) != 0);
  CHECK(strcmp(kandinsky_status_name(99), "unknown status") == 0);

  kandinsky_devices *devices;
  OK(kandinsky_devices_list(&devices, &error));
  CHECK(kandinsky_devices_count(devices) >= 1);
  CHECK(strcmp(kandinsky_devices_name(devices, 0), "cpu") == 0);
  CHECK(strlen(kandinsky_devices_description(devices, 0)) > 0);
  CHECK(kandinsky_devices_memory_total(devices, 0) > 1u << 30);
  CHECK(kandinsky_devices_memory_free(devices, 0) <= kandinsky_devices_memory_total(devices, 0));
  CHECK(kandinsky_devices_name(devices, 1000) == NULL && kandinsky_devices_memory_total(devices, 1000) == 0);
  kandinsky_devices_release(devices);
}

static void images(void) {
  /* Rows 16 bytes apart, 5 * 3 of them pixels. */
  uint8_t pixels[4 * 16];
  for (size_t i = 0; i < sizeof pixels; ++i) pixels[i] = (uint8_t)(i * 3);
  kandinsky_image *image, *again;
  OK(kandinsky_image_new(5, 4, 16, pixels, &image, &error));
  CHECK(kandinsky_image_width(image) == 5 && kandinsky_image_height(image) == 4 && kandinsky_image_stride(image) == 15);
  for (int y = 0; y < 4; ++y) CHECK(memcmp(kandinsky_image_pixels(image) + 15 * y, pixels + 16 * y, 15) == 0);

  kandinsky_buffer *png, *jpeg, *worse;
  OK(kandinsky_image_encode(image, KANDINSKY_FORMAT_PNG, 95, &png, &error));
  OK(kandinsky_image_encode(image, KANDINSKY_FORMAT_JPEG, 95, &jpeg, &error));
  OK(kandinsky_image_encode(image, KANDINSKY_FORMAT_JPEG, 5, &worse, &error));
  CHECK(memcmp(kandinsky_buffer_data(png), "\x89PNG", 4) == 0 &&
        memcmp(kandinsky_buffer_data(jpeg), "\xff\xd8", 2) == 0);
  CHECK(kandinsky_buffer_size(worse) < kandinsky_buffer_size(jpeg));
  OK(kandinsky_image_decode(kandinsky_buffer_data(png), kandinsky_buffer_size(png), &again, &error));
  CHECK(memcmp(kandinsky_image_pixels(again), kandinsky_image_pixels(image), 60) == 0);
  kandinsky_image_release(again);

  char path[] = "/tmp/kandinsky-XXXXXX.png";
  const int file = mkstemps(path, 4);
  CHECK(file >= 0);
  close(file);
  OK(kandinsky_image_save(image, path, &error));
  OK(kandinsky_image_load(path, &again, &error));
  CHECK(memcmp(kandinsky_image_pixels(again), kandinsky_image_pixels(image), 60) == 0);
  unlink(path);
  kandinsky_image_release(again);
  kandinsky_image_release(image);
  kandinsky_buffer_release(png);
  kandinsky_buffer_release(jpeg);
  kandinsky_buffer_release(worse);
}

static void tokenizer(void) {
  size_t size, count;
  void *bytes = read_file(NANO "/tokenizer/bpe.model", &size);
  kandinsky_tokenizer *from_file, *from_memory;
  OK(kandinsky_tokenizer_load(NANO "/tokenizer/bpe.model", &from_file, &error));
  OK(kandinsky_tokenizer_load_memory(bytes, size, "nano", &from_memory, &error));
  free(bytes); /* needed during the call alone */
  CHECK(kandinsky_tokenizer_vocab_size(from_file) > 100);
  CHECK(kandinsky_tokenizer_vocab_size(from_file) == kandinsky_tokenizer_vocab_size(from_memory));
  const char *text = "красное сердце";
  int32_t ids[64], other[64];
  OK(kandinsky_tokenizer_encode(from_file, text, NULL, 0, &count, &error));
  CHECK(count > 1 && count < 64);
  size_t written;
  OK(kandinsky_tokenizer_encode(from_memory, text, ids, count, &written, &error));
  CHECK(written == count);
  kandinsky_buffer *decoded;
  OK(kandinsky_tokenizer_decode(from_file, ids, count, &decoded, &error));
  CHECK(strcmp(kandinsky_buffer_data(decoded), text) == 0 && kandinsky_buffer_size(decoded) == strlen(text));
  kandinsky_buffer_release(decoded);
  OK(kandinsky_tokenizer_encode_for_transformer(from_file, "  КРАСНОЕ сердце ", other, 64, &error));
  CHECK(other[0] == 2 && memcmp(other + 1, ids, count * sizeof *ids) == 0 && other[count + 1] == 3 && other[63] == 0);
  OK(kandinsky_tokenizer_encode_for_ruclip(from_file, text, other, 32, &error));
  CHECK(other[0] == 2 && memcmp(other + 1, ids, count * sizeof *ids) == 0 && other[count + 1] == 3 && other[31] == 0);

  const char *texts[3] = {text, "", "кот"};
  kandinsky_token_lists *lists;
  OK(kandinsky_tokenizer_encode_batch(from_file, texts, 3, 2, &lists, &error));
  CHECK(kandinsky_token_lists_count(lists) == 3 && kandinsky_token_lists_ids(lists, 3, &written) == NULL &&
        written == 0);
  const int32_t *first = kandinsky_token_lists_ids(lists, 0, &written);
  CHECK(written == count && memcmp(first, ids, count * sizeof *ids) == 0);
  kandinsky_token_lists_ids(lists, 1, &written);
  CHECK(written == 0);
  kandinsky_token_lists_release(lists);

  OK(kandinsky_tokenizer_encode_with_dropout(from_file, text, 0, 1, other, 64, &written, &error));
  CHECK(written == count && memcmp(other, ids, count * sizeof *ids) == 0);
  size_t pieces;
  int32_t again[64];
  OK(kandinsky_tokenizer_encode_with_dropout(from_file, text, 1, 1, other, 64, &pieces, &error));
  CHECK(pieces > count); /* single characters */
  OK(kandinsky_tokenizer_encode_with_dropout(from_file, text, 0.5, 9, other, 64, &pieces, &error));
  OK(kandinsky_tokenizer_encode_with_dropout(from_file, text, 0.5, 9, again, 64, &written, &error));
  CHECK(pieces == written && memcmp(other, again, written * sizeof *again) == 0);
  OK(kandinsky_tokenizer_decode(from_file, other, pieces, &decoded, &error));
  CHECK(strcmp(kandinsky_buffer_data(decoded), text) == 0);
  kandinsky_buffer_release(decoded);

  kandinsky_buffer *piece;
  int32_t id = -1;
  OK(kandinsky_tokenizer_id_to_piece(from_file, ids[0], &piece, &error));
  CHECK(memcmp(kandinsky_buffer_data(piece), "\xe2\x96\x81", 3) == 0);
  OK(kandinsky_tokenizer_piece_to_id(from_file, kandinsky_buffer_data(piece), &id, &error));
  CHECK(id == ids[0]);
  kandinsky_buffer_release(piece);
  OK(kandinsky_tokenizer_piece_to_id(from_file, "no such piece", &id, &error));
  CHECK(id == kandinsky_tokenizer_unk_id(from_file));
  CHECK(kandinsky_tokenizer_pad_id(from_file) == 0 && kandinsky_tokenizer_unk_id(from_file) == 1 &&
        kandinsky_tokenizer_bos_id(from_file) == 2 && kandinsky_tokenizer_eos_id(from_file) == 3);
  CHECK(strcmp(kandinsky_tokenizer_kind(from_file), "yttm") == 0);
  kandinsky_tokenizer_release(from_file);
  kandinsky_tokenizer_release(from_memory);

  kandinsky_tokenizer *unigram;
  OK(kandinsky_tokenizer_load(KANDINSKY_SOURCE_DIR "/tests/text/data/unigram.model", &unigram, &error));
  CHECK(strcmp(kandinsky_tokenizer_kind(unigram), "sentencepiece") == 0);
  OK(kandinsky_tokenizer_encode(unigram, text, ids, 64, &count, &error));
  OK(kandinsky_tokenizer_decode(unigram, ids, count, &decoded, &error));
  CHECK(strcmp(kandinsky_buffer_data(decoded), text) == 0);
  kandinsky_buffer_release(decoded);
  kandinsky_tokenizer_release(unigram);
}

static int32_t count_steps(void *user, const kandinsky_progress *progress) {
  CHECK(progress->stage >= KANDINSKY_STAGE_DRAWING && progress->stage <= KANDINSKY_STAGE_ENLARGING);
  CHECK(progress->step >= 0 && progress->step <= progress->steps && progress->images >= 1);
  CHECK(progress->number >= 0 && progress->number < 8);
  ++((int *)user)[progress->stage];
  return 0;
}

/* Every preview goes on from the one before. */
static int32_t grows(void *user, int32_t number, const int32_t *tokens, size_t count) {
  size_t *before = user;
  CHECK((number == 5 || number == 6) && tokens[0] == 0 && tokens[9] == 9);
  CHECK(count == before[number - 5] + 100);
  before[number - 5] = count;
  return 0;
}

static void transformer(void) {
  kandinsky_transformer_config config, big;
  OK(kandinsky_transformer_config_init(&big, "kandinsky", &error));
  CHECK(big.layers == 64 && big.hidden == 3840);
  OK(kandinsky_transformer_config_init(&config, NULL, &error));
  CHECK(config.layers == 0 && config.struct_size == sizeof config);

  kandinsky_compute_options compute;
  kandinsky_compute_options_init(&compute);
  compute.device = "cpu";
  compute.precision = KANDINSKY_PRECISION_FP32;
  compute.threads = 2;
  compute.log = count_lines;
  compute.log_user = &log_lines;
  kandinsky_transformer *model, *in_memory;
  OK(kandinsky_transformer_load(NANO "/rudalle_kandinsky.bin", NULL, &compute, &model, &error));
  CHECK(log_lines == 1);
  OK(kandinsky_transformer_get_config(model, &config, &error));
  CHECK(config.hidden > 0 && config.grid > 0 && config.version == 3);
  CHECK(kandinsky_transformer_parameter_count(model) > 11000000);
  CHECK(strcmp(kandinsky_transformer_device(model), "cpu") == 0);
  CHECK(kandinsky_transformer_precision(model) == KANDINSKY_PRECISION_FP32);
  size_t size;
  void *bytes = read_file(NANO "/rudalle_kandinsky.bin", &size);
  OK(kandinsky_transformer_load_memory(bytes, size, "nano", &config, NULL, &in_memory, &error));

  kandinsky_tokenizer *tokenizer_;
  OK(kandinsky_tokenizer_load(NANO "/tokenizer/bpe.model", &tokenizer_, &error));
  int32_t *text = malloc((size_t)config.text_length * sizeof *text);
  OK(kandinsky_tokenizer_encode_for_transformer(tokenizer_, "солнце", text, (size_t)config.text_length, &error));
  kandinsky_tokenizer_release(tokenizer_);

  const size_t length = (size_t)config.grid * (size_t)config.grid;
  int32_t *forced = malloc(length * sizeof *forced);
  for (size_t i = 0; i < length; ++i) forced[i] = i < 10 ? (int32_t)i : -1;
  int steps[4] = {0};
  kandinsky_draw_options options;
  kandinsky_draw_options_init(&options);
  options.images = 2;
  options.first_number = 5;
  options.seed = 7;
  options.forced = forced;
  options.forced_count = length;
  options.progress = count_steps;
  options.progress_user = steps;
  size_t previewed[2] = {0};
  options.preview = grows;
  options.preview_user = previewed;
  options.preview_every = 100;
  kandinsky_drawn *drawn, *other;
  OK(kandinsky_transformer_draw(model, text, (size_t)config.text_length, &options, &drawn, &error));
  CHECK(steps[KANDINSKY_STAGE_DRAWING] >= (int)length - 10 && steps[KANDINSKY_STAGE_ENLARGING] == 0);
  CHECK(previewed[0] == 200 && previewed[1] == 200);
  CHECK(kandinsky_drawn_count(drawn) == 2 && kandinsky_drawn_number(drawn, 1) == 6);
  size_t count;
  const int32_t *tokens = kandinsky_drawn_tokens(drawn, 1, &count);
  CHECK(count == length && memcmp(tokens, forced, 10 * sizeof *tokens) == 0);
  CHECK(kandinsky_drawn_ppl(drawn, 0) >= 1);
  /* The same image on its own, from the model in memory. */
  options.images = 1;
  options.first_number = 6;
  options.preview = NULL;
  OK(kandinsky_transformer_draw(in_memory, text, (size_t)config.text_length, &options, &other, &error));
  CHECK(memcmp(tokens, kandinsky_drawn_tokens(other, 0, NULL), length * sizeof *tokens) == 0);
  CHECK(kandinsky_drawn_ppl(other, 0) == kandinsky_drawn_ppl(drawn, 1));

  OK(kandinsky_transformer_logits(model, text, (size_t)config.text_length, tokens, 3, NULL, 0, &count, &error));
  CHECK(count == (size_t)(config.text_length + 3) * (size_t)(config.text_vocab + config.image_vocab));
  float *logits = malloc(count * sizeof *logits);
  size_t written;
  OK(kandinsky_transformer_logits(model, text, (size_t)config.text_length, tokens, 3, logits, count, &written, &error));
  CHECK(written == count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += fabsf(logits[i]);
  CHECK(isfinite(sum) && sum > 0);
  kandinsky_loss_values losses;
  OK(kandinsky_transformer_losses(model, text, tokens, 1, &losses, &error));
  CHECK(losses.text > 0 && losses.image > 0 && fabs(losses.total - (losses.text + 7 * losses.image) / 8) < 1e-6);

  double ppl = 0;
  OK(kandinsky_transformer_ppl(model, text, (size_t)config.text_length, tokens, length, &ppl, &error));
  CHECK(fabs(ppl - kandinsky_drawn_ppl(drawn, 1)) < 1e-3 * ppl);

  free(logits);
  free(forced);
  free(text);
  kandinsky_transformer_release(model);
  kandinsky_transformer_release(in_memory);
  free(bytes);
  kandinsky_drawn_release(drawn);
  kandinsky_drawn_release(other);
}

static void vqgan(void) {
  kandinsky_vqgan *model, *in_memory;
  OK(kandinsky_vqgan_load(NANO "/vae/vqgan.gumbelf8.model.ckpt", NULL, &model, &error));
  size_t size, config_size;
  void *bytes = read_file(NANO "/vae/vqgan.gumbelf8.model.ckpt", &size);
  char *config = read_file(NANO "/vae/config.json", &config_size);
  OK(kandinsky_vqgan_load_memory(bytes, size, NULL, config, NULL, &in_memory, &error));
  free(config);
  CHECK(kandinsky_vqgan_parameter_count(model) > 100000);
  CHECK(kandinsky_vqgan_downsampling(model) == 8 && kandinsky_vqgan_codebook_size(model) > 100);
  int32_t tokens[2 * 2 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  kandinsky_images *pictures, *others;
  OK(kandinsky_vqgan_decode(model, tokens, 2, 2, 3, &pictures, &error));
  OK(kandinsky_vqgan_decode(in_memory, tokens, 2, 2, 3, &others, &error));
  CHECK(kandinsky_images_count(pictures) == 2 && kandinsky_images_get(pictures, 2) == NULL);
  const kandinsky_image *picture = kandinsky_images_get(pictures, 1);
  CHECK(kandinsky_image_width(picture) == 24 && kandinsky_image_height(picture) == 16);
  CHECK(memcmp(kandinsky_image_pixels(picture), kandinsky_image_pixels(kandinsky_images_get(others, 1)), 24 * 16 * 3) ==
        0);
  size_t count;
  OK(kandinsky_vqgan_encode(model, picture, NULL, 0, &count, &error));
  CHECK(count == 6);
  int32_t encoded[6];
  OK(kandinsky_vqgan_encode(model, picture, encoded, 6, &count, &error));
  for (int i = 0; i < 6; ++i) CHECK(encoded[i] >= 0 && encoded[i] < kandinsky_vqgan_codebook_size(model));
  kandinsky_vqgan_release(model);
  kandinsky_vqgan_release(in_memory);
  free(bytes);
  kandinsky_images_release(pictures);
  kandinsky_images_release(others);
}

static void ruclip(void) {
  kandinsky_ruclip *model, *in_memory;
  OK(kandinsky_ruclip_load(NANO "/ruclip", NULL, &model, &error));
  size_t size, config_size;
  void *bytes = read_file(NANO "/ruclip/pytorch_model.bin", &size);
  char *config = read_file(NANO "/ruclip/config.json", &config_size);
  kandinsky_tokenizer *tokenizer_;
  OK(kandinsky_tokenizer_load(NANO "/ruclip/bpe.model", &tokenizer_, &error));
  OK(kandinsky_ruclip_load_memory(bytes, size, "nano", config, tokenizer_, NULL, &in_memory, &error));
  kandinsky_tokenizer_release(tokenizer_);
  free(config);
  uint8_t red[20 * 20 * 3], blue[20 * 20 * 3];
  for (int i = 0; i < 1200; ++i) red[i] = i % 3 == 0 ? 255 : 0, blue[i] = i % 3 == 2 ? 255 : 0;
  kandinsky_image *pictures[2];
  OK(kandinsky_image_new(20, 20, 0, red, &pictures[0], &error));
  OK(kandinsky_image_new(20, 20, 0, blue, &pictures[1], &error));
  const kandinsky_image *const list[2] = {pictures[0], pictures[1]};
  const char *texts[3] = {"красный круг", "синий круг", "кот"};
  float scores[6], same[6];
  OK(kandinsky_ruclip_scores(model, texts, 3, list, 2, scores, &error));
  OK(kandinsky_ruclip_scores(in_memory, texts, 3, list, 2, same, &error));
  for (int i = 0; i < 6; ++i) CHECK(scores[i] == same[i] && scores[i] >= -1 && scores[i] <= 1);
  const size_t width = (size_t)kandinsky_ruclip_width(model);
  size_t count;
  OK(kandinsky_ruclip_text_latents(model, texts, 3, NULL, 0, NULL, 0, &count, &error));
  CHECK(count == 3 * width);
  float *text_rows = malloc(count * sizeof *text_rows), *image_rows = malloc(2 * width * sizeof *image_rows);
  const char *plain[1] = {"{}"};
  OK(kandinsky_ruclip_text_latents(model, texts, 3, plain, 1, text_rows, count, &count, &error));
  OK(kandinsky_ruclip_image_latents(model, list, 2, image_rows, 2 * width, &count, &error));
  CHECK(count == 2 * width);
  kandinsky_ranked ranked[2];
  OK(kandinsky_ruclip_rank(model, texts[1], list, 2, 1, NULL, 0, &count, &error));
  CHECK(count == 1);
  OK(kandinsky_ruclip_rank(model, texts[1], list, 2, 9, ranked, 2, &count, &error));
  CHECK(count == 2 && ranked[0].score >= ranked[1].score && ranked[0].index + ranked[1].index == 1);
  CHECK(fabsf(ranked[0].score - scores[2 + ranked[0].index]) < 1e-5f);
  OK(kandinsky_ruclip_rank(model, texts[1], list, 0, 9, ranked, 2, &count, &error));
  CHECK(count == 0);
  CHECK(kandinsky_ruclip_parameter_count(model) > 100000 && kandinsky_ruclip_resolution(model) > 0);
  kandinsky_tokenizer *own;
  int32_t padded[512];
  OK(kandinsky_ruclip_tokenizer(model, &own, &error));
  OK(kandinsky_tokenizer_encode_for_ruclip(own, texts[0], padded, (size_t)kandinsky_ruclip_context_length(model),
                                           &error));
  CHECK(padded[0] == 2);
  kandinsky_tokenizer_release(own);
  double norm = 0;
  for (size_t i = 0; i < width; ++i) norm += (double)image_rows[i] * image_rows[i];
  CHECK(fabs(norm - 1) < 1e-4);
  free(text_rows);
  free(image_rows);
  kandinsky_image_release(pictures[0]);
  kandinsky_image_release(pictures[1]);
  kandinsky_ruclip_release(model);
  kandinsky_ruclip_release(in_memory);
  free(bytes);
}

static void real_esrgan(void) {
  kandinsky_real_esrgan *model, *in_memory;
  size_t size;
  void *bytes = read_file(NANO "/x4/RealESRGAN_x4.pth", &size);
  OK(kandinsky_real_esrgan_load(NANO "/x4/RealESRGAN_x4.pth", NULL, &model, &error));
  OK(kandinsky_real_esrgan_load_memory(bytes, size, "nano", NULL, &in_memory, &error));
  CHECK(kandinsky_real_esrgan_scale(model) == 4 && kandinsky_real_esrgan_parameter_count(model) > 1000000);
  uint8_t pixels[16 * 8 * 3];
  for (size_t i = 0; i < sizeof pixels; ++i) pixels[i] = (uint8_t)(i * 7);
  kandinsky_image *image, *large, *same;
  OK(kandinsky_image_new(16, 8, 0, pixels, &image, &error));
  int steps[4] = {0};
  kandinsky_upscale_options options;
  kandinsky_upscale_options_init(&options);
  options.progress = count_steps;
  options.progress_user = steps;
  OK(kandinsky_real_esrgan_upscale(model, image, &options, &large, &error));
  OK(kandinsky_real_esrgan_upscale(in_memory, image, NULL, &same, &error));
  CHECK(kandinsky_image_width(large) == 64 && kandinsky_image_height(large) == 32);
  CHECK(memcmp(kandinsky_image_pixels(large), kandinsky_image_pixels(same), 64 * 32 * 3) == 0);
  CHECK(steps[KANDINSKY_STAGE_ENLARGING] > 0);
  kandinsky_image_release(image);
  kandinsky_image_release(large);
  kandinsky_image_release(same);
  kandinsky_real_esrgan_release(model);
  kandinsky_real_esrgan_release(in_memory);
  free(bytes);
}

static int32_t count_previews(void *user, int32_t number, int32_t tokens, const kandinsky_image *image) {
  CHECK(number >= 0 && number < 3 && tokens > 0 && kandinsky_image_width(image) == 128);
  ++*(int *)user;
  return 0;
}

struct handed_over {
  size_t count;
  int32_t numbers[4];
};
static int32_t take(void *user, const kandinsky_pictures *picture) {
  struct handed_over *to = user;
  CHECK(kandinsky_pictures_count(picture) == 1 && kandinsky_image_width(kandinsky_pictures_image(picture, 0)) == 128);
  to->numbers[to->count++] = kandinsky_pictures_number(picture, 0);
  return 0;
}

/* What was built when the option structs were shorter keeps working, with the functions of their names. */
static void first_versions(const kandinsky_pipeline *model, const kandinsky_transformer *part) {
  union {
    kandinsky_generate_options options;
    unsigned char bytes[sizeof(kandinsky_generate_options) + 8];
  } generate;
  const size_t first = offsetof(kandinsky_generate_options, picture);
  memset(&generate, 0xab, sizeof generate);
  (kandinsky_generate_options_init)(&generate.options);
  CHECK(generate.options.struct_size == first && generate.options.images == 8);
  for (size_t i = first; i < sizeof generate; ++i) CHECK(generate.bytes[i] == 0xab);
  generate.options.images = 1;
  generate.options.super_resolution = 0;
  kandinsky_pictures *pictures;
  OK(kandinsky_pipeline_generate(model, "кот", &generate.options, &pictures, &error));
  kandinsky_pictures_release(pictures);
  union {
    kandinsky_draw_options options;
    unsigned char bytes[sizeof(kandinsky_draw_options) + 8];
  } draw;
  const size_t first_draw = offsetof(kandinsky_draw_options, preview);
  memset(&draw, 0xab, sizeof draw);
  (kandinsky_draw_options_init)(&draw.options);
  CHECK(draw.options.struct_size == first_draw && draw.options.images == 1);
  for (size_t i = first_draw; i < sizeof draw; ++i) CHECK(draw.bytes[i] == 0xab);
  kandinsky_transformer_config config;
  OK(kandinsky_transformer_config_init(&config, NULL, &error));
  OK(kandinsky_transformer_get_config(part, &config, &error));
  int32_t text[512] = {2, 3};
  kandinsky_drawn *drawn;
  OK(kandinsky_transformer_draw(part, text, (size_t)config.text_length, &draw.options, &drawn, &error));
  kandinsky_drawn_release(drawn);
  /* A program that is newer than the library gets zeros where the library knows nothing, and a clear refusal. */
  memset(&generate, 0xab, sizeof generate);
  kandinsky_generate_options_init_sized(&generate.options, sizeof generate);
  CHECK(generate.options.images == 8 && generate.bytes[sizeof generate - 1] == 0);
  FAILS(kandinsky_pipeline_generate(model, "кот", &generate.options, &pictures, &error), KANDINSKY_INVALID_ARGUMENT,
        "kandinsky_generate_options.struct_size");
}

static void checkpoint(void) {
  kandinsky_checkpoint *file, *in_memory;
  size_t size, dimensions, other;
  void *bytes = read_file(NANO "/rudalle_kandinsky.bin", &size);
  OK(kandinsky_checkpoint_open(NANO "/rudalle_kandinsky.bin", &file, &error));
  OK(kandinsky_checkpoint_open_memory(bytes, size, NULL, &in_memory, &error));
  CHECK(strncmp(kandinsky_checkpoint_format(file), "torch", 5) == 0);
  CHECK(kandinsky_checkpoint_count(file) > 100 &&
        kandinsky_checkpoint_count(file) == kandinsky_checkpoint_count(in_memory));
  for (size_t i = 0; i < kandinsky_checkpoint_count(file); ++i) {
    CHECK(strcmp(kandinsky_checkpoint_name(file, i), kandinsky_checkpoint_name(in_memory, i)) == 0);
    const int64_t *shape = kandinsky_checkpoint_shape(file, i, &dimensions);
    CHECK(kandinsky_checkpoint_shape(in_memory, i, &other) != NULL && dimensions == other);
    uint64_t elements = 1;
    for (size_t d = 0; d < dimensions; ++d) elements *= (uint64_t)shape[d];
    if (strcmp(kandinsky_checkpoint_dtype(file, i), "float16") != 0) continue;
    kandinsky_buffer *values;
    OK(kandinsky_checkpoint_read(file, i, &values, &error));
    CHECK(kandinsky_buffer_size(values) == 2 * elements && kandinsky_buffer_data(values) != NULL);
    kandinsky_buffer_release(values);
  }
  const size_t none = kandinsky_checkpoint_count(file);
  CHECK(!kandinsky_checkpoint_name(file, none) && !kandinsky_checkpoint_dtype(file, none) &&
        !kandinsky_checkpoint_shape(file, none, &dimensions) && dimensions == 0);
  kandinsky_checkpoint_release(file);
  kandinsky_checkpoint_release(in_memory);
  free(bytes);
}

static void pipeline(void) {
  kandinsky_memory_estimate estimate;
  kandinsky_memory_estimate_init(&estimate);
  OK(kandinsky_pipeline_estimate(NANO, NULL, 8, &estimate, &error));
  CHECK(estimate.transformer_parameters > 11000000 && estimate.vqgan_parameters > 0 && estimate.ruclip_parameters > 0 &&
        estimate.real_esrgan_parameters > 0);
  CHECK(estimate.total_bytes >= estimate.weight_bytes && estimate.cache_bytes > 0);

  kandinsky_pipeline_options options;
  kandinsky_pipeline_options_init(&options);
  options.compute.device = "cpu";
  kandinsky_pipeline *model;
  OK(kandinsky_pipeline_load(NANO, &options, &model, &error));
  int steps[4] = {0}, previews = 0;
  kandinsky_generate_options generate;
  kandinsky_generate_options_init(&generate);
  CHECK(generate.images == 8 && generate.pick == 4 && generate.top_k == -1);
  generate.images = 3;
  generate.pick = 2;
  generate.seed = 11;
  generate.super_resolution = 0;
  generate.progress = count_steps;
  generate.progress_user = steps;
  generate.preview = count_previews;
  generate.preview_user = &previews;
  generate.preview_every = 64;
  struct handed_over handed_over = {0};
  generate.picture = take;
  generate.picture_user = &handed_over;
  kandinsky_pictures *pictures;
  OK(kandinsky_pipeline_generate(model, "красное сердце", &generate, &pictures, &error));
  CHECK(steps[KANDINSKY_STAGE_DRAWING] > 100 && steps[KANDINSKY_STAGE_DECODING] && steps[KANDINSKY_STAGE_RANKING]);
  CHECK(previews >= 3);
  CHECK(handed_over.count == 2 && handed_over.numbers[0] == kandinsky_pictures_number(pictures, 0) &&
        handed_over.numbers[1] == kandinsky_pictures_number(pictures, 1));
  CHECK(kandinsky_pictures_count(pictures) == 2);
  CHECK(kandinsky_pictures_has_clip_score(pictures, 0) &&
        kandinsky_pictures_clip_score(pictures, 0) >= kandinsky_pictures_clip_score(pictures, 1));
  CHECK(kandinsky_pictures_seed(pictures, 0) == 11 && kandinsky_pictures_ppl(pictures, 0) >= 1);
  CHECK(kandinsky_image_width(kandinsky_pictures_image(pictures, 0)) == 128);

  /* The parts share the pipeline's weights and outlive it; they give the same pixels. */
  kandinsky_tokenizer *tokenizer_;
  kandinsky_transformer *transformer_;
  kandinsky_vqgan *vqgan_;
  kandinsky_ruclip *ruclip_;
  kandinsky_real_esrgan *real_esrgan_;
  OK(kandinsky_pipeline_tokenizer(model, &tokenizer_, &error));
  OK(kandinsky_pipeline_transformer(model, &transformer_, &error));
  OK(kandinsky_pipeline_vqgan(model, &vqgan_, &error));
  OK(kandinsky_pipeline_ruclip(model, &ruclip_, &error));
  OK(kandinsky_pipeline_real_esrgan(model, &real_esrgan_, &error));
  /* An image prompt keeps the rows it is told to. */
  generate.image_prompt = kandinsky_pictures_image(pictures, 0);
  generate.up = 8;
  generate.images = 1;
  generate.rank = 0;
  generate.picture = NULL;
  kandinsky_pictures *continued;
  OK(kandinsky_pipeline_generate(model, "красное сердце", &generate, &continued, &error));

  kandinsky_generate_options defaults;
  kandinsky_generate_options_init(&defaults);
  defaults.images = 77;
  OK(kandinsky_pipeline_default_options(model, &defaults, &error));
  CHECK(defaults.images == 77 && defaults.top_k >= 0 && defaults.top_p > 0 && defaults.temperature > 0);
  first_versions(model, transformer_);
  kandinsky_pipeline_release(model);

  /* A pipeline of parts draws the same. */
  OK(kandinsky_pipeline_new(tokenizer_, transformer_, vqgan_, ruclip_, NULL, &model, &error));
  kandinsky_real_esrgan *none;
  FAILS(kandinsky_pipeline_real_esrgan(model, &none, &error), KANDINSKY_NOT_FOUND, "real_esrgan");
  generate.image_prompt = NULL;
  generate.up = 0;
  generate.images = 3;
  generate.rank = 1;
  generate.top_k = defaults.top_k;
  generate.top_p = defaults.top_p;
  generate.temperature = defaults.temperature;
  kandinsky_pictures *same;
  OK(kandinsky_pipeline_generate(model, "красное сердце", &generate, &same, &error));
  CHECK(kandinsky_pictures_number(same, 0) == kandinsky_pictures_number(pictures, 0));
  CHECK(memcmp(kandinsky_image_pixels(kandinsky_pictures_image(same, 0)),
               kandinsky_image_pixels(kandinsky_pictures_image(pictures, 0)), 128 * 128 * 3) == 0);
  kandinsky_pictures_release(same);
  kandinsky_pipeline_release(model);
  size_t count, side = 16;
  const int32_t *tokens = kandinsky_pictures_tokens(pictures, 0, &count);
  CHECK(count == side * side);
  kandinsky_images *decoded;
  OK(kandinsky_vqgan_decode(vqgan_, tokens, 1, (int32_t)side, (int32_t)side, &decoded, &error));
  CHECK(memcmp(kandinsky_image_pixels(kandinsky_images_get(decoded, 0)),
               kandinsky_image_pixels(kandinsky_pictures_image(pictures, 0)), 128 * 128 * 3) == 0);
  CHECK(kandinsky_pictures_has_clip_score(continued, 0) == 0 && kandinsky_pictures_number(continued, 0) == 0);
  int32_t kept[256];
  OK(kandinsky_vqgan_encode(vqgan_, kandinsky_pictures_image(pictures, 0), kept, 256, &count, &error));
  CHECK(memcmp(kept, kandinsky_pictures_tokens(continued, 0, NULL), 8 * side * sizeof *kept) == 0);
  CHECK(kandinsky_tokenizer_vocab_size(tokenizer_) > 0 && kandinsky_ruclip_width(ruclip_) > 0 &&
        kandinsky_real_esrgan_scale(real_esrgan_) == 4 && kandinsky_transformer_parameter_count(transformer_) > 0);
  kandinsky_images_release(decoded);
  kandinsky_pictures_release(continued);
  kandinsky_tokenizer_release(tokenizer_);
  kandinsky_transformer_release(transformer_);
  kandinsky_vqgan_release(vqgan_);
  kandinsky_ruclip_release(ruclip_);
  kandinsky_real_esrgan_release(real_esrgan_);
  kandinsky_pictures_release(pictures);
}

int main(void) {
  versions_and_devices();
  images();
  tokenizer();
  transformer();
  vqgan();
  ruclip();
  real_esrgan();
  checkpoint();
  pipeline();
  return RESULT();
}
