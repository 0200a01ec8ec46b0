/* clang-format off */
/*
 * libkandinsky's C interface: ruDALL-E Kandinsky and its family turn Russian prompts into pictures.
 *
 * Handles are opaque. A model (tokenizer, transformer, vqgan, ruclip, real_esrgan, pipeline) never changes once it is
 * loaded: any number of threads may use one at once, each with options, results, and callbacks of its own. A call runs
 * on the calling thread, plus worker threads that end or sleep with it. Other handles (images, pictures, lists) belong
 * to one thread at a time; looking at them from several at once is fine. A cancel handle may be triggered from any
 * thread and from a signal handler.
 *
 * Ownership: what a function returns through a `**` parameter is the caller's, to be given to the `_release` function of
 * its kind, in any order; a result does not need the model it came from. Pointers that a getter returns belong to the
 * handle and live as long as it does. Inputs are copied, but for the bytes given to a `_load_memory` function (see
 * there). Every `_release` takes NULL.
 *
 * Errors: functions that can fail return KANDINSKY_OK or a status, leave their outputs NULL or untouched then, and fill
 * `error` unless it is NULL. A NULL where a handle, a string or an output is needed is KANDINSKY_INVALID_ARGUMENT.
 * Getters of handles return 0 or NULL for a NULL handle or an index out of range. No function ends the process, prints,
 * lets a C++ exception out, or changes signal handlers, the locale, or random number generators of the process.
 *
 * Text is UTF-8 and ends with a zero byte. Paths are in the system's encoding.
 *
 * Option structs: call the struct's _init function, then set fields. It writes `struct_size`, by which a library that
 * is newer than the header knows which fields there are; a size that no version had is KANDINSKY_INVALID_ARGUMENT. NULL
 * for options means all defaults. Fields are only ever added, at the end. Where a struct has grown, the function of its
 * first version still writes that version, and a macro of the same name calls one that knows the size: C and C++ get
 * all fields, and programs that were built, or declare the struct, with the first ones keep working. Structs without
 * struct_size (kandinsky_error, kandinsky_loss_values, kandinsky_ranked) and kandinsky_compute_options, which others
 * hold, stay as they are; what a callback is shown through a pointer may grow.
 */
#ifndef KANDINSKY_H
#define KANDINSKY_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(_WIN32)
#define KANDINSKY_C_API __attribute__((visibility("default")))
#else
#define KANDINSKY_C_API
#endif

/* The version that a program is compiled with; kandinsky_version() is the one that runs. */
#define KANDINSKY_C_VERSION_MAJOR 0
#define KANDINSKY_C_VERSION_MINOR 1
#define KANDINSKY_C_VERSION_PATCH 0
/* Changes with every incompatible change of this header; equals the major number of the library's SONAME. */
#define KANDINSKY_C_ABI_VERSION 0

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status and errors ------------------------------------------------------------------------------------------ */

typedef int32_t kandinsky_status;
enum {
  KANDINSKY_OK = 0,
  KANDINSKY_INVALID_ARGUMENT = 1, /* a value is out of range or does not fit the model */
  KANDINSKY_NOT_FOUND = 2,        /* a file, directory, tensor or device does not exist */
  KANDINSKY_BAD_FILE = 3,         /* a file is damaged, hostile or of another kind than expected */
  KANDINSKY_UNSUPPORTED = 4,      /* well-formed, but something this build or device cannot do */
  KANDINSKY_OUT_OF_MEMORY = 5,    /* of the host or of a device */
  KANDINSKY_CANCELLED = 6,        /* by a callback or a cancel handle */
  KANDINSKY_IO = 7,               /* the system refused to read or write */
  KANDINSKY_INTERNAL = 8          /* a bug of this library: please report it */
};

/* What went wrong. Owned by the caller; needs no initialisation. Every call with an error parameter writes it whole:
 * after a success, code is KANDINSKY_OK and the texts are empty. Texts too long are cut between characters. */
typedef struct kandinsky_error {
  kandinsky_status code;
  char message[1020]; /* one line, holds the subject too */
  char subject[512];  /* the file, option, field or tensor that it is about; may be empty */
} kandinsky_error;

/* A constant like "invalid argument"; "unknown status" for other numbers. */
KANDINSKY_C_API const char *kandinsky_status_name(kandinsky_status status);

/* ---- Versions and devices --------------------------------------------------------------------------------------- */

/* "0.1.0" */
KANDINSKY_C_API const char *kandinsky_version(void);
/* KANDINSKY_C_ABI_VERSION of the library that runs. */
KANDINSKY_C_API int32_t kandinsky_abi_version(void);
/* The LibTorch that the library was built with, e.g. "2.11.0". */
KANDINSKY_C_API const char *kandinsky_torch_version(void);

typedef struct kandinsky_devices kandinsky_devices;
/* Lists the CPU, then every usable CUDA device. */
KANDINSKY_C_API kandinsky_status kandinsky_devices_list(kandinsky_devices **devices, kandinsky_error *error);
KANDINSKY_C_API size_t kandinsky_devices_count(const kandinsky_devices *devices);
/* "cpu", "cuda:0" ...: what `device` options take. */
KANDINSKY_C_API const char *kandinsky_devices_name(const kandinsky_devices *devices, size_t index);
KANDINSKY_C_API const char *kandinsky_devices_description(const kandinsky_devices *devices, size_t index);
/* In bytes. */
KANDINSKY_C_API uint64_t kandinsky_devices_memory_total(const kandinsky_devices *devices, size_t index);
KANDINSKY_C_API uint64_t kandinsky_devices_memory_free(const kandinsky_devices *devices, size_t index);
KANDINSKY_C_API void kandinsky_devices_release(kandinsky_devices *devices);

