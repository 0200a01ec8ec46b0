package kandinsky

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// AllIDs as TopK keeps every id, where zero means the default.
const AllIDs = -1

// DrawOptions say how image tokens are drawn. Zero values mean the defaults.
type DrawOptions struct {
	Images      int // to draw, 1..1048576; 0: 1
	FirstNumber int // of the first of them, 0..1048576
	Batch       int // images in one step, 1..4096; does not change the answers. 0: 8
	Seed        uint64
	Temperature float64 // > 0; 0: 1
	TopK        int     // keep the k likeliest ids, or AllIDs; 0: 4096
	TopP        float64 // then the likeliest until their sum exceeds p: 0 < p <= 1; 0: 0.975
	Greedy      bool    // the likeliest id, always
	Forced      []int32 // Grid * Grid ids, -1 where the model draws; nil: all drawn
	// Called after every step. An error cancels, and is found in the call's error.
	OnProgress func(Progress) error
	// The ids of an image that are drawn so far, in raster order, for every image in work, every PreviewEvery tokens. They
	// are the callback's to keep. An error cancels as above.
	OnPreview    func(number int, tokens []int32) error
	PreviewEvery int // >= 1; 0: no previews
}

// DrawnTokens are the image tokens of a drawn picture.
type DrawnTokens struct {
	Number int     // which of the drawn images
	Tokens []int32 // Grid * Grid ids in raster order
	PPL    float64 // mean of exp(cross-entropy) of the ids after the first; lower is better
}

// Draw draws images, which come in the order of their numbers. text: the model's TextLength ids, as from
// Tokenizer.EncodeForTransformer. An image depends on text, sampling, forced ids, seed and number alone.
func (t *Transformer) Draw(ctx context.Context, text []int32, options DrawOptions) ([]DrawnTokens, error) {
	if err := t.use(); err != nil {
		return nil, err
	}
	defer t.done()
	var a arguments
	defer a.free()
	var given C.kandinsky_draw_options
	C.kandinsky_draw_options_init_sized(&given, C.sizeof_kandinsky_draw_options)
	given.images = a.intOr("images", options.Images, given.images)
	given.first_number = a.int("first_number", options.FirstNumber)
	given.batch = a.intOr("batch", options.Batch, given.batch)
	given.seed = C.uint64_t(options.Seed)
	if options.Temperature != 0 {
		given.temperature = C.double(options.Temperature)
	}
	given.top_k = a.topK(options.TopK, given.top_k)
	if options.TopP != 0 {
		given.top_p = C.double(options.TopP)
	}
	given.greedy = flag(options.Greedy)
	given.preview_every = a.int("preview_every", options.PreviewEvery)
	if options.Forced != nil {
		given.forced = (*C.int32_t)(a.copy(unsafe.Pointer(ids(options.Forced)), uintptr(len(options.Forced))*4))
		given.forced_count = C.size_t(len(options.Forced))
	}
	if a.err != nil {
		return nil, a.err
	}
	c := call{ctx: ctx, progress: options.OnProgress, tokens: options.OnPreview}
	user, err := c.begin()
	if err != nil {
		return nil, err
	}
	defer c.end()
	given.cancel = c.cancel
	if c.progress != nil {
		C.kandinsky_go_set_draw_progress(&given, user)
	}
	if c.tokens != nil {
		C.kandinsky_go_set_draw_preview(&given, user)
	}
	var drawn *C.kandinsky_drawn
	defer func() { C.kandinsky_drawn_release(drawn) }()
	err = c.result(try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_transformer_draw(t.c, ids(text), C.size_t(len(text)), &given, &drawn, e)
	}))
	if err != nil {
		return nil, err
	}
	list := make([]DrawnTokens, C.kandinsky_drawn_count(drawn))
	for i := range list {
		index, count := C.size_t(i), C.size_t(0)
		tokens := C.kandinsky_drawn_tokens(drawn, index, &count)
		list[i] = DrawnTokens{
			Number: int(C.kandinsky_drawn_number(drawn, index)),
			Tokens: goIDs(tokens, count),
			PPL:    float64(C.kandinsky_drawn_ppl(drawn, index)),
		}
	}
	return list, nil
}

// topK: the C interface keeps all ids by 0.
func (a *arguments) topK(value int, fallback C.int32_t) C.int32_t {
	if value == AllIDs {
		return 0
	}
	if value < 0 {
		a.fail(invalid("top_k", "is %d, expected a number of ids, AllIDs, or 0 for the default", value))
	}
	return a.intOr("top_k", value, fallback)
}
