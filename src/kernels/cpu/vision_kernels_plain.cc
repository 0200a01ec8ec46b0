#define KANDINSKY_ISA plain
#define KANDINSKY_ISA_NAME "plain"
#define KANDINSKY_ROWS 2
#define KANDINSKY_PANELS 1
#include "kernels/cpu/vision_kernels.inc"
