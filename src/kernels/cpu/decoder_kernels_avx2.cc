#define KANDINSKY_ISA avx2
#define KANDINSKY_ISA_NAME "avx2"
#define KANDINSKY_MOST_ROWS 4
#define KANDINSKY_ROWS_4 1
#define KANDINSKY_ROWS_2 2
#define KANDINSKY_ROWS_1 4
#include "kernels/cpu/decoder_kernels.inc"
