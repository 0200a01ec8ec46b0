package kandinsky

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

var endless = GenerateOptions{Images: 256}

func TestTimeout(t *testing.T) {
	pipeline := loaded(t)
	ctx, stop := context.WithTimeout(context.Background(), 150*time.Millisecond)
	defer stop()
	start := time.Now()
	_, err := pipeline.Generate(ctx, heart, endless)
	fails(t, err, ErrCancelled, "")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || time.Since(start) > 20*time.Second {
		t.Error(err, time.Since(start))
	}
}

// One processor of the scheduler must do: the goroutine in C does not hold it.
func TestCancelFromAnotherGoroutine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	pipeline := loaded(t)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	var steps, asked atomic.Int64
	options := endless
	options.OnProgress = func(Progress) error { steps.Add(1); return nil }
	go func() {
		for steps.Load() < 5 {
			time.Sleep(time.Millisecond)
		}
		asked.Store(time.Now().UnixNano())
		cancel()
	}()
	_, err := pipeline.Generate(ctx, heart, options)
	took := time.Duration(time.Now().UnixNano() - asked.Load())
	if !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) || took > 20*time.Second {
		t.Error(err, took)
	}
	t.Log("cancelled after", took)
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i > 1000 {
			t.Fatal("goroutines are left behind")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestContextThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	pipeline := loaded(t)
	_, err := pipeline.Generate(ctx, heart, GenerateOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	esrgan, err := pipeline.RealEsrgan()
	must(t, err)
	defer esrgan.Close()
	if _, err = esrgan.Upscale(ctx, gradient(8, 8), UpscaleOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	transformer, err := pipeline.Transformer()
	must(t, err)
	defer transformer.Close()
	if _, err = transformer.Draw(ctx, make([]int32, 32), DrawOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCallbacksCancel(t *testing.T) {
	pipeline := loaded(t)
	enough := errors.New("enough")
	for stage := StageDrawing; stage <= StageEnlarging; stage++ {
		calls := 0
		_, err := pipeline.Generate(context.Background(), heart, GenerateOptions{Images: 1, OnProgress: func(p Progress) error {
			if p.Stage == stage {
				calls++
				return enough
			}
			return nil
		}})
		if !errors.Is(err, ErrCancelled) || !errors.Is(err, enough) || calls != 1 {
			t.Error(stage, err, calls)
		}
	}
	_, err := pipeline.Generate(context.Background(), heart, GenerateOptions{Images: 1, PreviewEvery: 16,
		OnPreview: func(_, tokens int, _ *Image) error {
			if tokens >= 32 {
				return enough
			}
			return nil
		}})
	if !errors.Is(err, ErrCancelled) || !errors.Is(err, enough) {
		t.Error(err)
	}
}

func recovered(call func()) (value any) {
	defer func() { value = recover() }()
	call()
	return nil
}

// A panic passes the library by, and leaves everything usable.
func TestCallbacksPanic(t *testing.T) {
	pipeline := loaded(t)
	value := recovered(func() {
		pipeline.Generate(context.Background(), heart, GenerateOptions{Images: 1, OnProgress: func(Progress) error { panic("oops") }})
	})
	if value != "oops" {
		t.Error(value)
	}
	value = recovered(func() {
		pipeline.Generate(context.Background(), heart, GenerateOptions{Images: 1, PreviewEvery: 16,
			OnPreview: func(int, int, *Image) error { var m map[string]int; m["x"] = 1; return nil }})
	})
	if _, is := value.(runtime.Error); !is {
		t.Error(value)
	}
	value = recovered(func() {
		LoadTransformer(nano("rudalle_kandinsky.bin"), nil, ComputeOptions{Log: func(LogLevel, string) { panic("log") }})
	})
	if value != "log" {
		t.Error(value)
	}
	pictures, err := pipeline.Generate(context.Background(), heart, GenerateOptions{Images: 1, SuperResolution: Off})
	must(t, err)
	if len(pictures) != 1 || pipeline.handle.calls != 0 {
		t.Error(len(pictures), pipeline.handle.calls)
	}
}
