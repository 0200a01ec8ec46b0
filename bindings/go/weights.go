package kandinsky

// #include "bridge.h"
import "C"

import (
	"sync/atomic"
	"unsafe"
)

// weights is a copy of a file's bytes that lives as long as the call that made it and the models that look at it.
type weights struct {
	data  unsafe.Pointer
	size  C.size_t
	users atomic.Int32
}

func (a *arguments) weights(data []byte) *weights {
	w := &weights{size: C.size_t(len(data))}
	if w.data = C.kandinsky_go_copy(bytes(data), w.size); w.data == nil {
		a.fail(&Error{Code: ErrOutOfMemory, Message: "out of memory"})
	}
	w.users.Store(1)
	a.frees = append(a.frees, w.release)
	return w
}

func (w *weights) release() {
	if w.users.Add(-1) == 0 {
		C.free(w.data)
	}
}

// keep lets go of the bytes after the model. A nil receiver is for models that have none.
func (w *weights) keep(h *handle) {
	if w == nil {
		return
	}
	w.users.Add(1)
	free := h.free
	h.free = func() { free(); w.release() }
}
