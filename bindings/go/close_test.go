package kandinsky

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestUseAfterClose(t *testing.T) {
	pipeline, err := LoadPipeline(nano(), PipelineOptions{})
	must(t, err)
	tokenizer, err := pipeline.Tokenizer()
	must(t, err)
	transformer, err := pipeline.Transformer()
	must(t, err)
	vqgan, err := pipeline.Vqgan()
	must(t, err)
	ruclip, err := pipeline.RuClip()
	must(t, err)
	esrgan, err := pipeline.RealEsrgan()
	must(t, err)
	for _, model := range []interface{ Close() error }{pipeline, tokenizer, transformer, vqgan, ruclip, esrgan} {
		must(t, model.Close())
		must(t, model.Close())
	}
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"Generate":     func() error { _, err := pipeline.Generate(ctx, heart, GenerateOptions{}); return err },
		"part":         func() error { _, err := pipeline.Tokenizer(); return err },
		"Encode":       func() error { _, err := tokenizer.Encode(heart); return err },
		"padded":       func() error { _, err := tokenizer.EncodeForTransformer(heart, 32); return err },
		"EncodeBatch":  func() error { _, err := tokenizer.EncodeBatch(nil, 0); return err },
		"IDToPiece":    func() error { _, err := tokenizer.IDToPiece(0); return err },
		"PieceToID":    func() error { _, err := tokenizer.PieceToID("a"); return err },
		"DecodeText":   func() error { _, err := tokenizer.Decode(nil); return err },
		"Config":       func() error { _, err := transformer.Config(); return err },
		"Draw":         func() error { _, err := transformer.Draw(ctx, nil, DrawOptions{}); return err },
		"Logits":       func() error { _, err := transformer.Logits(nil, nil); return err },
		"Losses":       func() error { _, err := transformer.Losses(nil, nil); return err },
		"PPL":          func() error { _, err := transformer.PPL(nil, nil); return err },
		"Rank":         func() error { _, err := ruclip.Rank(heart, nil, 1); return err },
		"its own":      func() error { _, err := ruclip.Tokenizer(); return err },
		"options":      func() error { _, err := pipeline.DefaultOptions(); return err },
		"Decode":       func() error { _, err := vqgan.Decode(nil, 1, 1); return err },
		"EncodeImage":  func() error { _, err := vqgan.Encode(gradient(8, 8)); return err },
		"Scores":       func() error { _, err := ruclip.Scores(nil, nil); return err },
		"ImageLatents": func() error { _, err := ruclip.ImageLatents(nil); return err },
		"TextLatents":  func() error { _, err := ruclip.TextLatents(nil, nil); return err },
		"Upscale":      func() error { _, err := esrgan.Upscale(ctx, gradient(8, 8), UpscaleOptions{}); return err },
		"LoadRuClip":   func() error { _, err := LoadRuClipMemory(nil, "", "{}", tokenizer, ComputeOptions{}); return err },
		"zero value":   func() error { _, err := new(Pipeline).Generate(ctx, heart, GenerateOptions{}); return err },
	} {
		if err := call(); err != ErrClosed {
			t.Error(name, err)
		}
	}
	if tokenizer.VocabSize() != 0 || transformer.ParameterCount() != 0 || transformer.Device() != "" ||
		transformer.Precision() != PrecisionAuto || vqgan.Downsampling() != 0 || vqgan.CodebookSize() != 0 ||
		ruclip.Width() != 0 || esrgan.Scale() != 0 || tokenizer.PadID() != 0 || tokenizer.Kind() != "" || ruclip.ContextLength() != 0 ||
		ruclip.Resolution() != 0 || ruclip.ParameterCount() != 0 || vqgan.ParameterCount() != 0 || esrgan.ParameterCount() != 0 {
		t.Error("getters of closed models")
	}
	must(t, new(Pipeline).Close())
}

// A call that runs keeps its model, whoever closes it: another goroutine or its own callback.
func TestCloseDuringCalls(t *testing.T) {
	pipeline, err := LoadPipeline(nano(), PipelineOptions{})
	must(t, err)
	var released atomic.Int32
	free := pipeline.handle.free
	pipeline.handle.free = func() { released.Add(1); free() }
	options := GenerateOptions{Images: 1, SuperResolution: Off, OnProgress: func(Progress) error {
		var wait sync.WaitGroup
		for i := 0; i < 4; i++ {
			wait.Add(1)
			go func() { pipeline.Close(); wait.Done() }()
		}
		wait.Wait()
		if released.Load() != 0 {
			return errors.New("released in use")
		}
		return nil
	}}
	_, err = pipeline.Generate(context.Background(), heart, options)
	must(t, err)
	if released.Load() != 1 {
		t.Error("released", released.Load(), "times")
	}
	if _, err = pipeline.Generate(context.Background(), heart, GenerateOptions{}); err != ErrClosed {
		t.Error(err)
	}
}

func TestGoroutinesShareAModel(t *testing.T) {
	pipeline := loaded(t)
	prompts := []string{heart, "жёлтое солнце"}
	draw := func(prompt string) []Picture {
		pictures, err := pipeline.Generate(context.Background(), prompt, GenerateOptions{Images: 2, Seed: 3, SuperResolution: Off,
			OnProgress: func(Progress) error { runtime.Gosched(); return nil }})
		if err != nil {
			t.Error(err)
		}
		return pictures
	}
	alone := [][]Picture{draw(prompts[0]), draw(prompts[1])}
	if reflect.DeepEqual(alone[0], alone[1]) {
		t.Error("two prompts give one picture")
	}
	together := make([][]Picture, 2)
	var wait sync.WaitGroup
	for i := range together {
		i := i
		wait.Add(1)
		go func() { together[i] = draw(prompts[i]); wait.Done() }()
	}
	wait.Wait()
	if !reflect.DeepEqual(alone, together) {
		t.Error("goroutines disturb one another")
	}
}

// One that was forgotten is released by the garbage collector, but not while a call uses it.
func TestFinalizer(t *testing.T) {
	var released atomic.Int32
	func() {
		tokenizer, err := LoadTokenizer(nano("tokenizer", "bpe.model"))
		must(t, err)
		free := tokenizer.handle.free
		tokenizer.handle.free = func() { free(); released.Add(1) }
		tokenizer.VocabSize()
	}()
	for i := 0; released.Load() == 0; i++ {
		if i > 200 {
			t.Fatal("never released")
		}
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	func() {
		esrgan, err := LoadRealEsrganMemory(read(t, nano("x4", "RealESRGAN_x4.pth")), "", ComputeOptions{})
		must(t, err)
		_, err = esrgan.Upscale(context.Background(), gradient(8, 8),
			UpscaleOptions{OnProgress: func(Progress) error { runtime.GC(); return nil }})
		must(t, err)
	}()
}
