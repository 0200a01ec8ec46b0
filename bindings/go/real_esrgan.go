package kandinsky

// #include "bridge.h"
import "C"

import (
	"context"
	"image"
	"runtime"
)

// RealEsrgan enlarges pictures.
type RealEsrgan struct {
	handle
	c       *C.kandinsky_real_esrgan
	weights *weights // nil if it was read from a file
}

func newRealEsrgan(c *C.kandinsky_real_esrgan, w *weights) *RealEsrgan {
	r := &RealEsrgan{c: c, weights: w}
	r.handle.free = func() { C.kandinsky_real_esrgan_release(c) }
	w.keep(&r.handle)
	runtime.SetFinalizer(r, (*RealEsrgan).Close)
	return r
}

// LoadRealEsrgan reads a .pth file, whose scale and number of blocks are found in it.
func LoadRealEsrgan(path string, options ComputeOptions) (*RealEsrgan, error) {
	var a arguments
	defer a.free()
	file := a.text("path", path)
	var made *C.kandinsky_real_esrgan
	return load(options, &a, func() *RealEsrgan { return newRealEsrgan(made, nil) },
		func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_real_esrgan_load(file, compute, &made, e)
		})
}

// LoadRealEsrganMemory takes the bytes of a file and keeps a copy. name stands for the path in messages; "" is
// "<memory>".
func LoadRealEsrganMemory(data []byte, name string, options ComputeOptions) (*RealEsrgan, error) {
	var a arguments
	defer a.free()
	title, weights := a.optional("name", name), a.weights(data)
	var made *C.kandinsky_real_esrgan
	return load(options, &a, func() *RealEsrgan { return newRealEsrgan(made, weights) }, func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_real_esrgan_load_memory(weights.data, weights.size, title, compute, &made, e)
	})
}

// Close releases the model once the calls that use it have returned. It always returns nil.
func (r *RealEsrgan) Close() error { r.close(); return nil }

// Scale is 2, 4 or 8.
func (r *RealEsrgan) Scale() int {
	if r.use() != nil {
		return 0
	}
	defer r.done()
	return int(C.kandinsky_real_esrgan_scale(r.c))
}

// ParameterCount is the number of weights.
func (r *RealEsrgan) ParameterCount() int64 {
	if r.use() != nil {
		return 0
	}
	defer r.done()
	return int64(C.kandinsky_real_esrgan_parameter_count(r.c))
}

// NoBorder as UpscaleOptions.Padding or Mirror means none, where zero means the default.
const NoBorder = -1

// UpscaleOptions say how a picture is cut into tiles, in pixels of the input. Zero values mean the defaults.
type UpscaleOptions struct {
	Tile      int  // side of a tile without its padding; 0: 192
	Padding   int  // around every tile, dropped again; 0: 24. NoBorder: none
	Mirror    int  // mirrored around the whole picture, dropped again; 0: 15. NoBorder: none
	Batch     int  // tiles at a time: memory grows with it; 0: 4
	Reference bool // extend every picture to a multiple of Tile, as the reference does
	// Called after every picture. An error cancels, and is found in the call's error.
	OnProgress func(Progress) error
}

// Upscale returns the picture, Scale() times larger.
func (r *RealEsrgan) Upscale(ctx context.Context, picture image.Image, options UpscaleOptions) (*Image, error) {
	if err := r.use(); err != nil {
		return nil, err
	}
	defer r.done()
	var a arguments
	defer a.free()
	var given C.kandinsky_upscale_options
	C.kandinsky_upscale_options_init(&given)
	given.tile = a.intOr("tile", options.Tile, given.tile)
	given.padding = a.border("padding", options.Padding, given.padding)
	given.mirror = a.border("mirror", options.Mirror, given.mirror)
	given.batch = a.intOr("batch", options.Batch, given.batch)
	given.reference = flag(options.Reference)
	input := a.image("image", picture)
	if a.err != nil {
		return nil, a.err
	}
	c := call{ctx: ctx, progress: options.OnProgress}
	user, err := c.begin()
	if err != nil {
		return nil, err
	}
	defer c.end()
	given.cancel = c.cancel
	if c.progress != nil {
		C.kandinsky_go_set_upscale_progress(&given, user)
	}
	var large *C.kandinsky_image
	defer func() { C.kandinsky_image_release(large) }()
	err = c.result(try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_real_esrgan_upscale(r.c, input, &given, &large, e)
	}))
	if err != nil {
		return nil, err
	}
	return goImage(large), nil
}

func (a *arguments) border(name string, value int, fallback C.int32_t) C.int32_t {
	if value == NoBorder {
		return 0
	}
	if value < 0 {
		a.fail(invalid(name, "is %d, expected a number of pixels, NoBorder, or 0 for the default", value))
	}
	return a.intOr(name, value, fallback)
}
