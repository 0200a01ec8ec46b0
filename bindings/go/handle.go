package kandinsky

import "sync"

// handle owns a C model: it is released once, after Close and the last of the calls that use it.
type handle struct {
	mutex  sync.Mutex
	calls  int
	closed bool
	free   func()
}

// use must be followed by done unless it fails.
func (h *handle) use() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.closed || h.free == nil {
		return ErrClosed
	}
	h.calls++
	return nil
}

func (h *handle) done() {
	h.mutex.Lock()
	h.calls--
	last := h.closed && h.calls == 0
	h.mutex.Unlock()
	if last {
		h.free()
	}
}

func (h *handle) close() {
	h.mutex.Lock()
	last := !h.closed && h.calls == 0 && h.free != nil
	h.closed = true
	h.mutex.Unlock()
	if last {
		h.free()
	}
}
