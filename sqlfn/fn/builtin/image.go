package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"

	"golang.org/x/image/draw"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// images are functions on JPEG, PNG and GIF pictures.
func images() []*fn.Func {
	const red = `decode("R0lGODlhAQABAIAAAP8AAP///ywAAAAAAQABAAACAkQBADs=", "base64")` // GIF of one pixel
	return []*fn.Func{
		{Name: "resize", Sig: "(image bytea, width int, height int, raw? bool) -> bytea", Mark: 'C', Exact: true,
			Doc: param.T("A JPEG, PNG or GIF image in another size, in the same format; 0 as width or height keeps the proportions. With raw the result is three bytes, red, green, blue, a pixel.",
				"将 JPEG、PNG 或 GIF 图像缩放为指定大小，格式不变；宽或高为 0 时保持比例。raw 为 TRUE 时结果为每像素三个字节（红、绿、蓝）。"),
			Examples: []fn.Example{eg("resize("+red+", 2, 1, true)", `"/wAA/wAA"`), eg("resize(null, 2, 1)", "null"),
				eg(`resize(decode("aGk=", "base64"), 2, 1)`, "error: image: unknown format, want JPEG, PNG or GIF")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				w, h, err := imageSize(args[1], args[2])
				if err != nil {
					return null, err
				}
				raw := len(args) > 3 && args[3].IsTrue()
				return scaled(args[0], raw, func(from image.Point) image.Point { return proportional(from, w, h) })
			}},
		{Name: "thumbnail", Sig: "(image bytea, maxWidth int, maxHeight int) -> bytea", Mark: 'C', Exact: true,
			Doc: param.T("A JPEG, PNG or GIF image made small enough for a width and a height, in proportion and in the same format; a small one stays as it is.",
				"按比例缩小 JPEG、PNG 或 GIF 图像以适应最大宽高，格式不变；较小的图像保持原样。"),
			Examples: []fn.Example{eg("resize(thumbnail("+red+", 5, 5), 0, 0, true)", `"/wAA"`), eg("thumbnail(null, 5, 5)", "null"),
				eg("thumbnail("+red+", 0, 5)", "error: maximum size 0 x 5 of the image must be positive")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				w, h, err := imageSize(args[1], args[2])
				switch {
				case err != nil:
					return null, err
				case w == 0 || h == 0:
					return null, fmt.Errorf("maximum size %d x %d of the image must be positive", w, h)
				}
				return scaled(args[0], false, func(from image.Point) image.Point { return fitting(from, w, h) })
			}},
	}
}

// maxPixels bounds the memory that an image takes: a few bytes can announce a
// picture of any size.
const maxPixels = 32 << 20

func imageSize(width, height value.Value) (w, h int, err error) {
	i, err := fn.ToInt(width)
	if err != nil {
		return 0, 0, err
	}
	k, err := fn.ToInt(height)
	if err != nil {
		return 0, 0, err
	}
	if i < 0 || k < 0 || i > maxPixels || k > maxPixels || i*k > maxPixels {
		return 0, 0, fmt.Errorf("image size %d x %d is not possible, at most %d pixels are", i, k, maxPixels)
	}
	return int(i), int(k), nil
}

// proportional computes what is not given of a size.
func proportional(from image.Point, w, h int) image.Point {
	switch {
	case w == 0 && h == 0:
		return from
	case w == 0:
		w = max(1, int(math.Round(float64(h)*float64(from.X)/float64(from.Y))))
	case h == 0:
		h = max(1, int(math.Round(float64(w)*float64(from.Y)/float64(from.X))))
	}
	return image.Pt(w, h)
}

// fitting is the largest size of the same proportions, not larger than from.
func fitting(from image.Point, w, h int) image.Point {
	if from.X <= w && from.Y <= h {
		return from
	}
	if from.X*h > from.Y*w {
		return proportional(from, w, 0)
	}
	return proportional(from, 0, h)
}

// scaled decodes an image, changes its size and encodes it.
func scaled(v value.Value, raw bool, size func(from image.Point) image.Point) (value.Value, error) {
	if v.Kind() != value.Bytes {
		return null, errors.New(`image is not BYTEA, use decode(.., "base64") for a text`)
	}
	about, format, err := image.DecodeConfig(bytes.NewReader(v.Bytes()))
	switch {
	case errors.Is(err, image.ErrFormat):
		return null, errors.New("image: unknown format, want JPEG, PNG or GIF")
	case err != nil:
		return null, fmt.Errorf("image: %w", err)
	}
	from := image.Pt(about.Width, about.Height)
	if from.X <= 0 || from.Y <= 0 || from.X > maxPixels/from.Y {
		return null, fmt.Errorf("image of %d x %d is not possible, at most %d pixels are", from.X, from.Y, maxPixels)
	}
	to := size(from)
	switch {
	case to == from && !raw:
		return v, nil
	case to.X > maxPixels/to.Y:
		return null, fmt.Errorf("image size %d x %d is not possible, at most %d pixels are", to.X, to.Y, maxPixels)
	}
	src, _, err := image.Decode(bytes.NewReader(v.Bytes()))
	if err != nil {
		return null, fmt.Errorf("image: %w", err)
	}
	dst := image.NewRGBA(image.Rectangle{Max: to})
	draw.BiLinear.Scale(dst, dst.Bounds(), src, src.Bounds(), draw.Src, nil)
	if raw {
		return value.OfBytes(pixels(dst)), nil
	}
	return encodeImage(dst, format)
}

// pixels returns red, green and blue of each pixel, row by row.
func pixels(img *image.RGBA) []byte {
	out := make([]byte, 0, len(img.Pix)/4*3)
	for i := 0; i < len(img.Pix); i += 4 {
		out = append(out, img.Pix[i:i+3]...)
	}
	return out
}

func encodeImage(img image.Image, format string) (value.Value, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "png":
		err = png.Encode(&b, img)
	case "gif":
		err = gif.Encode(&b, img, nil)
	default:
		err = fmt.Errorf("format %s cannot be written", format)
	}
	if err != nil {
		return null, fmt.Errorf("image: %w", err)
	}
	return value.OfBytes(b.Bytes()), nil
}
