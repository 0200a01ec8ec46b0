/* Memory that runs out at every place in turn: a status, no leak of what was half made, and the next try works. The
 * allocator is this program's, which the library's allocations meet too. */
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

/* NOLINTBEGIN(bugprone-reserved-identifier): glibc's names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
/* NOLINTEND(bugprone-reserved-identifier) */

#define EXPORTED __attribute__((visibility("default")))

/* Allocations of at least `least` bytes until one fails; negative: none does. */
static atomic_long until = -1;
static size_t least;

static int fails(size_t size) {
  if (size < least || atomic_load(&until) < 0) return 0;
  if (atomic_fetch_sub(&until, 1) != 0) return 0;
  errno = ENOMEM;
  return 1;
}

EXPORTED void *malloc(size_t size) { return fails(size) ? NULL : __libc_malloc(size); }
EXPORTED void *calloc(size_t count, size_t size) { return fails(count * size) ? NULL : __libc_calloc(count, size); }
EXPORTED void *realloc(void *old, size_t size) { return fails(size) ? NULL : __libc_realloc(old, size); }
EXPORTED void *aligned_alloc(size_t alignment, size_t size) {
  return fails(size) ? NULL : __libc_memalign(alignment, size);
}
EXPORTED void *memalign(size_t alignment, size_t size) { return fails(size) ? NULL : __libc_memalign(alignment, size); }
EXPORTED int posix_memalign(void **made, size_t alignment, size_t size) {
  void *memory = fails(size) ? NULL : __libc_memalign(alignment, size);
  if (memory) *made = memory;
  return memory ? 0 : ENOMEM;
}

static kandinsky_error error;
static kandinsky_tokenizer *tokenizer;
static kandinsky_pipeline *pipeline;
static kandinsky_vqgan *vqgan;
static kandinsky_buffer *png, *jpeg;
static void *model;
static size_t model_size;

static kandinsky_status load_tokenizer(void) {
  kandinsky_tokenizer *made;
  const kandinsky_status status =
      kandinsky_tokenizer_load_memory(model, model_size, "a name long enough to be allocated", &made, &error);
  CHECK((status == KANDINSKY_OK) == (made != NULL));
  kandinsky_tokenizer_release(made);
  return status;
}
static kandinsky_status encode_text(void) {
  int32_t ids[64];
  size_t count;
  return kandinsky_tokenizer_encode(tokenizer, "большое красное сердце на синем фоне", ids, 64, &count, &error);
}
static kandinsky_status encode_texts(void) {
  const char *texts[3] = {"большое красное сердце на синем фоне", "жёлтое солнце над морем", "кот"};
  kandinsky_token_lists *made;
  const kandinsky_status status = kandinsky_tokenizer_encode_batch(tokenizer, texts, 3, 1, &made, &error);
  CHECK((status == KANDINSKY_OK) == (made != NULL));
  kandinsky_token_lists_release(made);
  return status;
}
static kandinsky_status decode_picture(const kandinsky_buffer *file) {
  kandinsky_image *made;
  const kandinsky_status status =
      kandinsky_image_decode(kandinsky_buffer_data(file), kandinsky_buffer_size(file), &made, &error);
  CHECK((status == KANDINSKY_OK) == (made != NULL));
  kandinsky_image_release(made);
  return status;
}
static kandinsky_status decode_png(void) { return decode_picture(png); }
static kandinsky_status decode_jpeg(void) { return decode_picture(jpeg); }
static kandinsky_status encode_picture(int32_t format, kandinsky_buffer **made) {
  static uint8_t pixels[40 * 30 * 3];
  for (size_t i = 0; i < sizeof pixels; ++i) pixels[i] = (uint8_t)(i * i);
  kandinsky_image *image;
  kandinsky_status status = kandinsky_image_new(40, 30, 0, pixels, &image, &error);
  CHECK((status == KANDINSKY_OK) == (image != NULL));
  *made = NULL;
  if (status == KANDINSKY_OK) status = kandinsky_image_encode(image, format, 90, made, &error);
  CHECK((status == KANDINSKY_OK) == (*made != NULL));
  kandinsky_image_release(image);
  return status;
}
static kandinsky_status encode_png(void) {
  kandinsky_buffer *made;
  const kandinsky_status status = encode_picture(KANDINSKY_FORMAT_PNG, &made);
  kandinsky_buffer_release(made);
  return status;
}
static kandinsky_status encode_jpeg(void) {
  kandinsky_buffer *made;
  const kandinsky_status status = encode_picture(KANDINSKY_FORMAT_JPEG, &made);
  kandinsky_buffer_release(made);
  return status;
}
static kandinsky_status open_checkpoint(void) {
  kandinsky_checkpoint *made;
  const kandinsky_status status = kandinsky_checkpoint_open(NANO "/x4/RealESRGAN_x4.pth", &made, &error);
  CHECK((status == KANDINSKY_OK) == (made != NULL));
  kandinsky_checkpoint_release(made);
  return status;
}
static kandinsky_status list_devices(void) {
  kandinsky_devices *made;
  const kandinsky_status status = kandinsky_devices_list(&made, &error);
  CHECK((status == KANDINSKY_OK) == (made != NULL));
  kandinsky_devices_release(made);
  return status;
}
static kandinsky_status decode_tokens(void) {
  int32_t tokens[64] = {0};
  kandinsky_images *made;
  const kandinsky_status status = kandinsky_vqgan_decode(vqgan, tokens, 1, 8, 8, &made, &error);
  CHECK((status == KANDINSKY_OK) == (made != NULL));
  kandinsky_images_release(made);
  return status;
}
static kandinsky_status generate(void) {
  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  options.images = 1;
  options.super_resolution = 0;
  kandinsky_pictures *made;
  const kandinsky_status status = kandinsky_pipeline_generate(pipeline, "кот", &options, &made, &error);
  CHECK((status == KANDINSKY_OK) == (made != NULL));
  kandinsky_pictures_release(made);
  return status;
}

