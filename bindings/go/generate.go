package kandinsky

// #include "bridge.h"
import "C"

import (
	"context"
	"image"
)

// GenerateOptions say how pictures are made. Zero values mean the defaults.
type GenerateOptions struct {
	Images          int     // to draw, 1..4096; 0: 8
	Pick            int     // to keep, 1..4096; more than Images keeps all; 0: 4
	TopK            int     // keep the k likeliest ids, or AllIDs; 0: the model's, else 4096
	TopP            float64 // then the likeliest until their sum exceeds p: 0 < p <= 1; 0: the model's, else 0.975
	Temperature     float64 // > 0; 0: the model's, else 1
	Greedy          bool    // the likeliest id, always
	Seed            uint64
	Batch           int    // images in one step of the token loop, 1..4096; does not change the answers. 0: 8
	Rank            Switch // Off: keep by ppl, not by ruCLIP
	SuperResolution Switch // Off: do not enlarge
	ImagePrompt     *ImagePrompt
	// Called after every token and every picture. An error cancels, and is found in the call's error.
	OnProgress func(Progress) error
	// The picture as far as it is drawn (token rows that are not complete are grey), for every image of the batch,
	// every PreviewEvery tokens. The picture is the callback's to keep. An error cancels as above.
	OnPreview    func(number, tokens int, picture *Image) error
	PreviewEvery int // >= 1; 0: no previews
	// Each kept picture as soon as it is complete, best first; the call's result holds them all. What has been handed over
	// stays when a later step fails. An error cancels as above.
	OnPicture func(Picture) error
}

// ImagePrompt is a picture to go on from, and its borders that are kept, in tokens.
type ImagePrompt struct {
	Image     image.Image // of the size that the model draws
	Up        int
	Down      int
	Left      int
	Right     int
	CropFirst bool // encode every border strip on its own
}

// Picture is one of the kept pictures.
type Picture struct {
	Image        *Image
	Number       int // which of the drawn images
	Seed         uint64
	PPL          float64
	ClipScore    float32 // 0 if it was not ranked by ruCLIP
	HasClipScore bool
	Tokens       []int32 // Grid * Grid ids in raster order
}

// DefaultOptions are the options with what this model's files say of TopK, TopP and Temperature, else with the defaults,
// written out.
func (p *Pipeline) DefaultOptions() (GenerateOptions, error) {
	if err := p.use(); err != nil {
		return GenerateOptions{}, err
	}
	defer p.done()
	var a arguments
	defer a.free()
	given := new(GenerateOptions).c(&a)
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_pipeline_default_options(p.c, &given, e)
	})
	if err != nil {
		return GenerateOptions{}, err
	}
	options := GenerateOptions{Images: int(given.images), Pick: int(given.pick), Batch: int(given.batch),
		TopK: int(given.top_k), TopP: float64(given.top_p), Temperature: float64(given.temperature)}
	if options.TopK == 0 {
		options.TopK = AllIDs
	}
	return options, nil
}

// Generate draws, ranks and enlarges pictures of a prompt and returns the kept ones, best first.
//
// Callbacks run on this goroutine, between the library's frames: they may panic (the panic goes on from Generate) but
// must not end the goroutine by runtime.Goexit, as testing.T.FailNow does.
func (p *Pipeline) Generate(ctx context.Context, prompt string, options GenerateOptions) ([]Picture, error) {
	if err := p.use(); err != nil {
		return nil, err
	}
	defer p.done()
	var a arguments
	defer a.free()
	text, given := a.text("prompt", prompt), options.c(&a)
	if a.err != nil {
		return nil, a.err
	}
	c := call{ctx: ctx, progress: options.OnProgress, preview: options.OnPreview, picture: options.OnPicture}
	user, err := c.begin()
	if err != nil {
		return nil, err
	}
	defer c.end()
	given.cancel = c.cancel
	if c.progress != nil {
		C.kandinsky_go_set_generate_progress(&given, user)
	}
	if c.preview != nil {
		C.kandinsky_go_set_preview(&given, user)
	}
	if c.picture != nil {
		C.kandinsky_go_set_picture(&given, user)
	}
	var pictures *C.kandinsky_pictures
	defer func() { C.kandinsky_pictures_release(pictures) }()
	err = c.result(try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_pipeline_generate(p.c, text, &given, &pictures, e)
	}))
	if err != nil {
		return nil, err
	}
	list := make([]Picture, C.kandinsky_pictures_count(pictures))
	for i := range list {
		list[i] = goPicture(pictures, C.size_t(i))
	}
	return list, nil
}

// c leaves out what belongs to a call: callbacks and cancel.
func (o *GenerateOptions) c(a *arguments) C.kandinsky_generate_options {
	var given C.kandinsky_generate_options
	C.kandinsky_generate_options_init_sized(&given, C.sizeof_kandinsky_generate_options)
	given.images = a.intOr("images", o.Images, given.images)
	given.pick = a.intOr("pick", o.Pick, given.pick)
	given.top_k = a.topK(o.TopK, given.top_k)
	given.top_p = C.double(o.TopP)
	given.temperature = C.double(o.Temperature)
	given.greedy = flag(o.Greedy)
	given.seed = C.uint64_t(o.Seed)
	given.batch = a.intOr("batch", o.Batch, given.batch)
	given.rank = o.Rank.c()
	given.super_resolution = o.SuperResolution.c()
	given.preview_every = a.int("preview_every", o.PreviewEvery)
	if prompt := o.ImagePrompt; prompt != nil {
		given.image_prompt = a.image("image_prompt", prompt.Image)
		given.up, given.down = a.int("up", prompt.Up), a.int("down", prompt.Down)
		given.left, given.right = a.int("left", prompt.Left), a.int("right", prompt.Right)
		given.crop_first = flag(prompt.CropFirst)
	}
	return given
}

func goPicture(pictures *C.kandinsky_pictures, index C.size_t) Picture {
	var count C.size_t
	tokens := C.kandinsky_pictures_tokens(pictures, index, &count)
	return Picture{
		Image:        goImage(C.kandinsky_pictures_image(pictures, index)),
		Number:       int(C.kandinsky_pictures_number(pictures, index)),
		Seed:         uint64(C.kandinsky_pictures_seed(pictures, index)),
		PPL:          float64(C.kandinsky_pictures_ppl(pictures, index)),
		ClipScore:    float32(C.kandinsky_pictures_clip_score(pictures, index)),
		HasClipScore: C.kandinsky_pictures_has_clip_score(pictures, index) != 0,
		Tokens:       goIDs(tokens, count),
	}
}
