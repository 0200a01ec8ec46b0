package kandinsky

// #include "bridge.h"
import "C"

// PipelineParts are models that a pipeline is made of.
type PipelineParts struct {
	Tokenizer   *Tokenizer
	Transformer *Transformer
	Vqgan       *VqganDecoder
	RuClip      *RuClip     // may be nil
	RealEsrgan  *RealEsrgan // may be nil
}

// NewPipeline makes a pipeline of parts that are loaded already, from memory for one: it shares their weights, and they
// may be closed. ErrInvalidArgument for parts that do not fit each other.
func NewPipeline(parts PipelineParts) (*Pipeline, error) {
	var used []*handle
	defer func() {
		for _, h := range used {
			h.done()
		}
	}()
	for _, needed := range []struct {
		name    string
		missing bool
	}{{"tokenizer", parts.Tokenizer == nil}, {"transformer", parts.Transformer == nil}, {"vqgan", parts.Vqgan == nil}} {
		if needed.missing {
			return nil, invalid(needed.name, "is nil")
		}
	}
	handles := []*handle{&parts.Tokenizer.handle, &parts.Transformer.handle, &parts.Vqgan.handle}
	var ruclip *C.kandinsky_ruclip
	if parts.RuClip != nil {
		ruclip, handles = parts.RuClip.c, append(handles, &parts.RuClip.handle)
	}
	var realEsrgan *C.kandinsky_real_esrgan
	if parts.RealEsrgan != nil {
		realEsrgan, handles = parts.RealEsrgan.c, append(handles, &parts.RealEsrgan.handle)
	}
	for _, h := range handles {
		if err := h.use(); err != nil {
			return nil, err
		}
		used = append(used, h)
	}
	var made *C.kandinsky_pipeline
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_pipeline_new(parts.Tokenizer.c, parts.Transformer.c, parts.Vqgan.c, ruclip, realEsrgan, &made, e)
	})
	if err != nil {
		return nil, err
	}
	p := newPipeline(made)
	p.weights.transformer, p.weights.vqgan = parts.Transformer.weights, parts.Vqgan.weights
	if parts.RuClip != nil {
		p.weights.ruclip = parts.RuClip.weights
	}
	if parts.RealEsrgan != nil {
		p.weights.realEsrgan = parts.RealEsrgan.weights
	}
	for _, w := range []*weights{p.weights.transformer, p.weights.vqgan, p.weights.ruclip, p.weights.realEsrgan} {
		w.keep(&p.handle)
	}
	return p, nil
}

// Tokenizer is the pipeline's part as a model of its own, to be closed too. So are the following.
func (p *Pipeline) Tokenizer() (*Tokenizer, error) {
	return part(p, newTokenizer, func(made **C.kandinsky_tokenizer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_pipeline_tokenizer(p.c, made, e)
	})
}

// Transformer shares the pipeline's weights.
func (p *Pipeline) Transformer() (*Transformer, error) {
	return part(p, func(c *C.kandinsky_transformer) *Transformer { return newTransformer(c, p.weights.transformer) },
		func(made **C.kandinsky_transformer, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_pipeline_transformer(p.c, made, e)
		})
}

// Vqgan shares the pipeline's weights.
func (p *Pipeline) Vqgan() (*VqganDecoder, error) {
	return part(p, func(c *C.kandinsky_vqgan) *VqganDecoder { return newVqganDecoder(c, p.weights.vqgan) },
		func(made **C.kandinsky_vqgan, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_pipeline_vqgan(p.c, made, e)
		})
}

// RuClip shares the pipeline's weights; ErrNotFound if it has none.
func (p *Pipeline) RuClip() (*RuClip, error) {
	return part(p, func(c *C.kandinsky_ruclip) *RuClip { return newRuClip(c, p.weights.ruclip) },
		func(made **C.kandinsky_ruclip, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_pipeline_ruclip(p.c, made, e)
		})
}

// RealEsrgan shares the pipeline's weights; ErrNotFound if it has none.
func (p *Pipeline) RealEsrgan() (*RealEsrgan, error) {
	return part(p, func(c *C.kandinsky_real_esrgan) *RealEsrgan { return newRealEsrgan(c, p.weights.realEsrgan) },
		func(made **C.kandinsky_real_esrgan, e *C.kandinsky_error) C.kandinsky_status {
			return C.kandinsky_pipeline_real_esrgan(p.c, made, e)
		})
}

func part[C_, T any](p *Pipeline, wrap func(*C_) *T, call func(**C_, *C.kandinsky_error) C.kandinsky_status) (*T, error) {
	if err := p.use(); err != nil {
		return nil, err
	}
	defer p.done()
	var made *C_
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(&made, e) }); err != nil {
		return nil, err
	}
	return wrap(made), nil
}
