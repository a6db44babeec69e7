package sinks

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// packer compresses one payload after the other. One goroutine uses it.
type packer struct {
	buf bytes.Buffer
	w   interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	zstd *zstd.Encoder
}

// newPacker returns the packer of a compression, nil for none.
func newPacker(method string) (*packer, error) {
	p := &packer{}
	var err error
	switch method {
	case "gzip":
		p.w = gzip.NewWriter(&p.buf)
	case "zlib":
		p.w = zlib.NewWriter(&p.buf)
	case "flate":
		p.w, err = flate.NewWriter(&p.buf, flate.DefaultCompression)
	case "zstd":
		p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	default:
		return nil, nil
	}
	return p, err
}

// pack returns the compressed text in memory of its own.
func (p *packer) pack(text []byte) ([]byte, error) {
	if p.zstd != nil {
		return p.zstd.EncodeAll(text, nil), nil
	}
	p.buf.Reset()
	p.w.Reset(&p.buf)
	if _, err := p.w.Write(text); err != nil {
		return nil, err
	}
	if err := p.w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(p.buf.Bytes()), nil
}
