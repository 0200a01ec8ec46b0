#define KANDINSKY_ISA avx512bf16
#define KANDINSKY_ISA_NAME "avx512bf16"
#define KANDINSKY_MOST_ROWS 8
#define KANDINSKY_ROWS_8 2
#define KANDINSKY_ROWS_4 4
#define KANDINSKY_ROWS_2 8
#define KANDINSKY_ROWS_1 8
#include "kernels/cpu/decoder_kernels.inc"
