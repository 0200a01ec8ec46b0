package kandinsky

// #include "bridge.h"
import "C"

import "unsafe"

// weights is a copy of a file's bytes that lives as long as the model made from it.
type weights struct {
	data unsafe.Pointer
	size C.size_t
	kept bool
}

func (a *arguments) weights(data []byte) *weights {
	w := &weights{size: C.size_t(len(data))}
	if w.data = C.kandinsky_go_copy(bytes(data), w.size); w.data == nil {
		a.fail(&Error{Code: ErrOutOfMemory, Message: "out of memory"})
	}
	a.frees = append(a.frees, func() {
		if !w.kept {
			C.free(w.data)
		}
	})
	return w
}

// keep frees the bytes after the model, not at the end of the call.
func (w *weights) keep(h *handle) {
	release := h.free
	h.free = func() { release(); C.free(w.data) }
	w.kept = true
}
