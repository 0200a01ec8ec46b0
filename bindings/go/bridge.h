/* What cgo cannot express: callbacks of the exact C types, with the number of a Go handle as their user pointer. */
#ifndef KANDINSKY_GO_BRIDGE_H
#define KANDINSKY_GO_BRIDGE_H

#include <kandinsky.h>
#include <stdlib.h>

void kandinsky_go_set_log(kandinsky_compute_options* options, uintptr_t call);
void kandinsky_go_set_draw_progress(kandinsky_draw_options* options, uintptr_t call);
void kandinsky_go_set_upscale_progress(kandinsky_upscale_options* options, uintptr_t call);
void kandinsky_go_set_generate_progress(kandinsky_generate_options* options, uintptr_t call);
void kandinsky_go_set_draw_preview(kandinsky_draw_options* options, uintptr_t call);
void kandinsky_go_set_preview(kandinsky_generate_options* options, uintptr_t call);
void kandinsky_go_set_picture(kandinsky_generate_options* options, uintptr_t call);

/* A copy that free() takes; NULL if there is no memory for it, where C.CBytes would end the process. */
void* kandinsky_go_copy(const void* bytes, size_t size);

#endif
