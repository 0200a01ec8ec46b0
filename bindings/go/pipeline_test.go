package kandinsky

import (
	"context"
	"errors"
	"reflect"
	"testing"
)

const heart = "красное сердце"

func TestEstimateMemory(t *testing.T) {
	estimate, err := EstimateMemory(nano(), PipelineOptions{}, 0)
	must(t, err)
	if estimate.TransformerParameters < 11_000_000 || estimate.VqganParameters == 0 || estimate.RuClipParameters == 0 ||
		estimate.RealEsrganParameters == 0 || estimate.CacheBytes == 0 || estimate.TotalBytes < estimate.WeightBytes {
		t.Errorf("%+v", estimate)
	}
	less, err := EstimateMemory(nano(), PipelineOptions{Rank: Off, SuperResolution: Off}, 1)
	must(t, err)
	if less.RuClipParameters != 0 || less.RealEsrganParameters != 0 || less.TotalBytes >= estimate.TotalBytes {
		t.Errorf("%+v", less)
	}
}

func TestGenerate(t *testing.T) {
	pipeline := loaded(t)
	steps, previews := map[Stage]int{}, 0
	var handed []Picture
	var enlarged []int
	options := GenerateOptions{Images: 3, Pick: 2, Seed: 11, PreviewEvery: 64,
		OnPicture: func(picture Picture) error { handed = append(handed, picture); return nil },
		OnProgress: func(p Progress) error {
			steps[p.Stage]++
			if p.Stage == StageEnlarging && (len(enlarged) == 0 || enlarged[len(enlarged)-1] != p.Number) {
				enlarged = append(enlarged, p.Number)
			}
			return nil
		},
		OnPreview: func(number, tokens int, picture *Image) error {
			if number < 0 || number > 2 || tokens < 1 || picture.Rect.Dx() != 128 {
				t.Error(number, tokens, picture.Rect)
			}
			previews++
			return nil
		}}
	pictures, err := pipeline.Generate(context.Background(), heart, options)
	must(t, err)
	if steps[StageDrawing] < 100 || steps[StageDecoding] == 0 || steps[StageRanking] == 0 || steps[StageEnlarging] == 0 || previews < 9 {
		t.Error(steps, previews)
	}
	if len(pictures) != 2 {
		t.Fatal(len(pictures))
	}
	best, second := pictures[0], pictures[1]
	if !reflect.DeepEqual(handed, pictures) || !reflect.DeepEqual(enlarged, []int{best.Number, second.Number}) {
		t.Error("pictures were handed over in another way than returned", len(handed), enlarged)
	}
	if !best.HasClipScore || best.ClipScore < second.ClipScore || best.Seed != 11 || best.PPL < 1 || best.Image.Rect.Dx() != 512 ||
		len(best.Tokens) != 256 || best.Number == second.Number {
		t.Error(best.HasClipScore, best.ClipScore, second.ClipScore, best.Seed, best.PPL, best.Image.Rect, len(best.Tokens))
	}

	// The parts outlive the pipeline they came from and give the same pixels.
	other, err := LoadPipeline(nano(), PipelineOptions{})
	must(t, err)
	tokenizer, err := other.Tokenizer()
	must(t, err)
	transformer, err := other.Transformer()
	must(t, err)
	vqgan, err := other.Vqgan()
	must(t, err)
	ruclip, err := other.RuClip()
	must(t, err)
	esrgan, err := other.RealEsrgan()
	must(t, err)
	must(t, other.Close())
	config, err := transformer.Config()
	must(t, err)
	text, err := tokenizer.EncodeForTransformer(heart, config.TextLength)
	must(t, err)
	// As the model's generation_config.json says.
	sampling := DrawOptions{FirstNumber: best.Number, Seed: 11, TopK: 512, TopP: 0.95}
	drawn, err := transformer.Draw(context.Background(), text, sampling)
	must(t, err)
	if !equalIDs(drawn[0].Tokens, best.Tokens) || drawn[0].PPL != best.PPL {
		t.Error("the transformer draws another picture than the pipeline")
	}
	decoded, err := vqgan.Decode([][]int32{best.Tokens}, config.Grid, config.Grid)
	must(t, err)
	large, err := esrgan.Upscale(context.Background(), decoded[0], UpscaleOptions{})
	must(t, err)
	if !reflect.DeepEqual(large, best.Image) {
		t.Error("the parts give other pixels than the pipeline")
	}
	if ruclip.Width() == 0 {
		t.Error("ruCLIP")
	}

	// An image prompt keeps the rows it is told to.
	continued, err := pipeline.Generate(context.Background(), heart, GenerateOptions{Images: 1, Rank: Off, SuperResolution: Off,
		ImagePrompt: &ImagePrompt{Image: decoded[0], Up: 8}})
	must(t, err)
	kept, err := vqgan.Encode(decoded[0])
	must(t, err)
	if !equalIDs(continued[0].Tokens[:8*16], kept[:8*16]) || continued[0].HasClipScore || continued[0].Image.Rect.Dx() != 128 {
		t.Error("the image prompt was not kept")
	}
	for _, part := range []interface{ Close() error }{tokenizer, transformer, vqgan, ruclip, esrgan} {
		must(t, part.Close())
	}
}

func TestPipelineOptions(t *testing.T) {
	var lines []string
	small, err := LoadPipeline(nano(), PipelineOptions{Rank: Off, SuperResolution: Off,
		ComputeOptions: ComputeOptions{Device: "cpu", Log: func(_ LogLevel, line string) { lines = append(lines, line) }},
		Vqgan:          nano("vae", "vqgan.gumbelf8.model.ckpt")})
	must(t, err)
	defer small.Close()
	if len(lines) == 0 {
		t.Error("silent")
	}
	if _, err := small.RuClip(); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := small.RealEsrgan(); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	_, err = LoadPipeline(nano(), PipelineOptions{Tokenizer: "/nonexistent.model"})
	fails(t, err, ErrNotFound, "/nonexistent.model")
	config, err := TransformerPreset("nano")
	must(t, err)
	config.Grid = 15
	_, err = LoadPipeline(nano(), PipelineOptions{TransformerConfig: &config})
	if err == nil {
		t.Error("a wrong configuration was accepted")
	}
}
