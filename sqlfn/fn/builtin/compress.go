package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func compressions() []*fn.Func {
	return []*fn.Func{
		{Name: "compress", Sig: "(x any, method string) -> bytea", Mark: 'C',
			Doc: param.T("The text or bytes of x compressed by zlib, gzip, flate or zstd.", "用 zlib、gzip、flate 或 zstd 压缩 x。"),
			Examples: []fn.Example{eg(`cast(decompress(compress("hi", "zstd"), "zstd"), "string")`, `"hi"`), eg(`compress(null, "gzip")`, "null"),
				eg(`compress("hi", "lz4")`, "error: unsupported compressor: lz4")},
			NewEval: func() fn.EvalFunc {
				w := last[compressor]{build: newCompressor}
				return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
					c, err := w.of(args[1])
					if err != nil {
						return null, err
					}
					return compress(c, textBytes(args[0]))
				}
			}},
		{Name: "decompress", Sig: "(x any, method string) -> bytea", Mark: 'C',
			Doc: param.T("The bytes that compress was given.", "还原 compress 压缩的字节。"),
			Examples: []fn.Example{eg(`cast(decompress(compress("hi", "gzip"), "gzip"), "string")`, `"hi"`), eg(`decompress(null, "gzip")`, "null"),
				eg(`decompress("hi", "lz4")`, "error: unsupported decompressor: lz4")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				b, err := decompress(textBytes(args[0]), args[1].String())
				return value.OfBytes(b), err
			}},
	}
}

func textBytes(v value.Value) []byte {
	if k := v.Kind(); k == value.String || k == value.Bytes {
		return v.Bytes()
	}
	return []byte(v.String())
}

type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

func newCompressor(method string) (compressor, error) {
	switch method {
	case "zlib":
		return zlib.NewWriter(nil), nil
	case "gzip":
		return gzip.NewWriter(nil), nil
	case "flate":
		return flate.NewWriter(nil, flate.DefaultCompression)
	case "zstd":
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	}
	return nil, fmt.Errorf("unsupported compressor: %s", method)
}

func compress(c compressor, b []byte) (value.Value, error) {
	var out bytes.Buffer
	c.Reset(&out)
	if _, err := c.Write(b); err != nil {
		return null, err
	}
	if err := c.Close(); err != nil {
		return null, err
	}
	return value.OfBytes(out.Bytes()), nil
}

// maxUnpacked bounds what a small message can unpack to.
const maxUnpacked = 64 << 20

func decompress(b []byte, method string) ([]byte, error) {
	var r io.Reader
	var err error
	switch in := bytes.NewReader(b); method {
	case "zlib":
		r, err = zlib.NewReader(in)
	case "gzip":
		r, err = gzip.NewReader(in)
	case "flate":
		r = flate.NewReader(in)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked)); err == nil {
			defer d.Close()
			r = d
		}
	default:
		err = fmt.Errorf("unsupported decompressor: %s", method)
	}
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err == nil && len(out) > maxUnpacked {
		err = errors.New("decompress gives more than 64 MiB")
	}
	return out, err
}