/* ---- Progress, cancel, log -------------------------------------------------------------------------------------- */

enum { KANDINSKY_STAGE_DRAWING = 0, KANDINSKY_STAGE_DECODING = 1, KANDINSKY_STAGE_RANKING = 2, KANDINSKY_STAGE_ENLARGING = 3 };

typedef struct kandinsky_progress {
  int32_t stage;  /* KANDINSKY_STAGE_... */
  int32_t step;   /* done: image tokens while drawing, pictures in the other stages; 0..steps */
  int32_t steps;
  int32_t images; /* in work at this step */
  int32_t number; /* which of the drawn images: the one being enlarged; the first of those in work in other stages */
} kandinsky_progress;

/* Called on the thread that called the library, after every token and every picture. `progress` lives during the call
 * alone. Nonzero cancels: the call that works returns KANDINSKY_CANCELLED. Must not release what is in use. */
typedef int32_t (*kandinsky_progress_callback)(void *user, const kandinsky_progress *progress);

/* Stops calls that were given it, within a token or a tile, once and for all: later calls with it return
 * KANDINSKY_CANCELLED too. Must outlive the calls that use it. */
typedef struct kandinsky_cancel kandinsky_cancel;
KANDINSKY_C_API kandinsky_status kandinsky_cancel_new(kandinsky_cancel **cancel, kandinsky_error *error);
/* From any thread, or from a signal handler. NULL does nothing. */
KANDINSKY_C_API void kandinsky_cancel_trigger(kandinsky_cancel *cancel);
KANDINSKY_C_API int32_t kandinsky_cancel_triggered(const kandinsky_cancel *cancel);
KANDINSKY_C_API void kandinsky_cancel_release(kandinsky_cancel *cancel);

enum { KANDINSKY_LOG_DEBUG = 0, KANDINSKY_LOG_INFO = 1, KANDINSKY_LOG_WARNING = 2 };
/* One line without a line end, on the thread that called the library; `message` lives during the call alone. */
typedef void (*kandinsky_log_callback)(void *user, int32_t level, const char *message);

/* ---- How a model computes --------------------------------------------------------------------------------------- */

enum { KANDINSKY_PRECISION_AUTO = 0, KANDINSKY_PRECISION_FP32 = 1, KANDINSKY_PRECISION_BF16 = 2, KANDINSKY_PRECISION_FP16 = 3 };

typedef struct kandinsky_compute_options {
  size_t struct_size;
  const char *device;   /* "auto" (the first CUDA device, else the CPU), "cpu", "cuda", "cuda:N". NULL: "auto" */
  int32_t precision;    /* KANDINSKY_PRECISION_...; auto: fp32 on the CPU, fp16 on a GPU */
  int32_t threads;      /* CPU threads of one call, 0..1024; 0: one a core. Answers do not depend on it */
  kandinsky_log_callback log; /* what is loaded, and how, while it is; NULL: silent */
  void *log_user;
} kandinsky_compute_options;
KANDINSKY_C_API void kandinsky_compute_options_init(kandinsky_compute_options *options);

/* ---- Buffers, images -------------------------------------------------------------------------------------------- */

/* Bytes that the library made. */
typedef struct kandinsky_buffer kandinsky_buffer;
KANDINSKY_C_API const void *kandinsky_buffer_data(const kandinsky_buffer *buffer);
KANDINSKY_C_API size_t kandinsky_buffer_size(const kandinsky_buffer *buffer);
KANDINSKY_C_API void kandinsky_buffer_release(kandinsky_buffer *buffer);

/* An 8-bit RGB picture: rows from the top, pixels from the left, three bytes each. */
typedef struct kandinsky_image kandinsky_image;
/* Copies `height` rows of `width` * 3 bytes, `stride` bytes apart (0: width * 3). Sides: 1..65535. */
KANDINSKY_C_API kandinsky_status kandinsky_image_new(int32_t width, int32_t height, size_t stride, const void *pixels,
                                                     kandinsky_image **image, kandinsky_error *error);
/* A PNG or JPEG file, detected by content. Grey and palettes become RGB, alpha is dropped. */
KANDINSKY_C_API kandinsky_status kandinsky_image_load(const char *path, kandinsky_image **image, kandinsky_error *error);
KANDINSKY_C_API kandinsky_status kandinsky_image_decode(const void *bytes, size_t size, kandinsky_image **image,
                                                        kandinsky_error *error);
KANDINSKY_C_API int32_t kandinsky_image_width(const kandinsky_image *image);
KANDINSKY_C_API int32_t kandinsky_image_height(const kandinsky_image *image);
/* Bytes from one row to the next. */
KANDINSKY_C_API size_t kandinsky_image_stride(const kandinsky_image *image);
KANDINSKY_C_API const uint8_t *kandinsky_image_pixels(const kandinsky_image *image);
/* The format follows the name: .png, .jpg, .jpeg. The file is whole or not there. */
KANDINSKY_C_API kandinsky_status kandinsky_image_save(const kandinsky_image *image, const char *path,
                                                      kandinsky_error *error);
