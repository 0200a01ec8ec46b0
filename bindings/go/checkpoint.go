package kandinsky

// #include "bridge.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Checkpoint is a torch.save file (zip or legacy), Lightning .ckpt, .pth, or safetensors, detected by content: a list of
// tensors. The file is memory-mapped; nothing in it is executed. Any number of goroutines may use one at once.
type Checkpoint struct {
	handle
	c *C.kandinsky_checkpoint
}

// Tensor is one of a checkpoint's.
type Tensor struct {
	Name  string // dictionary keys and list indices joined by '/'
	DType string // "float16", "int64" ...
	Shape []int  // empty for a scalar

	checkpoint *Checkpoint
	index      C.size_t
}

// OpenCheckpoint reads the directory of a file alone.
func OpenCheckpoint(path string) (*Checkpoint, error) {
	var a arguments
	defer a.free()
	file := a.text("path", path)
	return a.checkpoint(nil, func(made **C.kandinsky_checkpoint, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_checkpoint_open(file, made, e)
	})
}

// OpenCheckpointMemory takes the bytes of a file and keeps a copy. name stands for the path in messages; "" is
// "<memory>".
func OpenCheckpointMemory(data []byte, name string) (*Checkpoint, error) {
	var a arguments
	defer a.free()
	title, copied := a.optional("name", name), a.weights(data)
	return a.checkpoint(copied, func(made **C.kandinsky_checkpoint, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_checkpoint_open_memory(copied.data, copied.size, title, made, e)
	})
}

func (a *arguments) checkpoint(copied *weights,
	call func(**C.kandinsky_checkpoint, *C.kandinsky_error) C.kandinsky_status) (*Checkpoint, error) {
	if a.err != nil {
		return nil, a.err
	}
	var made *C.kandinsky_checkpoint
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(&made, e) }); err != nil {
		return nil, err
	}
	c := &Checkpoint{c: made}
	c.handle.free = func() { C.kandinsky_checkpoint_release(made) }
	copied.keep(&c.handle)
	runtime.SetFinalizer(c, (*Checkpoint).Close)
	return c, nil
}

// Close lets go of the file once the calls that use it have returned. It always returns nil.
func (c *Checkpoint) Close() error { c.close(); return nil }

// Format is "torch-zip", "torch-legacy" or "safetensors".
func (c *Checkpoint) Format() string {
	if c.use() != nil {
		return ""
	}
	defer c.done()
	return C.GoString(C.kandinsky_checkpoint_format(c.c))
}

// Tensors lists all tensors, in the order of the file.
func (c *Checkpoint) Tensors() []Tensor {
	if c.use() != nil {
		return nil
	}
	defer c.done()
	list := make([]Tensor, C.kandinsky_checkpoint_count(c.c))
	for i := range list {
		index, dimensions := C.size_t(i), C.size_t(0)
		first := (*int64)(unsafe.Pointer(C.kandinsky_checkpoint_shape(c.c, index, &dimensions)))
		list[i] = Tensor{
			Name:       C.GoString(C.kandinsky_checkpoint_name(c.c, index)),
			DType:      C.GoString(C.kandinsky_checkpoint_dtype(c.c, index)),
			Shape:      make([]int, dimensions),
			checkpoint: c,
			index:      index,
		}
		for d := range list[i].Shape {
			list[i].Shape[d] = int(unsafe.Slice(first, int(dimensions))[d])
		}
	}
	return list
}

// Read returns the elements in row-major order, little-endian. The checkpoint must be open.
func (t *Tensor) Read() ([]byte, error) {
	if t.checkpoint == nil {
		return nil, ErrClosed
	}
	if err := t.checkpoint.use(); err != nil {
		return nil, err
	}
	defer t.checkpoint.done()
	return takeBuffer(func(data **C.kandinsky_buffer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_checkpoint_read(t.checkpoint.c, t.index, data, e)
	})
}
