package kandinsky

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestVersionsAndDevices(t *testing.T) {
	if !strings.HasPrefix(Version(), "0.") || ABIVersion() != 0 || !strings.HasPrefix(TorchVersion(), "2.") {
		t.Error(Version(), ABIVersion(), TorchVersion())
	}
	devices, err := Devices()
	must(t, err)
	cpu := devices[0]
	if cpu.Name != "cpu" || cpu.Description == "" || cpu.MemoryTotal < 1<<30 || cpu.MemoryFree > cpu.MemoryTotal {
		t.Errorf("%+v", cpu)
	}
}

func TestErrors(t *testing.T) {
	_, err := LoadPipeline("/nonexistent", PipelineOptions{})
	e := fails(t, err, ErrNotFound, "/nonexistent")
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrBadFile) || errors.Is(err, ErrCancelled) {
		t.Error("the error is of several kinds")
	}
	if !strings.Contains(e.Error(), "/nonexistent") || strings.Contains(e.Error(), "\n") {
		t.Error(e)
	}
	if ErrNotFound.Error() != "not found" {
		t.Error(ErrNotFound.Error())
	}

	_, err = LoadVqganDecoder(nano("NOTICE"), ComputeOptions{})
	fails(t, err, ErrBadFile, nano("NOTICE"))
	_, err = LoadTokenizer("bad\x00name")
	fails(t, err, ErrInvalidArgument, "path")
	_, err = LoadTokenizerMemory(nil, "empty")
	if !errors.Is(err, ErrBadFile) && !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	_, err = LoadTransformer(nano("rudalle_kandinsky.bin"), nil, ComputeOptions{Device: "tpu"})
	fails(t, err, ErrInvalidArgument, "device")
	_, err = LoadTransformer(nano("rudalle_kandinsky.bin"), nil, ComputeOptions{Threads: 5000})
	fails(t, err, ErrInvalidArgument, "threads")
	_, err = LoadTransformer(nano("rudalle_kandinsky.bin"), nil, ComputeOptions{Precision: 9})
	fails(t, err, ErrInvalidArgument, "precision")
	_, err = LoadTransformer(nano("rudalle_kandinsky.bin"), &TransformerConfig{Layers: 1 << 40}, ComputeOptions{})
	fails(t, err, ErrInvalidArgument, "layers")
	_, err = TransformerPreset("kandinski")
	fails(t, err, ErrInvalidArgument, "preset")
	_, err = LoadRuClipMemory(nil, "", "{}", nil, ComputeOptions{})
	fails(t, err, ErrInvalidArgument, "tokenizer")
	_, err = EstimateMemory(nano(), PipelineOptions{}, 5000)
	fails(t, err, ErrInvalidArgument, "batch")
}

func TestGenerateOptionsOutOfRange(t *testing.T) {
	pipeline := loaded(t)
	for subject, options := range map[string]GenerateOptions{
		"images":        {Images: -1},
		"pick":          {Pick: 5000},
		"top_k":         {TopK: -2},
		"top_p":         {TopP: 1.5},
		"temperature":   {Temperature: -1},
		"batch":         {Batch: 1 << 40},
		"preview_every": {PreviewEvery: -1},
		"image_prompt":  {ImagePrompt: &ImagePrompt{}},
		"up":            {ImagePrompt: &ImagePrompt{Image: NewImage(128, 128), Up: 1 << 40}},
	} {
		_, err := pipeline.Generate(context.Background(), "кот", options)
		fails(t, err, ErrInvalidArgument, subject)
	}
	for _, prompt := range []string{"\xff", "a\x00b"} {
		_, err := pipeline.Generate(context.Background(), prompt, GenerateOptions{})
		fails(t, err, ErrInvalidArgument, "prompt")
	}
}