/* Fails the first allocation of `size` bytes or more, then the one `step` further ..., until the call needs no more. */
static void exhaust(const char *name, kandinsky_status (*call)(void), size_t size, long step, int most) {
  if (call() != KANDINSKY_OK) {
    fprintf(stderr, "%s: %s\n", name, error.message);
    exit(1);
  }
  least = size;
  int calls = 0, refused = 0;
  for (long place = 0; calls < most; place += step) {
    atomic_store(&until, place);
    const kandinsky_status status = call();
    if (atomic_exchange(&until, -1) >= 0) break; /* it ended before that many */
    ++calls;
    if (status == KANDINSKY_OK) continue; /* it could do without */
    ++refused;
    if (status != KANDINSKY_OUT_OF_MEMORY || error.message[0] == 0)
      fprintf(stderr, "%s, allocation %ld: status %d, %s\n", name, place, (int)status, error.message);
    CHECK(status == KANDINSKY_OUT_OF_MEMORY && error.code == status && error.message[0] != 0);
  }
  printf("%s: failed %d allocations, %d of which refused the call\n", name, calls, refused);
  CHECK(refused > 0);
  CHECK(call() == KANDINSKY_OK);
}

int main(void) {
  OK(kandinsky_tokenizer_load(NANO "/tokenizer/bpe.model", &tokenizer, &error));
  OK(kandinsky_pipeline_load(NANO, NULL, &pipeline, &error));
  OK(kandinsky_pipeline_vqgan(pipeline, &vqgan, &error));
  OK(encode_picture(KANDINSKY_FORMAT_PNG, &png));
  OK(encode_picture(KANDINSKY_FORMAT_JPEG, &jpeg));
  model = read_file(NANO "/tokenizer/bpe.model", &model_size);
  exhaust("load a tokenizer", load_tokenizer, 0, 13, 200);
  exhaust("encode a text", encode_text, 0, 1, 1000);
  exhaust("encode texts", encode_texts, 0, 1, 1000);
  exhaust("decode a PNG", decode_png, 0, 1, 1000);
  exhaust("decode a JPEG", decode_jpeg, 0, 1, 1000);
  exhaust("encode a PNG", encode_png, 0, 1, 1000);
  exhaust("encode a JPEG", encode_jpeg, 0, 1, 1000);
  exhaust("open a checkpoint", open_checkpoint, 0, 7, 200);
  exhaust("list devices", list_devices, 0, 1, 1000);
  /* LibTorch cannot do without the small ones. */
  exhaust("decode tokens", decode_tokens, 1 << 16, 1, 30);
  exhaust("generate", generate, 1 << 16, 17, 10);
  free(model);
  kandinsky_buffer_release(png);
  kandinsky_buffer_release(jpeg);
  kandinsky_vqgan_release(vqgan);
  kandinsky_tokenizer_release(tokenizer);
  kandinsky_pipeline_release(pipeline);
  return RESULT();
}
