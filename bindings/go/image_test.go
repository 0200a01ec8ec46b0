package kandinsky

import (
	stdbytes "bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"path/filepath"
	"testing"
)

func gradient(width, height int) *Image {
	made := NewImage(width, height)
	for i := range made.Pix {
		made.Pix[i] = uint8(i * 7)
	}
	return made
}

func TestImageFiles(t *testing.T) {
	made := gradient(5, 4)
	path := filepath.Join(t.TempDir(), "картинка.png")
	must(t, made.Save(path))
	again, err := LoadImage(path)
	must(t, err)
	if again.Rect != made.Rect || !stdbytes.Equal(again.Pix, made.Pix) {
		t.Error("a PNG file gives other pixels")
	}
	decoded, err := png.Decode(stdbytes.NewReader(read(t, path)))
	must(t, err)
	if decoded.At(3, 2) != made.At(3, 2) {
		t.Error(decoded.At(3, 2), made.At(3, 2))
	}

	data, err := made.EncodePNG()
	must(t, err)
	again, err = DecodeImage(data)
	must(t, err)
	if !stdbytes.Equal(again.Pix, made.Pix) {
		t.Error("PNG bytes give other pixels")
	}
	large := gradient(64, 64)
	fine, err := large.EncodeJPEG(95)
	must(t, err)
	rough, err := large.EncodeJPEG(5)
	must(t, err)
	if len(rough) >= len(fine) || fine[0] != 0xff {
		t.Error(len(rough), len(fine))
	}

	_, err = large.EncodeJPEG(101)
	fails(t, err, ErrInvalidArgument, "quality")
	_, err = DecodeImage([]byte("no picture"))
	fails(t, err, ErrBadFile, "<memory>")
	fails(t, made.Save("picture.bmp"), ErrInvalidArgument, "picture.bmp")
	fails(t, NewImage(0, 3).Save(path), ErrInvalidArgument, "image")
	fails(t, (&Image{Pix: make([]uint8, 5), Stride: 6, Rect: image.Rect(0, 0, 2, 1)}).Save(path), ErrInvalidArgument, "image")
	fails(t, (*Image)(nil).Save(path), ErrInvalidArgument, "image")
}

func TestImageIsAnImage(t *testing.T) {
	made := gradient(6, 3)
	copied := image.NewRGBA(made.Bounds())
	draw.Draw(copied, copied.Rect, made, image.Point{}, draw.Src)
	for y := 0; y < 3; y++ {
		for x := 0; x < 6; x++ {
			if copied.At(x, y) != made.At(x, y) {
				t.Fatal(x, y, copied.At(x, y), made.At(x, y))
			}
		}
	}
	if !stdbytes.Equal(FromImage(copied).Pix, made.Pix) {
		t.Error("there and back differs")
	}
	if made.At(6, 0) != (color.RGBA{}) || !made.Opaque() {
		t.Error("outside")
	}
	made.Set(1, 1, color.NRGBA{R: 200, G: 100, B: 50, A: 128})
	if made.At(1, 1) != (color.RGBA{R: 200, G: 100, B: 50, A: 255}) {
		t.Error(made.At(1, 1))
	}
	made.Set(9, 9, color.White)
}

func TestFromImageDropsAlphaAndOrigin(t *testing.T) {
	source := image.NewNRGBA(image.Rect(10, 20, 12, 21))
	source.SetNRGBA(10, 20, color.NRGBA{R: 200, G: 100, B: 50, A: 128})
	source.SetNRGBA(11, 20, color.NRGBA{R: 1, G: 2, B: 3, A: 255})
	made := FromImage(source)
	if made.Rect != image.Rect(0, 0, 2, 1) || !stdbytes.Equal(made.Pix, []uint8{200, 100, 50, 1, 2, 3}) {
		t.Error(made)
	}
}
