#define KANDINSKY_ISA avx2
#define KANDINSKY_ISA_NAME "avx2"
#define KANDINSKY_ROWS 6
#define KANDINSKY_PANELS 1
#include "kernels/cpu/vision_kernels.inc"
