package kandinsky

// #include "bridge.h"
import "C"

import "runtime"

// Pipeline is the whole way from a prompt to ranked, enlarged pictures.
type Pipeline struct {
	handle
	c       *C.kandinsky_pipeline
	weights struct{ transformer, vqgan, ruclip, realEsrgan *weights } // of parts from memory
}

func newPipeline(c *C.kandinsky_pipeline) *Pipeline {
	p := &Pipeline{c: c}
	p.handle.free = func() { C.kandinsky_pipeline_release(c) }
	runtime.SetFinalizer(p, (*Pipeline).Close)
	return p
}

// PipelineOptions say what is loaded, and how. Zero values mean the defaults.
type PipelineOptions struct {
	ComputeOptions
	Rank              Switch             // Off: ruCLIP is not loaded
	SuperResolution   Switch             // Off: Real-ESRGAN is not loaded
	TransformerConfig *TransformerConfig // nil detects
	// Files instead of those found in the directory; "" for each that is to be found there.
	Transformer      string
	Tokenizer        string
	Vqgan            string
	RuClip           string // a directory
	RealEsrgan       string
	GenerationConfig string
}

// c fills what is not computation.
func (o *PipelineOptions) c(a *arguments) C.kandinsky_pipeline_options {
	var given C.kandinsky_pipeline_options
	C.kandinsky_pipeline_options_init(&given)
	given.rank = o.Rank.c()
	given.super_resolution = o.SuperResolution.c()
	given.transformer_config = a.config(o.TransformerConfig)
	given.transformer = a.optional("transformer", o.Transformer)
	given.tokenizer = a.optional("tokenizer", o.Tokenizer)
	given.vqgan = a.optional("vqgan", o.Vqgan)
	given.ruclip = a.optional("ruclip", o.RuClip)
	given.real_esrgan = a.optional("real_esrgan", o.RealEsrgan)
	given.generation_config = a.optional("generation_config", o.GenerationConfig)
	return given
}

// LoadPipeline reads a weights directory; libkandinsky's README tells what lies where.
func LoadPipeline(directory string, options PipelineOptions) (*Pipeline, error) {
	var a arguments
	defer a.free()
	path, given := a.text("directory", directory), options.c(&a)
	var made *C.kandinsky_pipeline
	return load(options.ComputeOptions, &a, func() *Pipeline { return newPipeline(made) }, func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
		given.compute = *compute
		return C.kandinsky_pipeline_load(path, &given, &made, e)
	})
}

// Close releases the pipeline once the calls that use it have returned; its parts live on. It always returns nil.
func (p *Pipeline) Close() error { p.close(); return nil }

// MemoryEstimate is what loading would take; what a directory lacks is 0.
type MemoryEstimate struct {
	TransformerParameters int64
	VqganParameters       int64
	RuClipParameters      int64
	RealEsrganParameters  int64
	WeightBytes           uint64 // of all weights, in memory
	CacheBytes            uint64 // keys, values and buffers of the token loop for the batch
	TotalBytes            uint64
}

// EstimateMemory reads the files' directories alone. batch: 1..4096; 0: 8.
func EstimateMemory(directory string, options PipelineOptions, batch int) (MemoryEstimate, error) {
	var a arguments
	defer a.free()
	path, given, images := a.text("directory", directory), options.c(&a), a.intOr("batch", batch, 8)
	var c C.kandinsky_memory_estimate
	C.kandinsky_memory_estimate_init(&c)
	estimate, err := load(options.ComputeOptions, &a, func() *MemoryEstimate {
		return &MemoryEstimate{
			TransformerParameters: int64(c.transformer_parameters), VqganParameters: int64(c.vqgan_parameters),
			RuClipParameters: int64(c.ruclip_parameters), RealEsrganParameters: int64(c.real_esrgan_parameters),
			WeightBytes: uint64(c.weight_bytes), CacheBytes: uint64(c.cache_bytes), TotalBytes: uint64(c.total_bytes),
		}
	}, func(compute *C.kandinsky_compute_options, e *C.kandinsky_error) C.kandinsky_status {
		given.compute = *compute
		return C.kandinsky_pipeline_estimate(path, &given, images, &c, e)
	})
	if err != nil {
		return MemoryEstimate{}, err
	}
	return *estimate, nil
}