enum { KANDINSKY_FORMAT_PNG = 0, KANDINSKY_FORMAT_JPEG = 1 };
/* The bytes of a PNG or JPEG file. quality: 1..100, matters for JPEG alone. */
KANDINSKY_C_API kandinsky_status kandinsky_image_encode(const kandinsky_image *image, int32_t format, int32_t quality,
                                                        kandinsky_buffer **buffer, kandinsky_error *error);
KANDINSKY_C_API void kandinsky_image_release(kandinsky_image *image);

/* A list of images. */
typedef struct kandinsky_images kandinsky_images;
KANDINSKY_C_API size_t kandinsky_images_count(const kandinsky_images *images);
KANDINSKY_C_API const kandinsky_image *kandinsky_images_get(const kandinsky_images *images, size_t index);
KANDINSKY_C_API void kandinsky_images_release(kandinsky_images *images);

/* ---- Arrays that the caller provides ----------------------------------------------------------------------------
 * Functions with parameters `values, capacity, count` write *count, the number of values there are, and then the values.
 * With a NULL array and capacity 0 they write *count alone; a capacity that is too small is KANDINSKY_INVALID_ARGUMENT,
 * with *count written. */

/* ---- Tokenizer -------------------------------------------------------------------------------------------------- */

/* A YouTokenToMe or SentencePiece model, detected by content. */
typedef struct kandinsky_tokenizer kandinsky_tokenizer;
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_load(const char *path, kandinsky_tokenizer **tokenizer,
                                                          kandinsky_error *error);
/* The bytes are needed during the call alone. `name` stands for the path in messages; NULL: "<memory>". */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_load_memory(const void *bytes, size_t size, const char *name,
                                                                 kandinsky_tokenizer **tokenizer, kandinsky_error *error);
KANDINSKY_C_API int32_t kandinsky_tokenizer_vocab_size(const kandinsky_tokenizer *tokenizer);
/* Ids of the text as it is. */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_encode(const kandinsky_tokenizer *tokenizer, const char *text,
                                                            int32_t *ids, size_t capacity, size_t *count,
                                                            kandinsky_error *error);
/* The transformer's input, `length` ids: lower-cased, stripped, with bos and eos, cut or padded. */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_encode_for_transformer(const kandinsky_tokenizer *tokenizer,
                                                                            const char *text, int32_t *ids,
                                                                            size_t length, kandinsky_error *error);
/* ruCLIP's input, `length` ids (its context_length). */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_encode_for_ruclip(const kandinsky_tokenizer *tokenizer,
                                                                       const char *text, int32_t *ids, size_t length,
                                                                       kandinsky_error *error);
/* kandinsky_tokenizer_encode of every text, in order, on up to `threads` threads (0: one a core; 0..1024). */
typedef struct kandinsky_token_lists kandinsky_token_lists;
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_encode_batch(const kandinsky_tokenizer *tokenizer,
                                                                  const char *const *texts, size_t text_count,
                                                                  int32_t threads, kandinsky_token_lists **lists,
                                                                  kandinsky_error *error);
KANDINSKY_C_API size_t kandinsky_token_lists_count(const kandinsky_token_lists *lists);
/* *count ids; count may be NULL. */
KANDINSKY_C_API const int32_t *kandinsky_token_lists_ids(const kandinsky_token_lists *lists, size_t index,
                                                         size_t *count);
KANDINSKY_C_API void kandinsky_token_lists_release(kandinsky_token_lists *lists);
/* BPE dropout (for training): every candidate merge is skipped with `probability`, 0..1. The same seed gives the same
 * ids. KANDINSKY_UNSUPPORTED for a SentencePiece model. */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_encode_with_dropout(const kandinsky_tokenizer *tokenizer,
                                                                         const char *text, double probability,
                                                                         uint64_t seed, int32_t *ids, size_t capacity,
                                                                         size_t *count, kandinsky_error *error);
/* The text of the ids, without pad, unknown, bos and eos: UTF-8 with a zero byte behind that the size does not count. */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_decode(const kandinsky_tokenizer *tokenizer, const int32_t *ids,
                                                            size_t count, kandinsky_buffer **text,
                                                            kandinsky_error *error);
/* The subword of an id, with U+2581 for a word's start; a buffer as that of kandinsky_tokenizer_decode. */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_id_to_piece(const kandinsky_tokenizer *tokenizer, int32_t id,
                                                                 kandinsky_buffer **piece, kandinsky_error *error);
/* The id of a subword; that of the unknown one if there is no such piece. */
KANDINSKY_C_API kandinsky_status kandinsky_tokenizer_piece_to_id(const kandinsky_tokenizer *tokenizer,
                                                                 const char *piece, int32_t *id,
                                                                 kandinsky_error *error);
