package kandinsky

// #include "bridge.h"
import "C"

import (
	"image"
	"image/color"
	"image/draw"
	"unsafe"
)

// Image is a picture of 8-bit red, green and blue, without alpha. It is an image.Image (and a draw.Image) in Go memory,
// for png.Encode and whatever else takes one.
type Image struct {
	// Pix has three bytes a pixel. The pixel at (x, y) starts at Pix[(y-Rect.Min.Y)*Stride + (x-Rect.Min.X)*3].
	Pix    []uint8
	Stride int
	Rect   image.Rectangle
}

// NewImage makes a black picture.
func NewImage(width, height int) *Image {
	return &Image{Pix: make([]uint8, width*height*3), Stride: width * 3, Rect: image.Rect(0, 0, width, height)}
}

// FromImage copies any picture; alpha is dropped, as it is from files.
func FromImage(source image.Image) *Image {
	bounds := source.Bounds()
	straight := image.NewNRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	draw.Draw(straight, straight.Rect, source, bounds.Min, draw.Src)
	made := NewImage(bounds.Dx(), bounds.Dy())
	for from, to := 0, 0; to < len(made.Pix); from, to = from+4, to+3 {
		copy(made.Pix[to:to+3], straight.Pix[from:])
	}
	return made
}

// LoadImage reads a PNG or JPEG file, detected by content. Grey and palettes become RGB, alpha is dropped.
func LoadImage(path string) (*Image, error) {
	var a arguments
	defer a.free()
	name := a.text("path", path)
	if a.err != nil {
		return nil, a.err
	}
	return takeImage(func(made **C.kandinsky_image, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_image_load(name, made, e)
	})
}

// DecodeImage reads the bytes of a PNG or JPEG file.
func DecodeImage(data []byte) (*Image, error) {
	return takeImage(func(made **C.kandinsky_image, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_image_decode(bytes(data), C.size_t(len(data)), made, e)
	})
}

// Save writes a file whose format follows its name: .png, .jpg, .jpeg. The file is whole or not there.
func (m *Image) Save(path string) error {
	var a arguments
	defer a.free()
	name, made := a.text("path", path), a.image("image", m)
	if a.err != nil {
		return a.err
	}
	return try(func(e *C.kandinsky_error) C.kandinsky_status { return C.kandinsky_image_save(made, name, e) })
}

// EncodePNG returns the bytes of a PNG file.
func (m *Image) EncodePNG() ([]byte, error) { return m.encode(C.KANDINSKY_FORMAT_PNG, 100) }

// EncodeJPEG returns the bytes of a JPEG file. quality: 1..100.
func (m *Image) EncodeJPEG(quality int) ([]byte, error) {
	return m.encode(C.KANDINSKY_FORMAT_JPEG, quality)
}

func (m *Image) encode(format C.int32_t, quality int) ([]byte, error) {
	var a arguments
	defer a.free()
	made, level := a.image("image", m), a.int("quality", quality)
	if a.err != nil {
		return nil, a.err
	}
	return takeBuffer(func(buffer **C.kandinsky_buffer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_image_encode(made, format, level, buffer, e)
	})
}

// Bounds is Rect.
func (m *Image) Bounds() image.Rectangle { return m.Rect }

// ColorModel is that of opaque colours.
func (m *Image) ColorModel() color.Model { return color.RGBAModel }

// Opaque is true: encoders write no alpha.
func (m *Image) Opaque() bool { return true }

// At is a color.RGBA.
func (m *Image) At(x, y int) color.Color {
	if !(image.Point{X: x, Y: y}).In(m.Rect) {
		return color.RGBA{}
	}
	p := m.Pix[m.offset(x, y):]
	return color.RGBA{R: p[0], G: p[1], B: p[2], A: 255}
}

// RGBA64At is At for image/draw, which is faster by it.
func (m *Image) RGBA64At(x, y int) color.RGBA64 {
	r, g, b, a := m.At(x, y).RGBA()
	return color.RGBA64{R: uint16(r), G: uint16(g), B: uint16(b), A: uint16(a)}
}

// Set drops the colour's alpha.
func (m *Image) Set(x, y int, c color.Color) {
	if !(image.Point{X: x, Y: y}).In(m.Rect) {
		return
	}
	straight := color.NRGBAModel.Convert(c).(color.NRGBA)
	p := m.Pix[m.offset(x, y):]
	p[0], p[1], p[2] = straight.R, straight.G, straight.B
}

func (m *Image) offset(x, y int) int { return (y-m.Rect.Min.Y)*m.Stride + (x-m.Rect.Min.X)*3 }

// newImage copies a picture to C.
func newImage(name string, source image.Image) (*C.kandinsky_image, error) {
	m, ours := source.(*Image)
	if source == nil || (ours && m == nil) {
		return nil, invalid(name, "is nil, expected a picture")
	}
	width, height := source.Bounds().Dx(), source.Bounds().Dy()
	if width < 1 || height < 1 || width > 65535 || height > 65535 {
		return nil, invalid(name, "has %d x %d pixels, expected sides of 1..65535", width, height)
	}
	if !ours {
		m = FromImage(source)
	}
	if m.Stride < width*3 || len(m.Pix)/m.Stride < height-1 || len(m.Pix) < (height-1)*m.Stride+width*3 {
		return nil, invalid(name, "has %d bytes of pixels in rows of %d, too few for %d x %d pixels", len(m.Pix), m.Stride,
			width, height)
	}
	var made *C.kandinsky_image
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_image_new(C.int32_t(width), C.int32_t(height), C.size_t(m.Stride), bytes(m.Pix), &made, e)
	})
	return made, err
}

// goImage copies a picture from C.
func goImage(source *C.kandinsky_image) *Image {
	made := NewImage(int(C.kandinsky_image_width(source)), int(C.kandinsky_image_height(source)))
	stride := int(C.kandinsky_image_stride(source))
	pixels := unsafe.Slice((*uint8)(C.kandinsky_image_pixels(source)), stride*made.Rect.Dy())
	for y := 0; y < made.Rect.Dy(); y++ {
		copy(made.Pix[y*made.Stride:(y+1)*made.Stride], pixels[y*stride:])
	}
	return made
}

// takeImage copies the picture that a call makes.
func takeImage(call func(**C.kandinsky_image, *C.kandinsky_error) C.kandinsky_status) (*Image, error) {
	var made *C.kandinsky_image
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(&made, e) }); err != nil {
		return nil, err
	}
	defer C.kandinsky_image_release(made)
	return goImage(made), nil
}
