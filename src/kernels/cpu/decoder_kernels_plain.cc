#define KANDINSKY_ISA plain
#define KANDINSKY_ISA_NAME "plain"
#define KANDINSKY_MOST_ROWS 4
#define KANDINSKY_ROWS_4 1
#define KANDINSKY_ROWS_2 1
#define KANDINSKY_ROWS_1 1
#include "kernels/cpu/decoder_kernels.inc"