KANDINSKY_C_API int32_t kandinsky_tokenizer_pad_id(const kandinsky_tokenizer *tokenizer);
KANDINSKY_C_API int32_t kandinsky_tokenizer_unk_id(const kandinsky_tokenizer *tokenizer);
KANDINSKY_C_API int32_t kandinsky_tokenizer_bos_id(const kandinsky_tokenizer *tokenizer);
KANDINSKY_C_API int32_t kandinsky_tokenizer_eos_id(const kandinsky_tokenizer *tokenizer);
/* "yttm" or "sentencepiece". */
KANDINSKY_C_API const char *kandinsky_tokenizer_kind(const kandinsky_tokenizer *tokenizer);
KANDINSKY_C_API void kandinsky_tokenizer_release(kandinsky_tokenizer *tokenizer);

/* ---- Transformer ------------------------------------------------------------------------------------------------ */

typedef struct kandinsky_transformer_config {
  size_t struct_size;
  int32_t layers;
  int32_t hidden;
  int32_t heads;
  int32_t text_length; /* text tokens */
  int32_t grid;        /* image tokens along one side */
  int32_t text_vocab;  /* padding ids included */
  int32_t image_vocab;
  int32_t version;     /* 2 or 3 */
  int32_t sandwich;    /* layer norms after attention and MLP too: 0 or 1 */
  int32_t relax;       /* precision-bottleneck relaxation: 0 or 1 */
} kandinsky_transformer_config;
/* `preset`: "kandinsky", "malevich", "malevich-v2", "emojich", "surrealist" or "nano"; NULL: zeros. */
KANDINSKY_C_API kandinsky_status kandinsky_transformer_config_init(kandinsky_transformer_config *config,
                                                                   const char *preset, kandinsky_error *error);

typedef struct kandinsky_transformer kandinsky_transformer;
/* A torch.save file (zip or legacy) or safetensors. config: NULL detects. */
KANDINSKY_C_API kandinsky_status kandinsky_transformer_load(const char *path, const kandinsky_transformer_config *config,
                                                            const kandinsky_compute_options *compute,
                                                            kandinsky_transformer **transformer, kandinsky_error *error);
/* The bytes must stay as they are until the model is released. */
KANDINSKY_C_API kandinsky_status kandinsky_transformer_load_memory(const void *bytes, size_t size, const char *name,
                                                                   const kandinsky_transformer_config *config,
                                                                   const kandinsky_compute_options *compute,
                                                                   kandinsky_transformer **transformer,
                                                                   kandinsky_error *error);
/* config->struct_size must be set (by kandinsky_transformer_config_init). */
KANDINSKY_C_API kandinsky_status kandinsky_transformer_get_config(const kandinsky_transformer *transformer,
                                                                  kandinsky_transformer_config *config,
                                                                  kandinsky_error *error);
KANDINSKY_C_API int64_t kandinsky_transformer_parameter_count(const kandinsky_transformer *transformer);
/* What was chosen: "cpu" or "cuda:N". */
KANDINSKY_C_API const char *kandinsky_transformer_device(const kandinsky_transformer *transformer);
/* KANDINSKY_PRECISION_FP32, _BF16 or _FP16. */
KANDINSKY_C_API int32_t kandinsky_transformer_precision(const kandinsky_transformer *transformer);

/* The ids of an image that are drawn so far, in raster order. Called on the thread that called the library, for every
 * image in work; `tokens` lives during the call alone. Nonzero cancels. */
typedef int32_t (*kandinsky_tokens_callback)(void *user, int32_t number, const int32_t *tokens, size_t count);

typedef struct kandinsky_draw_options {
  size_t struct_size;
  int32_t images;        /* to draw, 1..1048576. Default 1 */
  int32_t first_number;  /* of the first of them, 0..1048576. Default 0 */
  int32_t batch;         /* images in one step, 1..4096; does not change the answers. Default 8 */
  uint64_t seed;         /* Default 0 */
  double temperature;    /* > 0. Default 1 */
  int32_t top_k;         /* keep the k likeliest ids; 0: all. Default 4096 */
  double top_p;          /* then the likeliest until their sum exceeds p: 0 < p <= 1. Default 0.975 */
  int32_t greedy;        /* nonzero: the likeliest id, always. Default 0 */
  const int32_t *forced; /* grid * grid ids, -1 where the model draws; NULL: all drawn */
  size_t forced_count;
  kandinsky_progress_callback progress; /* may be NULL */
  void *progress_user;
  const kandinsky_cancel *cancel; /* may be NULL */
  /* The first version ended here. */
  kandinsky_tokens_callback preview; /* may be NULL */
  void *preview_user;
  int32_t preview_every; /* tokens between previews, >= 1; 0: none. Default 0 */
} kandinsky_draw_options;
KANDINSKY_C_API void kandinsky_draw_options_init(kandinsky_draw_options *options);
/* Writes the first struct_size bytes, and none if that is no version's size. */
KANDINSKY_C_API void kandinsky_draw_options_init_sized(kandinsky_draw_options *options, size_t struct_size);
#define kandinsky_draw_options_init(options) kandinsky_draw_options_init_sized((options), sizeof(kandinsky_draw_options))

/* Image tokens of drawn pictures, in the order of their numbers. */
typedef struct kandinsky_drawn kandinsky_drawn;
/* text: the model's text_length ids, as from kandinsky_tokenizer_encode_for_transformer. An image depends on text,
 * sampling, forced ids, seed and number alone. */
