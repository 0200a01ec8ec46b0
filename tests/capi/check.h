/* Checks for tests in C: a failed one is printed and counted, and fails the program. */
#ifndef KANDINSKY_TESTS_CHECK_H
#define KANDINSKY_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kandinsky.h"

static int failures;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                             \
    }                                                                         \
  } while (0)

/* For what the rest of the test cannot do without. */
#define OK(call)                                                                         \
  do {                                                                                   \
    if ((call) != KANDINSKY_OK) {                                                        \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error.message);      \
      exit(1);                                                                           \
    }                                                                                    \
    CHECK(error.code == KANDINSKY_OK && error.message[0] == 0 && error.subject[0] == 0); \
  } while (0)

/* The status, a message of one line, and the subject (NULL: any). */
#define FAILS(call, status, about)                                                                                \
  do {                                                                                                            \
    memset(&error, 0x5a, sizeof error);                                                                           \
    const kandinsky_status got_ = (call);                                                                         \
    const char *about_ = (about);                                                                                 \
    if (got_ != (status) || error.code != got_ || error.message[0] == 0 || strchr(error.message, '\n') ||         \
        (about_ && strcmp(error.subject, about_) != 0)) {                                                         \
      fprintf(stderr, "%s:%d: %s: status %d (expected %d), message \"%s\", subject \"%s\"\n", __FILE__, __LINE__, \
              #call, (int)got_, (int)(status), error.message, error.subject);                                     \
      ++failures;                                                                                                 \
    }                                                                                                             \
  } while (0)

#define RESULT() (failures ? (fprintf(stderr, "%d checks failed\n", failures), 1) : 0)

#define NANO KANDINSKY_SOURCE_DIR "/models/emojich-nano"

static inline void *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size + 1);
  if (!bytes || fread(bytes, 1, *size, file) != *size) exit(1);
  bytes[*size] = 0;
  fclose(file);
  return bytes;
}

#endif
