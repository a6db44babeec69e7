package file

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/format/delimited"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// reader reads one file once.
type reader struct {
	*Source
	ctx     context.Context
	env     sources.Env
	deliver func(sources.Message) error
	name    string
	at      place // behind what was delivered
	fate    *fate
	meta    row.Meta // of blocks of lines
	header  []byte   // line that is put in front of each payload, with its line end
}

// read delivers the file from r.at on.
func (r *reader) read() error {
	f, err := os.Open(r.name)
	if err != nil {
		return fmt.Errorf("file source: %w", err)
	}
	defer f.Close()
	in, done, err := r.inflate(f)
	if err != nil {
		return fmt.Errorf("file source: %s: %w", r.name, err)
	}
	defer done()
	r.meta = row.ObjectMeta{Obj: value.OfSorted([]value.Member{{Name: "file", Val: value.OfString(r.name)}})}
	switch r.fileType {
	case "json":
		err = r.documents(in)
	case "raw":
		err = r.whole(in)
	default:
		err = r.lines(in)
	}
	if err != nil && r.ctx.Err() == nil {
		return fmt.Errorf("file source: %s: %w", r.name, err)
	}
	return err
}

// inflate undoes the compression. An uncompressed file that became shorter
// than what was read of it is a new one.
func (r *reader) inflate(f *os.File) (io.Reader, func(), error) {
	switch r.decompression {
	case "gzip":
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case "zstd":
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() < r.at.Offset {
		r.at = place{File: r.at.File}
	}
	return f, func() {}, err
}

// whole delivers the file as one payload.
func (r *reader) whole(in io.Reader) error {
	if r.at.Offset > 0 {
		return nil
	}
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	r.at.Offset = int64(len(b))
	return r.send(sources.Message{Payload: b, Meta: r.meta})
}

// lines delivers blocks of lines, or single ones if they are to be paced or
// numbered.
func (r *reader) lines(in io.Reader) error {
	b := &blocks{in: in, hold: r.ignoreEnd, quoted: r.fileType == "csv", size: firstBlock}
	if err := r.preamble(b); err != nil {
		return err
	}
	b.prefix = r.header
	for {
		single := r.single()
		block, n, err := b.next(single)
		if err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if single {
			err = r.oneByOne(block[len(r.header):], b.quoted)
		} else {
			r.at.Offset += int64(n)
			r.at.Line += b.count
			err = r.send(sources.Message{Payload: block, Lines: true, Meta: r.meta})
		}
		if err != nil {
			return err
		}
	}
}

// single tells whether rows are to be delivered one by one.
func (r *reader) single() bool { return r.sendInterval > 0 || r.lineNumbers.Load() }

// preamble passes over the lines to be ignored, the header and what was
// delivered before a restart.
func (r *reader) preamble(b *blocks) error {
	skip, passed := r.ignoreStart, 0
	if r.fileType == "csv" && r.hasHeader {
		skip++
	}
	for i := range skip {
		line, err := b.line()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		passed += len(line)
		if i == r.ignoreStart && r.columns == nil {
			r.header = append(bytes.Clone(bytes.TrimRight(line, "\r\n")), '\n')
		}
	}
	if r.at.Offset > int64(passed) {
		return b.skip(r.at.Offset - int64(passed))
	}
	r.at.Offset, r.at.Line = int64(passed), skip
	return nil
}

// oneByOne delivers each line of a block for itself.
func (r *reader) oneByOne(block []byte, quoted bool) error {
	for len(block) > 0 {
		n, _ := delimited.LineEnd(block, quoted)
		line := block[:n:n]
		block = block[n:]
		r.at.Offset += int64(n)
		r.at.Line++
		payload := bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(payload)) == 0 {
			continue
		}
		if r.header != nil {
			payload = append(bytes.Clone(r.header), payload...)
		}
		if err := r.paced(sources.Message{Payload: payload, Meta: r.numbered()}); err != nil {
			return err
		}
	}
	return nil
}

// paced sends a message and waits for sendInterval.
func (r *reader) paced(m sources.Message) error {
	if err := r.send(m); err != nil || r.sendInterval == 0 {
		return err
	}
	return sleep(r.ctx, r.env, r.sendInterval)
}

// numbered is the meta of the line that r.at stands behind.
func (r *reader) numbered() row.Meta {
	return row.ObjectMeta{Obj: value.OfSorted([]value.Member{
		{Name: "file", Val: value.OfString(r.name)},
		{Name: "lineNo", Val: value.OfInt(int64(r.at.Line))},
	})}
}

// send delivers a message that ends at r.at.
func (r *reader) send(m sources.Message) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.at.File = filepath.Base(r.name)
	m.Offset, _ = json.Marshal(r.at)
	m.Ack = r.fate.ack()
	return r.deliver(m)
}