KANDINSKY_C_API kandinsky_status kandinsky_transformer_draw(const kandinsky_transformer *transformer,
                                                            const int32_t *text, size_t text_count,
                                                            const kandinsky_draw_options *options,
                                                            kandinsky_drawn **drawn, kandinsky_error *error);
KANDINSKY_C_API size_t kandinsky_drawn_count(const kandinsky_drawn *drawn);
/* grid * grid ids in raster order; *count may be NULL. */
KANDINSKY_C_API const int32_t *kandinsky_drawn_tokens(const kandinsky_drawn *drawn, size_t index, size_t *count);
KANDINSKY_C_API int32_t kandinsky_drawn_number(const kandinsky_drawn *drawn, size_t index);
/* Mean of exp(cross-entropy) of the ids after the first; lower is better. */
KANDINSKY_C_API double kandinsky_drawn_ppl(const kandinsky_drawn *drawn, size_t index);
KANDINSKY_C_API void kandinsky_drawn_release(kandinsky_drawn *drawn);

/* Teacher-forced logits of text_length text ids and up to grid * grid image ids: rows of text_vocab + image_vocab, one
 * for each id. */
KANDINSKY_C_API kandinsky_status kandinsky_transformer_logits(const kandinsky_transformer *transformer,
                                                              const int32_t *text, size_t text_count,
                                                              const int32_t *image, size_t image_count, float *values,
                                                              size_t capacity, size_t *count, kandinsky_error *error);
/* Mean cross-entropies in nats over `pairs` rows of text_length and of grid * grid ids; total = (text + 7 image) / 8. */
typedef struct kandinsky_loss_values {
  double text;
  double image;
  double total;
} kandinsky_loss_values;
KANDINSKY_C_API kandinsky_status kandinsky_transformer_losses(const kandinsky_transformer *transformer,
                                                              const int32_t *texts, const int32_t *images, size_t pairs,
                                                              kandinsky_loss_values *losses, kandinsky_error *error);
/* The perplexity score of a finished image, by one pass over text_length and grid * grid ids; drawing gives the same
 * number on the way. */
KANDINSKY_C_API kandinsky_status kandinsky_transformer_ppl(const kandinsky_transformer *transformer,
                                                           const int32_t *text, size_t text_count,
                                                           const int32_t *image, size_t image_count, double *ppl,
                                                           kandinsky_error *error);
KANDINSKY_C_API void kandinsky_transformer_release(kandinsky_transformer *transformer);

/* ---- VQGAN ------------------------------------------------------------------------------------------------------ */

typedef struct kandinsky_vqgan kandinsky_vqgan;
/* A Lightning .ckpt of a Gumbel-VQGAN; its config.json is looked for beside it, else the f8 model's sizes. */
KANDINSKY_C_API kandinsky_status kandinsky_vqgan_load(const char *path, const kandinsky_compute_options *compute,
                                                      kandinsky_vqgan **vqgan, kandinsky_error *error);
/* config_json: the text of a config.json, or NULL for the f8 model. The bytes must stay until the model is released. */
KANDINSKY_C_API kandinsky_status kandinsky_vqgan_load_memory(const void *bytes, size_t size, const char *name,
                                                             const char *config_json,
                                                             const kandinsky_compute_options *compute,
                                                             kandinsky_vqgan **vqgan, kandinsky_error *error);
/* Pixels a token, along one side. */
KANDINSKY_C_API int32_t kandinsky_vqgan_downsampling(const kandinsky_vqgan *vqgan);
KANDINSKY_C_API int32_t kandinsky_vqgan_codebook_size(const kandinsky_vqgan *vqgan);
KANDINSKY_C_API int64_t kandinsky_vqgan_parameter_count(const kandinsky_vqgan *vqgan);
/* `count` pictures from count * grid_height * grid_width ids, each 0..codebook_size-1. Sides of the grid: 1..1024. */
KANDINSKY_C_API kandinsky_status kandinsky_vqgan_decode(const kandinsky_vqgan *vqgan, const int32_t *tokens,
                                                        size_t count, int32_t grid_height, int32_t grid_width,
                                                        kandinsky_images **images, kandinsky_error *error);
/* Ids of a picture, raster order. Its sides must be multiples of the pixels a token. */
KANDINSKY_C_API kandinsky_status kandinsky_vqgan_encode(const kandinsky_vqgan *vqgan, const kandinsky_image *image,
                                                        int32_t *tokens, size_t capacity, size_t *count,
                                                        kandinsky_error *error);
KANDINSKY_C_API void kandinsky_vqgan_release(kandinsky_vqgan *vqgan);

/* ---- ruCLIP ----------------------------------------------------------------------------------------------------- */

typedef struct kandinsky_ruclip kandinsky_ruclip;
/* A directory with config.json, pytorch_model.bin or model.safetensors, and bpe.model. */
KANDINSKY_C_API kandinsky_status kandinsky_ruclip_load(const char *directory, const kandinsky_compute_options *compute,
                                                       kandinsky_ruclip **ruclip, kandinsky_error *error);
/* config_json: the text of config.json, needed. The weights' bytes must stay until the model is released; the tokenizer
 * is shared and may be released. */
KANDINSKY_C_API kandinsky_status kandinsky_ruclip_load_memory(const void *bytes, size_t size, const char *name,
                                                              const char *config_json,
                                                              const kandinsky_tokenizer *tokenizer,
                                                              const kandinsky_compute_options *compute,
                                                              kandinsky_ruclip **ruclip, kandinsky_error *error);
