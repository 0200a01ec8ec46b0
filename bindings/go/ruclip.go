package kandinsky

// #include "bridge.h"
import "C"

import (
	"image"
	"runtime"
)

// RuClip tells how well pictures fit texts.
type RuClip struct {
	handle
	c       *C.kandinsky_ruclip
	weights *weights // nil if it was read from a file
}

func newRuClip(c *C.kandinsky_ruclip, w *weights) *RuClip {
	r := &RuClip{c: c, weights: w}
	r.handle.free = func() { C.kandinsky_ruclip_release(c) }
	w.keep(&r.handle)
	runtime.SetFinalizer(r, (*RuClip).Close)
	return r
}

// LoadRuClip reads a directory with config.json, pytorch_model.bin or model.safetensors, and bpe.model.
func LoadRuClip(directory string, options ComputeOptions) (*RuClip, error) {
	var a arguments
	defer a.free()
	path := a.text("directory", directory)
	var made *C.kandinsky_ruclip
	return load(options, &a, func() *RuClip { return newRuClip(made, nil) },
		func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_ruclip_load(path, compute, &made, e)
		})
}

// LoadRuClipMemory takes the bytes of a weights file and keeps a copy. configJSON: the text of config.json, needed. The
// tokenizer is shared and may be closed. name stands for the path in messages; "" is "<memory>".
func LoadRuClipMemory(data []byte, name, configJSON string, tokenizer *Tokenizer, options ComputeOptions) (*RuClip, error) {
	if tokenizer == nil {
		return nil, invalid("tokenizer", "is nil")
	}
	if err := tokenizer.use(); err != nil {
		return nil, err
	}
	defer tokenizer.done()
	var a arguments
	defer a.free()
	title, config, weights := a.optional("name", name), a.text("config_json", configJSON), a.weights(data)
	var made *C.kandinsky_ruclip
	return load(options, &a, func() *RuClip { return newRuClip(made, weights) }, func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_ruclip_load_memory(weights.data, weights.size, title, config, tokenizer.c, compute, &made, e)
	})
}

// Close releases the model once the calls that use it have returned. It always returns nil.
func (r *RuClip) Close() error { r.close(); return nil }

// Width is the number of floats of a latent.
func (r *RuClip) Width() int {
	if r.use() != nil {
		return 0
	}
	defer r.done()
	return int(C.kandinsky_ruclip_width(r.c))
}

// ContextLength is the number of ids of a text: the length of Tokenizer.EncodeForRuClip.
func (r *RuClip) ContextLength() int {
	if r.use() != nil {
		return 0
	}
	defer r.done()
	return int(C.kandinsky_ruclip_context_length(r.c))
}

// Resolution is the number of pixels along one side of what the network sees.
func (r *RuClip) Resolution() int {
	if r.use() != nil {
		return 0
	}
	defer r.done()
	return int(C.kandinsky_ruclip_resolution(r.c))
}

// ParameterCount is the number of weights.
func (r *RuClip) ParameterCount() int64 {
	if r.use() != nil {
		return 0
	}
	defer r.done()
	return int64(C.kandinsky_ruclip_parameter_count(r.c))
}

// Tokenizer is its tokenizer as a model of its own, to be closed too.
func (r *RuClip) Tokenizer() (*Tokenizer, error) {
	if err := r.use(); err != nil {
		return nil, err
	}
	defer r.done()
	return makeTokenizer(func(made **C.kandinsky_tokenizer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_ruclip_tokenizer(r.c, made, e)
	})
}

// Scores returns cosines: a row for each text, with one number for each picture.
func (r *RuClip) Scores(texts []string, pictures []image.Image) ([][]float32, error) {
	if err := r.use(); err != nil {
		return nil, err
	}
	defer r.done()
	var a arguments
	defer a.free()
	inputs, list := a.texts("texts", texts), a.images("images", pictures)
	if a.err != nil {
		return nil, a.err
	}
	values := make([]float32, len(texts)*len(pictures))
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_ruclip_scores(r.c, inputs, C.size_t(len(texts)), list, C.size_t(len(pictures)), floats(values), e)
	})
	if err != nil {
		return nil, err
	}
	return table(values, len(texts)), nil
}

// Ranked is a picture of a ranking.
type Ranked struct {
	Index int     // into the pictures given
	Score float32 // cosine, -1..1
}

// Rank returns the pick (>= 1) pictures that fit the text best, best first, or all if there are fewer. Equal scores keep
// their order.
func (r *RuClip) Rank(text string, pictures []image.Image, pick int) ([]Ranked, error) {
	if err := r.use(); err != nil {
		return nil, err
	}
	defer r.done()
	var a arguments
	defer a.free()
	input, list, most := a.text("text", text), a.images("images", pictures), a.int("pick", pick)
	if a.err != nil {
		return nil, a.err
	}
	values, count := make([]C.kandinsky_ranked, len(pictures)+1), C.size_t(0)
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_ruclip_rank(r.c, input, list, C.size_t(len(pictures)), most, &values[0], C.size_t(len(pictures)),
			&count, e)
	})
	if err != nil {
		return nil, err
	}
	ranked := make([]Ranked, count)
	for i := range ranked {
		ranked[i] = Ranked{Index: int(values[i].index), Score: float32(values[i].score)}
	}
	return ranked, nil
}

// ImageLatents returns a normalised latent of Width() floats for each picture.
func (r *RuClip) ImageLatents(pictures []image.Image) ([][]float32, error) {
	if err := r.use(); err != nil {
		return nil, err
	}
	defer r.done()
	var a arguments
	defer a.free()
	list := a.images("images", pictures)
	if a.err != nil {
		return nil, a.err
	}
	return r.latents(len(pictures), func(values []float32, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_ruclip_image_latents(r.c, list, C.size_t(len(pictures)), floats(values), C.size_t(len(values)),
			count, e)
	})
}

// TextLatents puts each text into every template (a string with one "{}"; nil: the six default ones) and returns the
// normalised average, Width() floats.
func (r *RuClip) TextLatents(texts, templates []string) ([][]float32, error) {
	if err := r.use(); err != nil {
		return nil, err
	}
	defer r.done()
	var a arguments
	defer a.free()
	inputs, patterns := a.texts("texts", texts), a.texts("templates", templates)
	if a.err != nil {
		return nil, a.err
	}
	return r.latents(len(texts), func(values []float32, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_ruclip_text_latents(r.c, inputs, C.size_t(len(texts)), patterns, C.size_t(len(templates)),
			floats(values), C.size_t(len(values)), count, e)
	})
}

func (r *RuClip) latents(rows int, call func([]float32, *C.size_t, *C.kandinsky_error) C.kandinsky_status) ([][]float32, error) {
	values := make([]float32, rows*int(C.kandinsky_ruclip_width(r.c)))
	var count C.size_t
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(values, &count, e) }); err != nil {
		return nil, err
	}
	return table(values, rows), nil
}
