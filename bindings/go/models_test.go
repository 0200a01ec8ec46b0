package kandinsky

import (
	"context"
	"errors"
	"image"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestTokenizer(t *testing.T) {
	tokenizer, err := LoadTokenizer(nano("tokenizer", "bpe.model"))
	must(t, err)
	defer tokenizer.Close()
	same, err := LoadTokenizerMemory(read(t, nano("tokenizer", "bpe.model")), "nano")
	must(t, err)
	defer same.Close()
	if tokenizer.VocabSize() < 100 || tokenizer.VocabSize() != same.VocabSize() {
		t.Error(tokenizer.VocabSize(), same.VocabSize())
	}
	ids, err := same.Encode("красное сердце")
	must(t, err)
	text, err := tokenizer.Decode(ids)
	must(t, err)
	if text != "красное сердце" {
		t.Error(text)
	}
	padded, err := tokenizer.EncodeForTransformer("  КРАСНОЕ сердце ", 32)
	must(t, err)
	if len(padded) != 32 || padded[0] != 2 || !equalIDs(padded[1:len(ids)+1], ids) || padded[len(ids)+1] != 3 {
		t.Error(padded)
	}
	padded, err = tokenizer.EncodeForRuClip("красное сердце", 16)
	must(t, err)
	if len(padded) != 16 || !equalIDs(padded[1:len(ids)+1], ids) {
		t.Error(padded)
	}
	empty, err := tokenizer.Encode("")
	must(t, err)
	text, err = tokenizer.Decode(empty)
	must(t, err)
	if len(empty) != 0 || text != "" {
		t.Error(empty, text)
	}

	_, err = tokenizer.Encode("\xff")
	fails(t, err, ErrInvalidArgument, "text")
	for _, length := range []int{-1, 1, 1 << 40} {
		_, err = tokenizer.EncodeForTransformer("кот", length)
		fails(t, err, ErrInvalidArgument, "length")
	}
	_, err = tokenizer.Decode([]int32{1 << 30})
	if err != nil && !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestTokenizerBatchDropoutPieces(t *testing.T) {
	tokenizer, err := LoadTokenizer(nano("tokenizer", "bpe.model"))
	must(t, err)
	defer tokenizer.Close()
	ids, err := tokenizer.Encode(heart)
	must(t, err)
	lists, err := tokenizer.EncodeBatch([]string{heart, "", heart}, 2)
	must(t, err)
	if len(lists) != 3 || !equalIDs(lists[0], ids) || len(lists[1]) != 0 || !equalIDs(lists[2], ids) {
		t.Error(lists)
	}
	none, err := tokenizer.EncodeWithDropout(heart, 0, 1)
	must(t, err)
	dropped, err := tokenizer.EncodeWithDropout(heart, 0.9, 9)
	must(t, err)
	again, err := tokenizer.EncodeWithDropout(heart, 0.9, 9)
	must(t, err)
	text, err := tokenizer.Decode(dropped)
	must(t, err)
	if !equalIDs(none, ids) || len(dropped) <= len(ids) || !equalIDs(dropped, again) || text != heart {
		t.Error(none, dropped, again, text)
	}
	piece, err := tokenizer.IDToPiece(ids[0])
	must(t, err)
	id, err := tokenizer.PieceToID(piece)
	must(t, err)
	unknown, err := tokenizer.PieceToID("no such piece")
	must(t, err)
	if !strings.HasPrefix(piece, "\u2581") || id != ids[0] || unknown != tokenizer.UnkID() {
		t.Error(piece, id, unknown)
	}
	if tokenizer.PadID() != 0 || tokenizer.UnkID() != 1 || tokenizer.BosID() != 2 || tokenizer.EosID() != 3 || tokenizer.Kind() != "yttm" {
		t.Error(tokenizer.PadID(), tokenizer.UnkID(), tokenizer.BosID(), tokenizer.EosID(), tokenizer.Kind())
	}

	_, err = tokenizer.EncodeBatch([]string{"кот", "a\x00b"}, 0)
	fails(t, err, ErrInvalidArgument, "texts")
	_, err = tokenizer.EncodeBatch(nil, 5000)
	fails(t, err, ErrInvalidArgument, "threads")
	_, err = tokenizer.EncodeWithDropout("кот", 1.5, 0)
	fails(t, err, ErrInvalidArgument, "probability")
	_, err = tokenizer.IDToPiece(-1)
	fails(t, err, ErrInvalidArgument, "id")
}

func TestTransformer(t *testing.T) {
	var lines []string
	options := ComputeOptions{Device: "cpu", Precision: PrecisionFP32, Threads: 2,
		Log: func(level LogLevel, message string) { lines = append(lines, message) }}
	transformer, err := LoadTransformer(nano("rudalle_kandinsky.bin"), nil, options)
	must(t, err)
	defer transformer.Close()
	if len(lines) != 1 || transformer.Device() != "cpu" || transformer.Precision() != PrecisionFP32 ||
		transformer.ParameterCount() < 11_000_000 {
		t.Error(lines, transformer.Device(), transformer.Precision(), transformer.ParameterCount())
	}
	config, err := transformer.Config()
	must(t, err)
	preset, err := TransformerPreset("nano")
	must(t, err)
	if config != preset {
		t.Errorf("%+v, expected %+v", config, preset)
	}
	same, err := LoadTransformerMemory(read(t, nano("rudalle_kandinsky.bin")), "nano", &config, ComputeOptions{})
	must(t, err)
	defer same.Close()

	tokenizer, err := loaded(t).Tokenizer()
	must(t, err)
	defer tokenizer.Close()
	text, err := tokenizer.EncodeForTransformer("солнце", config.TextLength)
	must(t, err)
	length := config.Grid * config.Grid
	forced := make([]int32, length)
	for i := range forced {
		forced[i] = -1
		if i < 10 {
			forced[i] = int32(i)
		}
	}
	steps, seen := 0, map[int][][]int32{}
	drawn, err := transformer.Draw(context.Background(), text, DrawOptions{Images: 2, FirstNumber: 5, Seed: 7, Forced: forced,
		OnProgress: func(p Progress) error {
			if p.Stage != StageDrawing || p.Images != 2 || p.Step > p.Steps {
				t.Errorf("%+v", p)
			}
			steps++
			return nil
		},
		PreviewEvery: 100,
		OnPreview: func(number int, tokens []int32) error {
			seen[number] = append(seen[number], tokens)
			return nil
		}})
	must(t, err)
	for _, image := range drawn {
		previews := seen[image.Number]
		if len(previews) < 2 || len(previews[1]) <= len(previews[0]) {
			t.Error(image.Number, previews)
		}
		for _, tokens := range previews {
			if !equalIDs(tokens, image.Tokens[:len(tokens)]) {
				t.Error("a preview differs from the image")
			}
		}
	}
	stop := errors.New("stop")
	_, err = transformer.Draw(context.Background(), text, DrawOptions{PreviewEvery: 1,
		OnPreview: func(int, []int32) error { return stop }})
	if !errors.Is(err, ErrCancelled) || !errors.Is(err, stop) {
		t.Error(err)
	}
	if steps < length-10 || len(drawn) != 2 || drawn[1].Number != 6 || len(drawn[1].Tokens) != length ||
		!equalIDs(drawn[1].Tokens[:10], forced[:10]) || drawn[0].PPL < 1 {
		t.Error(steps, drawn)
	}
	// The same image on its own, from the model in memory.
	alone, err := same.Draw(context.Background(), text, DrawOptions{FirstNumber: 6, Seed: 7, Forced: forced})
	must(t, err)
	if len(alone) != 1 || !reflect.DeepEqual(alone[0], drawn[1]) {
		t.Error("the image differs")
	}

	tokens := drawn[1].Tokens
	logits, err := transformer.Logits(text, tokens[:3])
	must(t, err)
	if len(logits) != len(text)+3 || len(logits[0]) != config.TextVocab+config.ImageVocab {
		t.Error(len(logits), len(logits[0]))
	}
	losses, err := transformer.Losses([][]int32{text}, [][]int32{tokens})
	must(t, err)
	if losses.Text <= 0 || math.Abs(losses.Total-(losses.Text+7*losses.Image)/8) > 1e-6 {
		t.Errorf("%+v", losses)
	}

	ppl, err := transformer.PPL(text, tokens)
	must(t, err)
	if math.Abs(ppl/drawn[1].PPL-1) > 1e-4 {
		t.Error(ppl, drawn[1].PPL)
	}

	_, err = transformer.PPL(text, tokens[:5])
	fails(t, err, ErrInvalidArgument, "image")
	_, err = transformer.Losses([][]int32{text}, [][]int32{tokens[:5]})
	fails(t, err, ErrInvalidArgument, "images")
	_, err = transformer.Losses([][]int32{text}, nil)
	fails(t, err, ErrInvalidArgument, "images")
	_, err = transformer.Logits(text[:3], nil)
	fails(t, err, ErrInvalidArgument, "text")
	_, err = transformer.Draw(context.Background(), nil, DrawOptions{})
	fails(t, err, ErrInvalidArgument, "text")
	_, err = transformer.Draw(context.Background(), text, DrawOptions{Forced: []int32{1}})
	fails(t, err, ErrInvalidArgument, "forced")
}

func TestTopK(t *testing.T) {
	var a arguments
	if a.topK(0, 4096) != 4096 || a.topK(AllIDs, 4096) != 0 || a.topK(5, 4096) != 5 || a.err != nil {
		t.Error("top_k")
	}
	if a.border("padding", 0, 24) != 24 || a.border("padding", NoBorder, 24) != 0 || a.border("padding", 3, 24) != 3 || a.err != nil {
		t.Error("border")
	}
	if Default.c() != 1 || On.c() != 1 || Off.c() != 0 {
		t.Error("Switch")
	}
}

func TestVqganDecoder(t *testing.T) {
	vqgan, err := LoadVqganDecoder(nano("vae", "vqgan.gumbelf8.model.ckpt"), ComputeOptions{})
	must(t, err)
	defer vqgan.Close()
	same, err := LoadVqganDecoderMemory(read(t, nano("vae", "vqgan.gumbelf8.model.ckpt")), "",
		string(read(t, nano("vae", "config.json"))), ComputeOptions{})
	must(t, err)
	defer same.Close()
	if vqgan.ParameterCount() == 0 || vqgan.Downsampling() != 8 || vqgan.CodebookSize() < 100 {
		t.Error(vqgan.Downsampling(), vqgan.CodebookSize())
	}
	rows := [][]int32{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}}
	pictures, err := vqgan.Decode(rows, 2, 3)
	must(t, err)
	others, err := same.Decode(rows, 2, 3)
	must(t, err)
	if len(pictures) != 2 || pictures[1].Rect != image.Rect(0, 0, 24, 16) || !reflect.DeepEqual(pictures, others) {
		t.Error(len(pictures), pictures[1].Rect)
	}
	tokens, err := vqgan.Encode(pictures[1])
	must(t, err)
	if len(tokens) != 6 {
		t.Error(tokens)
	}

	_, err = vqgan.Decode(rows, 2, 2)
	fails(t, err, ErrInvalidArgument, "tokens")
	_, err = vqgan.Decode(rows, -2, -3)
	fails(t, err, ErrInvalidArgument, "grid")
	_, err = vqgan.Decode(rows, 1<<30, 1<<30)
	fails(t, err, ErrInvalidArgument, "tokens")
	_, err = vqgan.Decode([][]int32{{1, 2, 3, 1 << 30}}, 2, 2)
	fails(t, err, ErrInvalidArgument, "tokens")
	_, err = vqgan.Encode(NewImage(9, 9))
	fails(t, err, ErrInvalidArgument, "image")
}

func TestRuClip(t *testing.T) {
	ruclip, err := LoadRuClip(nano("ruclip"), ComputeOptions{})
	must(t, err)
	defer ruclip.Close()
	tokenizer, err := LoadTokenizer(nano("ruclip", "bpe.model"))
	must(t, err)
	same, err := LoadRuClipMemory(read(t, nano("ruclip", "pytorch_model.bin")), "nano",
		string(read(t, nano("ruclip", "config.json"))), tokenizer, ComputeOptions{})
	tokenizer.Close()
	must(t, err)
	defer same.Close()

	pictures := []image.Image{image.NewGray(image.Rect(0, 0, 20, 30)), gradient(20, 20)}
	texts := []string{"красный круг", "синий круг", "кот"}
	scores, err := ruclip.Scores(texts, pictures)
	must(t, err)
	others, err := same.Scores(texts, pictures)
	must(t, err)
	if len(scores) != 3 || len(scores[0]) != 2 || !reflect.DeepEqual(scores, others) {
		t.Error(scores, others)
	}
	latents, err := ruclip.ImageLatents(pictures)
	must(t, err)
	captions, err := ruclip.TextLatents(texts, nil)
	must(t, err)
	dot := 0.0
	for i := range latents[1] {
		dot += float64(latents[1][i]) * float64(captions[2][i])
	}
	if len(latents) != 2 || len(captions) != 3 || len(latents[0]) != ruclip.Width() || math.Abs(dot-float64(scores[2][1])) > 1e-5 {
		t.Error(len(latents), len(captions), dot, scores[2][1])
	}
	plain, err := ruclip.TextLatents(texts, []string{"{}"})
	must(t, err)
	if reflect.DeepEqual(plain, captions) {
		t.Error("templates do nothing")
	}

	ranked, err := ruclip.Rank(texts[2], pictures, 9)
	must(t, err)
	if len(ranked) != 2 || ranked[0].Score < ranked[1].Score || ranked[0].Index+ranked[1].Index != 1 ||
		math.Abs(float64(ranked[0].Score-scores[2][ranked[0].Index])) > 1e-5 {
		t.Error(ranked, scores[2])
	}
	best, err := ruclip.Rank(texts[2], pictures, 1)
	must(t, err)
	if len(best) != 1 || best[0] != ranked[0] {
		t.Error(best)
	}
	own, err := ruclip.Tokenizer()
	must(t, err)
	defer own.Close()
	captionIDs, err := own.EncodeForRuClip(texts[0], ruclip.ContextLength())
	must(t, err)
	if len(captionIDs) < 3 || ruclip.Resolution() == 0 || ruclip.ParameterCount() == 0 {
		t.Error(len(captionIDs), ruclip.Resolution(), ruclip.ParameterCount())
	}

	_, err = ruclip.Rank(texts[2], pictures, 0)
	fails(t, err, ErrInvalidArgument, "pick")
	_, err = ruclip.Scores([]string{"\xff"}, pictures)
	fails(t, err, ErrInvalidArgument, "texts")
	_, err = ruclip.Scores(texts, []image.Image{nil})
	fails(t, err, ErrInvalidArgument, "images")
	_, err = ruclip.TextLatents(texts, []string{"no braces"})
	if !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	none, err := ruclip.Scores(nil, pictures)
	if err == nil && len(none) != 0 {
		t.Error(none)
	}
}

func TestRealEsrgan(t *testing.T) {
	esrgan, err := LoadRealEsrgan(nano("x4", "RealESRGAN_x4.pth"), ComputeOptions{})
	must(t, err)
	defer esrgan.Close()
	same, err := LoadRealEsrganMemory(read(t, nano("x4", "RealESRGAN_x4.pth")), "nano", ComputeOptions{})
	must(t, err)
	defer same.Close()
	steps := 0
	large, err := esrgan.Upscale(context.Background(), gradient(16, 8), UpscaleOptions{OnProgress: func(p Progress) error {
		steps++
		return nil
	}})
	must(t, err)
	other, err := same.Upscale(context.Background(), gradient(16, 8), UpscaleOptions{})
	must(t, err)
	if esrgan.ParameterCount() == 0 || esrgan.Scale() != 4 || large.Rect != image.Rect(0, 0, 64, 32) || steps == 0 || !reflect.DeepEqual(large, other) {
		t.Error(esrgan.Scale(), large.Rect, steps)
	}
	bare, err := esrgan.Upscale(context.Background(), gradient(16, 8), UpscaleOptions{Padding: NoBorder, Mirror: NoBorder})
	must(t, err)
	if reflect.DeepEqual(bare, large) {
		t.Error("borders do nothing")
	}
	_, err = esrgan.Upscale(context.Background(), nil, UpscaleOptions{})
	fails(t, err, ErrInvalidArgument, "image")
	_, err = esrgan.Upscale(context.Background(), gradient(8, 8), UpscaleOptions{Mirror: -2})
	fails(t, err, ErrInvalidArgument, "mirror")
	_, err = esrgan.Upscale(context.Background(), gradient(8, 8), UpscaleOptions{Tile: 10})
	fails(t, err, ErrInvalidArgument, "tile")
}