/* Floats of a latent. */
KANDINSKY_C_API int32_t kandinsky_ruclip_width(const kandinsky_ruclip *ruclip);
/* Ids of a text: the `length` of kandinsky_tokenizer_encode_for_ruclip. */
KANDINSKY_C_API int32_t kandinsky_ruclip_context_length(const kandinsky_ruclip *ruclip);
/* Pixels along one side of what the network sees. */
KANDINSKY_C_API int32_t kandinsky_ruclip_resolution(const kandinsky_ruclip *ruclip);
KANDINSKY_C_API int64_t kandinsky_ruclip_parameter_count(const kandinsky_ruclip *ruclip);
/* Its tokenizer, as a model of its own. */
KANDINSKY_C_API kandinsky_status kandinsky_ruclip_tokenizer(const kandinsky_ruclip *ruclip,
                                                            kandinsky_tokenizer **tokenizer, kandinsky_error *error);
/* Cosines, text_count rows of image_count. `scores` holds text_count * image_count floats. */
KANDINSKY_C_API kandinsky_status kandinsky_ruclip_scores(const kandinsky_ruclip *ruclip, const char *const *texts,
                                                         size_t text_count, const kandinsky_image *const *images,
                                                         size_t image_count, float *scores, kandinsky_error *error);
/* Normalised latents, rows of kandinsky_ruclip_width() floats. */
KANDINSKY_C_API kandinsky_status kandinsky_ruclip_image_latents(const kandinsky_ruclip *ruclip,
                                                                const kandinsky_image *const *images, size_t image_count,
                                                                float *values, size_t capacity, size_t *count,
                                                                kandinsky_error *error);
/* Each text in every template (strings with one "{}"; NULL and 0: the six default ones), averaged. */
KANDINSKY_C_API kandinsky_status kandinsky_ruclip_text_latents(const kandinsky_ruclip *ruclip, const char *const *texts,
                                                               size_t text_count, const char *const *templates,
                                                               size_t template_count, float *values, size_t capacity,
                                                               size_t *count, kandinsky_error *error);
/* A picture of a ranking. */
typedef struct kandinsky_ranked {
  int32_t index; /* into the images given */
  float score;   /* cosine, -1..1 */
} kandinsky_ranked;
/* The `pick` (>= 1) pictures that fit the text best, best first, or all if there are fewer: *count is the smaller of
 * pick and image_count. Equal scores keep their order. */
KANDINSKY_C_API kandinsky_status kandinsky_ruclip_rank(const kandinsky_ruclip *ruclip, const char *text,
                                                       const kandinsky_image *const *images, size_t image_count,
                                                       int32_t pick, kandinsky_ranked *ranked, size_t capacity,
                                                       size_t *count, kandinsky_error *error);
KANDINSKY_C_API void kandinsky_ruclip_release(kandinsky_ruclip *ruclip);

/* ---- Real-ESRGAN ------------------------------------------------------------------------------------------------ */

typedef struct kandinsky_real_esrgan kandinsky_real_esrgan;
KANDINSKY_C_API kandinsky_status kandinsky_real_esrgan_load(const char *path, const kandinsky_compute_options *compute,
                                                            kandinsky_real_esrgan **real_esrgan, kandinsky_error *error);
/* The bytes must stay until the model is released. */
KANDINSKY_C_API kandinsky_status kandinsky_real_esrgan_load_memory(const void *bytes, size_t size, const char *name,
                                                                   const kandinsky_compute_options *compute,
                                                                   kandinsky_real_esrgan **real_esrgan,
                                                                   kandinsky_error *error);
/* 2, 4 or 8. */
KANDINSKY_C_API int32_t kandinsky_real_esrgan_scale(const kandinsky_real_esrgan *real_esrgan);
KANDINSKY_C_API int64_t kandinsky_real_esrgan_parameter_count(const kandinsky_real_esrgan *real_esrgan);

typedef struct kandinsky_upscale_options {
  size_t struct_size;
  int32_t tile;      /* side of a tile without its padding, in pixels of the input. Default 192 */
  int32_t padding;   /* around every tile, dropped again. Default 24 */
  int32_t mirror;    /* mirrored around the whole picture, dropped again. Default 15 */
  int32_t batch;     /* tiles at a time: memory grows with it. Default 4 */
  int32_t reference; /* nonzero: extend every picture to a multiple of tile, as the reference does. Default 0 */
  kandinsky_progress_callback progress; /* may be NULL */
  void *progress_user;
  const kandinsky_cancel *cancel; /* may be NULL */
} kandinsky_upscale_options;
KANDINSKY_C_API void kandinsky_upscale_options_init(kandinsky_upscale_options *options);
/* The picture, scale times larger. */
KANDINSKY_C_API kandinsky_status kandinsky_real_esrgan_upscale(const kandinsky_real_esrgan *real_esrgan,
                                                               const kandinsky_image *image,
                                                               const kandinsky_upscale_options *options,
                                                               kandinsky_image **large, kandinsky_error *error);
KANDINSKY_C_API void kandinsky_real_esrgan_release(kandinsky_real_esrgan *real_esrgan);

