package kandinsky

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestPipelineOfParts(t *testing.T) {
	tokenizer, err := LoadTokenizer(nano("tokenizer", "bpe.model"))
	must(t, err)
	transformer, err := LoadTransformerMemory(read(t, nano("rudalle_kandinsky.bin")), "", nil, ComputeOptions{})
	must(t, err)
	vqgan, err := LoadVqganDecoderMemory(read(t, nano("vae", "vqgan.gumbelf8.model.ckpt")), "",
		string(read(t, nano("vae", "config.json"))), ComputeOptions{})
	must(t, err)
	captions, err := LoadTokenizer(nano("ruclip", "bpe.model"))
	must(t, err)
	ruclip, err := LoadRuClipMemory(read(t, nano("ruclip", "pytorch_model.bin")), "",
		string(read(t, nano("ruclip", "config.json"))), captions, ComputeOptions{})
	must(t, err)
	esrgan, err := LoadRealEsrganMemory(read(t, nano("x4", "RealESRGAN_x4.pth")), "", ComputeOptions{})
	must(t, err)

	// A tokenizer of more ids than the transformer has does not fit.
	var model strings.Builder
	model.WriteString("30000 0\n")
	for i := 0; i < 30000; i++ {
		fmt.Fprintln(&model, 0x4e00+i, 4+i)
	}
	model.WriteString("1 0 2 3\n")
	large, err := LoadTokenizerMemory([]byte(model.String()), "large")
	must(t, err)
	_, err = NewPipeline(PipelineParts{Tokenizer: large, Transformer: transformer, Vqgan: vqgan})
	fails(t, err, ErrInvalidArgument, "tokenizer")
	must(t, large.Close())
	_, err = NewPipeline(PipelineParts{Tokenizer: large, Transformer: transformer, Vqgan: vqgan})
	if err != ErrClosed {
		t.Error(err)
	}
	_, err = NewPipeline(PipelineParts{Tokenizer: tokenizer, Transformer: transformer})
	fails(t, err, ErrInvalidArgument, "vqgan")

	made, err := NewPipeline(PipelineParts{tokenizer, transformer, vqgan, ruclip, esrgan})
	must(t, err)
	bytes := transformer.weights
	for _, part := range []interface{ Close() error }{tokenizer, captions, transformer, vqgan, ruclip, esrgan} {
		must(t, part.Close())
	}
	// generation_config.json belongs to the directory, so parts have the defaults.
	options, err := loaded(t).DefaultOptions()
	must(t, err)
	if options.TopK != 512 || options.TopP != 0.95 || options.Temperature != 1 {
		t.Errorf("%+v", options)
	}
	defaults, err := made.DefaultOptions()
	must(t, err)
	if defaults.TopK != 4096 || defaults.TopP != 0.975 || defaults.Images != 8 || defaults.Pick != 4 {
		t.Errorf("%+v", defaults)
	}
	expected, err := loaded(t).Generate(context.Background(), heart, GenerateOptions{Images: 2, Pick: 1, Seed: 5})
	must(t, err)
	options.Images, options.Pick, options.Seed = 2, 1, 5
	pictures, err := made.Generate(context.Background(), heart, options)
	must(t, err)
	if !reflect.DeepEqual(pictures, expected) {
		t.Error("a pipeline of parts draws other pictures than one of files")
	}

	// The bytes that the parts were read from stay with the pipeline, and with parts of it.
	part, err := made.Transformer()
	must(t, err)
	must(t, made.Close())
	if _, err := part.PPL(make([]int32, 0), nil); !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	if users := bytes.users.Load(); users != 1 {
		t.Error(users, "users of the transformer's bytes, expected its last part")
	}
	must(t, part.Close())
	if users := bytes.users.Load(); users != 0 {
		t.Error(users, "users of the transformer's bytes after the last one was closed")
	}
}

// What was handed over is there although a later step fails.
func TestPictureCallbackCancels(t *testing.T) {
	stop, numbers := errors.New("enough"), []int{}
	_, err := loaded(t).Generate(context.Background(), heart, GenerateOptions{Images: 2, SuperResolution: Off,
		OnPicture: func(picture Picture) error { numbers = append(numbers, picture.Number); return stop }})
	if !errors.Is(err, ErrCancelled) || !errors.Is(err, stop) || len(numbers) != 1 {
		t.Error(err, numbers)
	}
}
