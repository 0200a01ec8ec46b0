#define KANDINSKY_ISA avx512
#define KANDINSKY_ISA_NAME "avx512"
#define KANDINSKY_ROWS 12
#define KANDINSKY_PANELS 2
#include "kernels/cpu/vision_kernels.inc"