/* ---- Pipeline --------------------------------------------------------------------------------------------------- */

typedef struct kandinsky_pipeline_options {
  size_t struct_size;
  kandinsky_compute_options compute; /* its own struct_size counts */
  int32_t rank;                      /* 0: ruCLIP is not loaded. Default 1 */
  int32_t super_resolution;          /* 0: Real-ESRGAN is not loaded. Default 1 */
  const kandinsky_transformer_config *transformer_config; /* NULL detects */
  /* Files instead of those found in the directory; NULL for each that is to be found there. */
  const char *transformer;
  const char *tokenizer;
  const char *vqgan;
  const char *ruclip; /* a directory */
  const char *real_esrgan;
  const char *generation_config;
} kandinsky_pipeline_options;
KANDINSKY_C_API void kandinsky_pipeline_options_init(kandinsky_pipeline_options *options);

/* What loading would take, in parameters and bytes; what a directory lacks is 0. */
typedef struct kandinsky_memory_estimate {
  size_t struct_size;
  int64_t transformer_parameters;
  int64_t vqgan_parameters;
  int64_t ruclip_parameters;
  int64_t real_esrgan_parameters;
  uint64_t weight_bytes; /* of all weights, in memory */
  uint64_t cache_bytes;  /* keys, values and buffers of the token loop for `batch` images */
  uint64_t total_bytes;
} kandinsky_memory_estimate;
KANDINSKY_C_API void kandinsky_memory_estimate_init(kandinsky_memory_estimate *estimate);
/* Reads the files' directories alone. batch: 1..4096. */
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_estimate(const char *directory,
                                                             const kandinsky_pipeline_options *options, int32_t batch,
                                                             kandinsky_memory_estimate *estimate,
                                                             kandinsky_error *error);

/* The whole way from a prompt to ranked, enlarged pictures. */
typedef struct kandinsky_pipeline kandinsky_pipeline;
/* directory: a weights directory; see the README for what lies where. */
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_load(const char *directory,
                                                         const kandinsky_pipeline_options *options,
                                                         kandinsky_pipeline **pipeline, kandinsky_error *error);
/* Of parts that are loaded already, from memory for one; it shares their weights and outlives the handles. ruclip,
 * real_esrgan: NULL for none. KANDINSKY_INVALID_ARGUMENT for parts that do not fit each other. */
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_new(const kandinsky_tokenizer *tokenizer,
                                                        const kandinsky_transformer *transformer,
                                                        const kandinsky_vqgan *vqgan, const kandinsky_ruclip *ruclip,
                                                        const kandinsky_real_esrgan *real_esrgan,
                                                        kandinsky_pipeline **pipeline, kandinsky_error *error);
/* The parts, as models of their own that share the pipeline's weights. ruclip and real_esrgan: KANDINSKY_NOT_FOUND if
 * the pipeline has none. */
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_tokenizer(const kandinsky_pipeline *pipeline,
                                                              kandinsky_tokenizer **tokenizer, kandinsky_error *error);
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_transformer(const kandinsky_pipeline *pipeline,
                                                                kandinsky_transformer **transformer,
                                                                kandinsky_error *error);
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_vqgan(const kandinsky_pipeline *pipeline, kandinsky_vqgan **vqgan,
                                                          kandinsky_error *error);
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_ruclip(const kandinsky_pipeline *pipeline, kandinsky_ruclip **ruclip,
                                                           kandinsky_error *error);
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_real_esrgan(const kandinsky_pipeline *pipeline,
                                                                kandinsky_real_esrgan **real_esrgan,
                                                                kandinsky_error *error);

/* The picture as far as it is drawn: token rows that are not complete are grey. Called on the thread that called the
 * library, on every image of the batch; `image` lives during the call alone. Nonzero cancels. */
typedef int32_t (*kandinsky_preview_callback)(void *user, int32_t number, int32_t tokens, const kandinsky_image *image);

/* Kept pictures, best first. */
typedef struct kandinsky_pictures kandinsky_pictures;
/* A list of one kept picture as soon as it is complete, best first; the result of the call holds them all. What has been
 * handed over stays when a later step fails. Called on the thread that called the library; `picture` lives during the
 * call alone. Nonzero cancels. */
typedef int32_t (*kandinsky_picture_callback)(void *user, const kandinsky_pictures *picture);

