// Draws pictures of a prompt and writes them as PNG files, showing how far it is. Ctrl-C stops it at once.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"kandinsky"
)

func main() {
	model := flag.String("model", "models/emojich-nano", "weights directory")
	images := flag.Int("images", 8, "pictures to draw")
	pick := flag.Int("pick", 4, "pictures to keep")
	seed := flag.Uint64("seed", 0, "random seed")
	out := flag.String("out", "pictures", "directory to write to")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: %s [options] PROMPT\n", filepath.Base(os.Args[0]))
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	options := kandinsky.GenerateOptions{Images: *images, Pick: *pick, Seed: *seed, OnProgress: show}
	if err := draw(*model, flag.Arg(0), *out, options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func draw(model, prompt, out string, options kandinsky.GenerateOptions) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	pipeline, err := kandinsky.LoadPipeline(model, kandinsky.PipelineOptions{})
	if err != nil {
		return err
	}
	defer pipeline.Close()
	pictures, err := pipeline.Generate(ctx, prompt, options)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return err
	}
	for i, picture := range pictures {
		path := filepath.Join(out, fmt.Sprintf("%d.png", i+1))
		if err := picture.Image.Save(path); err != nil {
			return err
		}
		fmt.Printf("%s  %.3f  (image %d, ppl %.1f)\n", path, picture.ClipScore, picture.Number, picture.PPL)
	}
	return nil
}

func show(p kandinsky.Progress) error {
	fmt.Fprintf(os.Stderr, "\r%-9s %3d/%d", p.Stage, p.Step, p.Steps)
	return nil
}
