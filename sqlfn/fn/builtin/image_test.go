package builtin_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// picture is an image of one colour.
func picture(t *testing.T, format string, w, h int) value.Value {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.RGBA{G: 255, A: 255}})
	var b bytes.Buffer
	err := map[string]func() error{
		"jpeg": func() error { return jpeg.Encode(&b, img, nil) },
		"png":  func() error { return png.Encode(&b, img) },
		"gif":  func() error { return gif.Encode(&b, img, nil) },
	}[format]()
	if err != nil {
		t.Fatal(err)
	}
	return value.OfBytes(b.Bytes())
}

func callExact(name string, args ...value.Value) (value.Value, error) {
	return builtin.Registry().Lookup(name).Bind()(newEvaluator().ctx, args)
}

func TestAnImageKeepsFormatProportionsAndColour(t *testing.T) {
	for _, format := range []string{"jpeg", "png", "gif"} {
		for _, c := range []struct {
			name         string
			w, h         int64
			wantW, wantH int
		}{
			{"resize", 3, 7, 3, 7}, {"resize", 10, 0, 10, 5}, {"resize", 0, 10, 20, 10}, {"resize", 0, 0, 40, 20}, {"resize", 100, 0, 100, 50}, {"resize", 1, 0, 1, 1},
			{"thumbnail", 10, 10, 10, 5}, {"thumbnail", 30, 5, 10, 5}, {"thumbnail", 100, 100, 40, 20}, {"thumbnail", 40, 1, 2, 1},
		} {
			v, err := callExact(c.name, picture(t, format, 40, 20), value.OfInt(c.w), value.OfInt(c.h))
			if err != nil {
				t.Fatalf("%s %s: %v", c.name, format, err)
			}
			img, got, err := image.Decode(bytes.NewReader(v.Bytes()))
			if err != nil || got != format {
				t.Fatalf("%s %s to %d x %d: format %q, %v", c.name, format, c.w, c.h, got, err)
			}
			r, g, b, _ := img.At(0, 0).RGBA()
			if s := img.Bounds().Size(); s != image.Pt(c.wantW, c.wantH) || g < 0xf000 || r > 0xfff || b > 0xfff {
				t.Errorf("%s %s to %d x %d: got %v of colour %x %x %x", c.name, format, c.w, c.h, s, r, g, b)
			}
		}
	}
}

func TestImagesThatCannotBeAreRefused(t *testing.T) {
	bomb, err := base64.StdEncoding.DecodeString("R0lGODlh/////wAAACwAAAAAAQABAAACAkQBADs=") // 65535 x 65535 in 29 bytes
	if err != nil {
		t.Fatal(err)
	}
	small := picture(t, "png", 4, 4)
	cut := value.OfBytes(small.Bytes()[:small.Len()-20])
	for _, c := range []struct {
		img  value.Value
		w, h value.Value
		want string
	}{
		{value.OfBytes(bomb), value.OfInt(1), value.OfInt(1), "image of 65535 x 65535 is not possible"},
		{small, value.OfInt(1 << 20), value.OfInt(1 << 20), "is not possible, at most"},
		{small, value.OfInt(1 << 40), value.OfInt(1 << 40), "is not possible, at most"},
		{small, value.OfInt(1 << 24), value.OfInt(0), "is not possible, at most"},
		{small, value.OfInt(-1), value.OfInt(1), "is not possible, at most"},
		{small, value.OfFloat(1.5), value.OfInt(1), "expect int type but got float64(1.5)"},
		{cut, value.OfInt(1), value.OfInt(1), "image: "},
		{value.OfString("aGk="), value.OfInt(1), value.OfInt(1), `image is not BYTEA, use decode(.., "base64") for a text`},
		{value.OfBytes(nil), value.OfInt(1), value.OfInt(1), "image: unknown format"},
	} {
		if v, err := callExact("resize", c.img, c.w, c.h); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("resize to %v x %v: got %d bytes, %v, want error %s", c.w, c.h, v.Len(), err, c.want)
		}
	}
}