typedef struct kandinsky_generate_options {
  size_t struct_size;
  int32_t images;           /* to draw, 1..4096. Default 8 */
  int32_t pick;             /* to keep, 1..4096; more than images keeps all. Default 4 */
  int32_t top_k;            /* 0: all ids. Default -1: the model's, else 4096 */
  double top_p;             /* 0 < p <= 1. Default 0: the model's, else 0.975 */
  double temperature;       /* > 0. Default 0: the model's, else 1 */
  int32_t greedy;           /* nonzero: the likeliest id, always. Default 0 */
  uint64_t seed;            /* Default 0 */
  int32_t batch;            /* images in one step of the token loop, 1..4096. Default 8 */
  int32_t rank;             /* 0: keep by ppl, not by ruCLIP. Default 1 */
  int32_t super_resolution; /* 0: do not enlarge. Default 1 */
  const kandinsky_image *image_prompt; /* a picture to go on from, or NULL */
  int32_t up, down, left, right;       /* its borders that are kept, in tokens. Default 0 */
  int32_t crop_first;                  /* nonzero: encode every border strip on its own. Default 0 */
  kandinsky_progress_callback progress; /* may be NULL */
  void *progress_user;
  kandinsky_preview_callback preview; /* may be NULL */
  void *preview_user;
  int32_t preview_every;          /* tokens between previews, >= 1; 0: none. Default 0 */
  const kandinsky_cancel *cancel; /* may be NULL */
  /* The first version ended here. */
  kandinsky_picture_callback picture; /* may be NULL */
  void *picture_user;
} kandinsky_generate_options;
KANDINSKY_C_API void kandinsky_generate_options_init(kandinsky_generate_options *options);
/* Writes the first struct_size bytes, and none if that is no version's size. */
KANDINSKY_C_API void kandinsky_generate_options_init_sized(kandinsky_generate_options *options, size_t struct_size);
#define kandinsky_generate_options_init(options) \
  kandinsky_generate_options_init_sized((options), sizeof(kandinsky_generate_options))
/* What this model's files say of top_k, top_p and temperature, else the defaults, written into options that were
 * initialised. The other fields stay. */
KANDINSKY_C_API kandinsky_status kandinsky_pipeline_default_options(const kandinsky_pipeline *pipeline,
                                                                    kandinsky_generate_options *options,
                                                                    kandinsky_error *error);

KANDINSKY_C_API kandinsky_status kandinsky_pipeline_generate(const kandinsky_pipeline *pipeline, const char *prompt,
                                                             const kandinsky_generate_options *options,
                                                             kandinsky_pictures **pictures, kandinsky_error *error);
KANDINSKY_C_API size_t kandinsky_pictures_count(const kandinsky_pictures *pictures);
KANDINSKY_C_API const kandinsky_image *kandinsky_pictures_image(const kandinsky_pictures *pictures, size_t index);
/* Which of the drawn images. */
KANDINSKY_C_API int32_t kandinsky_pictures_number(const kandinsky_pictures *pictures, size_t index);
KANDINSKY_C_API uint64_t kandinsky_pictures_seed(const kandinsky_pictures *pictures, size_t index);
KANDINSKY_C_API double kandinsky_pictures_ppl(const kandinsky_pictures *pictures, size_t index);
/* Whether it was ranked by ruCLIP, and its score (0 if not). */
KANDINSKY_C_API int32_t kandinsky_pictures_has_clip_score(const kandinsky_pictures *pictures, size_t index);
KANDINSKY_C_API float kandinsky_pictures_clip_score(const kandinsky_pictures *pictures, size_t index);
/* grid * grid ids in raster order; *count may be NULL. */
KANDINSKY_C_API const int32_t *kandinsky_pictures_tokens(const kandinsky_pictures *pictures, size_t index,
                                                         size_t *count);
KANDINSKY_C_API void kandinsky_pictures_release(kandinsky_pictures *pictures);
KANDINSKY_C_API void kandinsky_pipeline_release(kandinsky_pipeline *pipeline);

/* ---- Checkpoint files ------------------------------------------------------------------------------------------- */

/* A torch.save file (zip or legacy), Lightning .ckpt, .pth, or safetensors, detected by content: a directory of tensors.
 * The file is memory-mapped; nothing in it is executed. */
typedef struct kandinsky_checkpoint kandinsky_checkpoint;
KANDINSKY_C_API kandinsky_status kandinsky_checkpoint_open(const char *path, kandinsky_checkpoint **checkpoint,
                                                           kandinsky_error *error);
/* The bytes must stay as they are until the checkpoint is released. */
KANDINSKY_C_API kandinsky_status kandinsky_checkpoint_open_memory(const void *bytes, size_t size, const char *name,
                                                                  kandinsky_checkpoint **checkpoint,
                                                                  kandinsky_error *error);
/* "torch-zip", "torch-legacy" or "safetensors". */
KANDINSKY_C_API const char *kandinsky_checkpoint_format(const kandinsky_checkpoint *checkpoint);
/* Tensors, in the order of the file. */
KANDINSKY_C_API size_t kandinsky_checkpoint_count(const kandinsky_checkpoint *checkpoint);
/* Dictionary keys and list indices joined by '/'. */
KANDINSKY_C_API const char *kandinsky_checkpoint_name(const kandinsky_checkpoint *checkpoint, size_t index);
/* "float16", "int64" ... */
KANDINSKY_C_API const char *kandinsky_checkpoint_dtype(const kandinsky_checkpoint *checkpoint, size_t index);
/* *dimensions sizes (0 for a scalar); dimensions may be NULL. */
KANDINSKY_C_API const int64_t *kandinsky_checkpoint_shape(const kandinsky_checkpoint *checkpoint, size_t index,
                                                          size_t *dimensions);
/* The elements in row-major order, little-endian. */
KANDINSKY_C_API kandinsky_status kandinsky_checkpoint_read(const kandinsky_checkpoint *checkpoint, size_t index,
                                                           kandinsky_buffer **bytes, kandinsky_error *error);
KANDINSKY_C_API void kandinsky_checkpoint_release(kandinsky_checkpoint *checkpoint);

#ifdef __cplusplus
}
#endif

#endif /* KANDINSKY_H */
