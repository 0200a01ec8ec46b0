package kandinsky

// #include "bridge.h"
import "C"

import (
	"image"
	"runtime"
)

// VqganDecoder turns image tokens into pictures, and pictures into tokens.
type VqganDecoder struct {
	handle
	c       *C.kandinsky_vqgan
	weights *weights // nil if it was read from a file
}

func newVqganDecoder(c *C.kandinsky_vqgan, w *weights) *VqganDecoder {
	v := &VqganDecoder{c: c, weights: w}
	v.handle.free = func() { C.kandinsky_vqgan_release(c) }
	w.keep(&v.handle)
	runtime.SetFinalizer(v, (*VqganDecoder).Close)
	return v
}

// LoadVqganDecoder reads a Lightning .ckpt of a Gumbel-VQGAN; its config.json is looked for beside it, else it has the
// f8 model's sizes.
func LoadVqganDecoder(path string, options ComputeOptions) (*VqganDecoder, error) {
	var a arguments
	defer a.free()
	file := a.text("path", path)
	var made *C.kandinsky_vqgan
	return load(options, &a, func() *VqganDecoder { return newVqganDecoder(made, nil) },
		func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_vqgan_load(file, compute, &made, e)
		})
}

// LoadVqganDecoderMemory takes the bytes of a file and keeps a copy. configJSON: the text of a config.json, or "" for
// the f8 model. name stands for the path in messages; "" is "<memory>".
func LoadVqganDecoderMemory(data []byte, name, configJSON string, options ComputeOptions) (*VqganDecoder, error) {
	var a arguments
	defer a.free()
	title, config, weights := a.optional("name", name), a.optional("config_json", configJSON), a.weights(data)
	var made *C.kandinsky_vqgan
	return load(options, &a, func() *VqganDecoder { return newVqganDecoder(made, weights) }, func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_vqgan_load_memory(weights.data, weights.size, title, config, compute, &made, e)
	})
}

// Close releases the model once the calls that use it have returned. It always returns nil.
func (v *VqganDecoder) Close() error { v.close(); return nil }

// Downsampling is the number of pixels a token, along one side.
func (v *VqganDecoder) Downsampling() int {
	if v.use() != nil {
		return 0
	}
	defer v.done()
	return int(C.kandinsky_vqgan_downsampling(v.c))
}

// CodebookSize is the number of image tokens there are.
func (v *VqganDecoder) CodebookSize() int {
	if v.use() != nil {
		return 0
	}
	defer v.done()
	return int(C.kandinsky_vqgan_codebook_size(v.c))
}

// ParameterCount is the number of weights.
func (v *VqganDecoder) ParameterCount() int64 {
	if v.use() != nil {
		return 0
	}
	defer v.done()
	return int64(C.kandinsky_vqgan_parameter_count(v.c))
}

// Decode makes a picture of each row of gridHeight * gridWidth tokens, each 0..CodebookSize()-1. Sides of the
// grid: 1..1024.
func (v *VqganDecoder) Decode(tokens [][]int32, gridHeight, gridWidth int) ([]*Image, error) {
	if err := v.use(); err != nil {
		return nil, err
	}
	defer v.done()
	var a arguments
	height, width := a.int("grid_height", gridHeight), a.int("grid_width", gridWidth)
	if a.err == nil && (height < 1 || width < 1) {
		a.fail(invalid("grid", "is %d x %d, expected at least 1 x 1", height, width))
	}
	if a.err != nil {
		return nil, a.err
	}
	joined := a.rows("tokens", tokens, gridHeight*gridWidth)
	if a.err != nil {
		return nil, a.err
	}
	var pictures *C.kandinsky_images
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_vqgan_decode(v.c, ids(joined), C.size_t(len(tokens)), height, width, &pictures, e)
	})
	if err != nil {
		return nil, err
	}
	defer C.kandinsky_images_release(pictures)
	list := make([]*Image, C.kandinsky_images_count(pictures))
	for i := range list {
		list[i] = goImage(C.kandinsky_images_get(pictures, C.size_t(i)))
	}
	return list, nil
}

// Encode returns the tokens of a picture, in raster order. Its sides must be multiples of Downsampling().
func (v *VqganDecoder) Encode(picture image.Image) ([]int32, error) {
	if err := v.use(); err != nil {
		return nil, err
	}
	defer v.done()
	var a arguments
	defer a.free()
	input := a.image("image", picture)
	if a.err != nil {
		return nil, a.err
	}
	return fill(func(values []int32, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status {
		if values == nil {
			return C.kandinsky_vqgan_encode(v.c, input, nil, 0, count, e)
		}
		return C.kandinsky_vqgan_encode(v.c, input, ids(values), C.size_t(len(values)), count, e)
	})
}
