package file

import (
	"bytes"
	"errors"
	"io"

	"github.com/edgesluice/sluice/sqlfn/format/delimited"
)

const (
	firstBlock = 16 << 10
	maxBlock   = 256 << 10
	blockLines = 960      // aimed at in a block: a batch of rows, with room for shorter lines
	maxLine    = 64 << 20 // a longer line is an error
)

// blocks cuts a stream of bytes into blocks of whole lines.
type blocks struct {
	in     io.Reader
	prefix []byte // stands in front of each block
	hold   int    // lines at the end of the file that are left out
	quoted bool   // CSV: a line end in quotes is none
	size   int    // of the next block
	rest   []byte // read, but not yet given out
	again  []byte // memory of the last block, if it may be used again
	eof    bool
	count  int // lines of the last block
}

// next returns the next block, with the prefix in front, and the number of
// bytes behind the prefix. A block that is not to be kept is valid until the
// next call.
func (b *blocks) next(keep bool) (block []byte, n int, err error) {
	if keep {
		b.again = nil
	}
	for size := b.size; ; size *= 2 {
		buf, err := b.fill(size)
		if err != nil {
			return nil, 0, err
		}
		if !keep {
			b.again = buf
		}
		text := buf[len(b.prefix):]
		cut := b.cut(text)
		if cut == 0 {
			b.rest = text
			if b.eof {
				return nil, 0, io.EOF
			}
			if size > maxLine {
				return nil, 0, errors.New("a line is longer than 64 MiB")
			}
			continue
		}
		b.rest = text[cut:]
		b.adapt(text[:cut])
		end := len(b.prefix) + cut
		return buf[:end:end], cut, nil
	}
}

// fill returns the prefix, the rest and as much of the input as size allows.
func (b *blocks) fill(size int) ([]byte, error) {
	need := len(b.prefix) + max(size, 2*len(b.rest))
	buf := b.again[:cap(b.again)]
	if len(buf) < need {
		buf = make([]byte, need)
	}
	buf = buf[:need]
	n := len(b.prefix) + copy(buf[len(b.prefix):], b.rest) // rest may lie further behind in buf
	copy(buf, b.prefix)
	for n < len(buf) && !b.eof {
		k, err := b.in.Read(buf[n:])
		n += k
		if err == io.EOF {
			b.eof = true
		} else if err != nil {
			return nil, err
		}
	}
	return buf[:n], nil
}

// cut returns how many bytes of text are whole lines that may be given out.
func (b *blocks) cut(text []byte) int {
	if b.quoted {
		return b.cutQuoted(text)
	}
	end := len(text)
	if !b.eof || end > 0 && text[end-1] == '\n' {
		end = bytes.LastIndexByte(text, '\n') + 1
	}
	for range b.hold {
		if end > 0 {
			end = bytes.LastIndexByte(text[:end-1], '\n') + 1
		}
	}
	return end
}

// cutQuoted is cut for CSV, where lines can only be told from the start on.
func (b *blocks) cutQuoted(text []byte) int {
	ends := make([]int, 1, blockLines)
	for at := 0; at < len(text); {
		n, whole := delimited.LineEnd(text[at:], true)
		if !whole && !b.eof {
			break
		}
		at += n
		ends = append(ends, at)
	}
	return ends[max(len(ends)-1-b.hold, 0)]
}

// adapt chooses the size of the next block by the length of the lines.
func (b *blocks) adapt(text []byte) {
	b.count = bytes.Count(text, []byte{'\n'})
	if text[len(text)-1] != '\n' {
		b.count++
	}
	b.size = min(max(len(text)/b.count*blockLines, firstBlock), maxBlock)
}

// line takes a single line, with its line end.
func (b *blocks) line() ([]byte, error) {
	for size := firstBlock; ; size *= 2 {
		n, whole := delimited.LineEnd(b.rest, b.quoted)
		if whole || n > 0 && b.eof {
			line := b.rest[:n:n]
			b.rest = b.rest[n:]
			return line, nil
		}
		if b.eof {
			return nil, io.EOF
		}
		if size > maxLine {
			return nil, errors.New("a line is longer than 64 MiB")
		}
		var err error
		if b.rest, err = b.fill(size); err != nil {
			return nil, err
		}
	}
}

// skip passes over n bytes.
func (b *blocks) skip(n int64) error {
	k := min(n, int64(len(b.rest)))
	b.rest = b.rest[k:]
	if n -= k; n == 0 {
		return nil
	}
	if s, ok := b.in.(io.Seeker); ok {
		_, err := s.Seek(n, io.SeekCurrent)
		return err
	}
	_, err := io.CopyN(io.Discard, b.in, n)
	if err == io.EOF {
		b.eof, err = true, nil
	}
	return err
}
