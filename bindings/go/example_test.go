package kandinsky_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"kandinsky"
)

func Example() {
	pipeline, err := kandinsky.LoadPipeline("../../models/emojich-nano", kandinsky.PipelineOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer pipeline.Close()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	pictures, err := pipeline.Generate(ctx, "красное сердце на синем фоне", kandinsky.GenerateOptions{Images: 2, Pick: 1, Seed: 7})
	if err != nil {
		log.Fatal(err)
	}
	for _, picture := range pictures {
		fmt.Println(picture.Image.Bounds(), picture.HasClipScore)
	}
	// Output: (0,0)-(512,512) true
}
