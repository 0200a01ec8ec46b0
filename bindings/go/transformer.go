package kandinsky

// #include "bridge.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// TransformerConfig holds a transformer's sizes.
type TransformerConfig struct {
	Layers     int
	Hidden     int
	Heads      int
	TextLength int // text tokens
	Grid       int // image tokens along one side
	TextVocab  int // padding ids included
	ImageVocab int
	Version    int  // 2 or 3
	Sandwich   bool // layer norms after attention and MLP too
	Relax      bool // precision-bottleneck relaxation
}

// TransformerPreset returns the sizes of "kandinsky", "malevich", "malevich-v2", "emojich", "surrealist" or "nano".
func TransformerPreset(name string) (TransformerConfig, error) {
	var a arguments
	defer a.free()
	preset := a.text("preset", name)
	if a.err != nil {
		return TransformerConfig{}, a.err
	}
	var c C.kandinsky_transformer_config
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_transformer_config_init(&c, preset, e)
	})
	return goConfig(&c), err
}

func goConfig(c *C.kandinsky_transformer_config) TransformerConfig {
	return TransformerConfig{
		Layers: int(c.layers), Hidden: int(c.hidden), Heads: int(c.heads), TextLength: int(c.text_length),
		Grid: int(c.grid), TextVocab: int(c.text_vocab), ImageVocab: int(c.image_vocab), Version: int(c.version),
		Sandwich: c.sandwich != 0, Relax: c.relax != 0,
	}
}

// config is NULL for nil: detect. It lies in C memory, since structs of options point to it.
func (a *arguments) config(from *TransformerConfig) *C.kandinsky_transformer_config {
	if from == nil {
		return nil
	}
	var c C.kandinsky_transformer_config
	a.fail(try(func(e *C.kandinsky_error) C.kandinsky_status { return C.kandinsky_transformer_config_init(&c, nil, e) }))
	c.layers, c.hidden, c.heads = a.int("layers", from.Layers), a.int("hidden", from.Hidden), a.int("heads", from.Heads)
	c.text_length, c.grid = a.int("text_length", from.TextLength), a.int("grid", from.Grid)
	c.text_vocab, c.image_vocab = a.int("text_vocab", from.TextVocab), a.int("image_vocab", from.ImageVocab)
	c.version, c.sandwich, c.relax = a.int("version", from.Version), flag(from.Sandwich), flag(from.Relax)
	return (*C.kandinsky_transformer_config)(a.copy(unsafe.Pointer(&c), unsafe.Sizeof(c)))
}

// Transformer writes image tokens after text tokens.
type Transformer struct {
	handle
	c       *C.kandinsky_transformer
	weights *weights // nil if it was read from a file
}

func newTransformer(c *C.kandinsky_transformer, w *weights) *Transformer {
	t := &Transformer{c: c, weights: w}
	t.handle.free = func() { C.kandinsky_transformer_release(c) }
	w.keep(&t.handle)
	runtime.SetFinalizer(t, (*Transformer).Close)
	return t
}

// LoadTransformer reads a torch.save file (zip or legacy) or safetensors. config: nil detects.
func LoadTransformer(path string, config *TransformerConfig, options ComputeOptions) (*Transformer, error) {
	var a arguments
	defer a.free()
	file, sizes := a.text("path", path), a.config(config)
	var made *C.kandinsky_transformer
	return load(options, &a, func() *Transformer { return newTransformer(made, nil) },
		func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_transformer_load(file, sizes, compute, &made, e)
		})
}

// LoadTransformerMemory takes the bytes of a file and keeps a copy. name stands for the path in messages; "" is
// "<memory>".
func LoadTransformerMemory(data []byte, name string, config *TransformerConfig, options ComputeOptions) (*Transformer, error) {
	var a arguments
	defer a.free()
	title, sizes, weights := a.optional("name", name), a.config(config), a.weights(data)
	var made *C.kandinsky_transformer
	return load(options, &a, func() *Transformer { return newTransformer(made, weights) }, func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_transformer_load_memory(weights.data, weights.size, title, sizes, compute, &made, e)
	})
}

