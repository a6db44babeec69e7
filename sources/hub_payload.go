package sources

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// PayloadProps are the properties that every source has beside its own: how its
// payloads are to be read.
type PayloadProps struct {
	IntWhole bool // useInt64ForWholeNumber

	decompression string
	bufferLength  int
	inflate       func([]byte) ([]byte, error)
}

// Params declares the properties.
func (c *PayloadProps) Params(p *param.Set) {
	p.Bool(&c.IntWhole, "useInt64ForWholeNumber", false,
		param.T("whole JSON numbers of undeclared columns become BIGINT", "未声明列中的 JSON 整数作为 BIGINT"))
	p.String(&c.decompression, "decompression", "",
		param.T("how payloads are compressed", "负载的压缩方式"), param.OneOf("", "gzip", "zlib", "flate", "zstd"))
	p.Int(&c.bufferLength, "bufferLength", 1024,
		param.T("without effect, a rule's bufferLength counts", "无效果，以规则的 bufferLength 为准"), param.Min(1))
	p.Accept("connectionSelector", "resourceId", "concurrency", "sharedSubscription")
}

// Open makes a source of a registered type with its properties bound. A
// property that neither the driver nor PayloadProps declares is an error.
func Open(name string, props map[string]any) (Source, PayloadProps, error) {
	d, err := Lookup(name)
	if err != nil {
		return nil, PayloadProps{}, err
	}
	if d.New == nil {
		return nil, PayloadProps{}, diag.New(diag.Exec, "source %s is a lookup table and cannot be read as a stream", name).
			WithHint("write KIND=\"lookup\" in CREATE TABLE")
	}
	owner := fmt.Sprintf("source %q", name)
	src, own := d.New(), param.New(owner)
	src.Params(own)
	var c PayloadProps
	common := param.New(owner)
	c.Params(common)
	own.Include(common)
	if err := own.Bind(props); err != nil {
		return nil, PayloadProps{}, err
	}
	c.inflate = inflater(c.decompression)
	return src, c, nil
}

// maxInflated bounds what a small payload can grow to.
const maxInflated = 64 << 20

// inflater returns the function that undoes a compression, nil if there is none.
func inflater(method string) func([]byte) ([]byte, error) {
	var open func([]byte) (io.ReadCloser, error)
	switch method {
	case "gzip":
		open = func(p []byte) (io.ReadCloser, error) { return gzip.NewReader(bytes.NewReader(p)) }
	case "zlib":
		open = func(p []byte) (io.ReadCloser, error) { return zlib.NewReader(bytes.NewReader(p)) }
	case "flate":
		open = func(p []byte) (io.ReadCloser, error) { return flate.NewReader(bytes.NewReader(p)), nil }
	case "zstd":
		open = func(p []byte) (io.ReadCloser, error) {
			d, err := zstd.NewReader(bytes.NewReader(p), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInflated))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		}
	default:
		return nil
	}
	return func(p []byte) ([]byte, error) {
		r, err := open(p)
		if err != nil {
			return nil, fmt.Errorf("%s payload: %w", method, err)
		}
		defer r.Close()
		out, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s payload: %w", method, err)
		case len(out) > maxInflated:
			return nil, fmt.Errorf("%s payload: more than %d MiB when decompressed", method, maxInflated>>20)
		}
		return out, nil
	}
}