// Close releases the model once the calls that use it have returned. It always returns nil.
func (t *Transformer) Close() error { t.close(); return nil }

// Config returns the sizes, as given or detected.
func (t *Transformer) Config() (TransformerConfig, error) {
	if err := t.use(); err != nil {
		return TransformerConfig{}, err
	}
	defer t.done()
	var c C.kandinsky_transformer_config
	err := try(func(e *C.kandinsky_error) C.kandinsky_status { return C.kandinsky_transformer_config_init(&c, nil, e) })
	if err == nil {
		err = try(func(e *C.kandinsky_error) C.kandinsky_status { return C.kandinsky_transformer_get_config(t.c, &c, e) })
	}
	return goConfig(&c), err
}

// ParameterCount is the number of weights.
func (t *Transformer) ParameterCount() int64 {
	if t.use() != nil {
		return 0
	}
	defer t.done()
	return int64(C.kandinsky_transformer_parameter_count(t.c))
}

// Device is what was chosen: "cpu" or "cuda:N".
func (t *Transformer) Device() string {
	if t.use() != nil {
		return ""
	}
	defer t.done()
	return C.GoString(C.kandinsky_transformer_device(t.c))
}

// Precision is what was chosen.
func (t *Transformer) Precision() Precision {
	if t.use() != nil {
		return PrecisionAuto
	}
	defer t.done()
	return Precision(C.kandinsky_transformer_precision(t.c))
}

// Logits returns teacher-forced logits of the model's TextLength text ids and up to Grid * Grid image ids: a row of
// TextVocab + ImageVocab for each id.
func (t *Transformer) Logits(text, image []int32) ([][]float32, error) {
	if err := t.use(); err != nil {
		return nil, err
	}
	defer t.done()
	values, err := fill(func(values []float32, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status {
		first, size := (*C.float)(nil), C.size_t(0)
		if values != nil {
			first, size = floats(values), C.size_t(len(values))
		}
		return C.kandinsky_transformer_logits(t.c, ids(text), C.size_t(len(text)), ids(image), C.size_t(len(image)), first,
			size, count, e)
	})
	if err != nil {
		return nil, err
	}
	return table(values, len(text)+len(image)), nil
}

// PPL is the perplexity score of a finished image, Grid * Grid ids after TextLength ids, by one pass; Draw gives the same
// number on the way.
func (t *Transformer) PPL(text, image []int32) (float64, error) {
	if err := t.use(); err != nil {
		return 0, err
	}
	defer t.done()
	var ppl C.double
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_transformer_ppl(t.c, ids(text), C.size_t(len(text)), ids(image), C.size_t(len(image)), &ppl, e)
	})
	return float64(ppl), err
}

// Losses are mean cross-entropies in nats; Total = (Text + 7 * Image) / 8.
type Losses struct {
	Text  float64
	Image float64
	Total float64
}

// Losses are those over pairs of a text, TextLength ids, and an image, Grid * Grid ids.
func (t *Transformer) Losses(texts, images [][]int32) (Losses, error) {
	config, err := t.Config()
	if err != nil {
		return Losses{}, err
	}
	if len(texts) != len(images) {
		return Losses{}, invalid("images", "has %d rows, expected %d: one for each text", len(images), len(texts))
	}
	if err := t.use(); err != nil {
		return Losses{}, err
	}
	defer t.done()
	var a arguments
	text, image := a.rows("texts", texts, config.TextLength), a.rows("images", images, config.Grid*config.Grid)
	if a.err != nil {
		return Losses{}, a.err
	}
	var c C.kandinsky_loss_values
	err = try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_transformer_losses(t.c, ids(text), ids(image), C.size_t(len(texts)), &c, e)
	})
	return Losses{Text: float64(c.text), Image: float64(c.image), Total: float64(c.total)}, err
}
