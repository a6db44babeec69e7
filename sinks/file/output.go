package file

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const bufferSize = 64 << 10

// output is one open file. It knows how far results are safe: when a disk is
// full, what came behind that is taken back, because it will come again.
type output struct {
	file   *os.File
	buf    bytes.Buffer // what goes to the file next
	zip    compressor   // writes to buf; nil: not compressed
	isJSON bool
	fresh  bool // zip has taken something since it was flushed
	opened time.Time
	used   int64 // number of the last write to it
	now    state
	safe   state // when it was flushed last
}

// state is how far a file has come.
type state struct {
	offset int64  // bytes the operating system has
	size   int64  // bytes taken, before compression
	count  int    // messages taken
	empty  bool   // nothing stands in the file yet
	header []byte // first line of a CSV file, with its line end
}

type compressor interface {
	io.WriteCloser
	Flush() error
}

// open opens a file to append to it. What a JSON array that was completed
// lacks is that it goes on: its bracket is taken away.
func open(path, fileType, compression string, now time.Time) (*output, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	o := &output{file: f, isJSON: fileType == "json", opened: now}
	if err = o.goOn(compression != ""); err == nil {
		err = o.compress(compression)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	o.safe = o.now
	o.begin()
	return o, nil
}

// begin writes what stands in front of the first record.
func (o *output) begin() {
	if o.isJSON && o.now.empty {
		o.put([]byte{'['})
	}
}

// goOn stands at the place where the next record goes.
func (o *output) goOn(compressed bool) error {
	size, err := o.file.Seek(0, io.SeekEnd)
	o.now = state{offset: size, empty: size == 0}
	switch {
	case err != nil || size == 0:
		return err
	case !o.isJSON:
		return o.findHeader(compressed)
	case compressed:
		return errors.New(o.file.Name() + " is there already, a compressed JSON array cannot go on, set rollingNamePattern")
	}
	tail := make([]byte, min(size, 64))
	if _, err := o.file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	end := size - int64(len(tail))
	tail = bytes.TrimSuffix(bytes.TrimRight(tail, " \r\n\t"), []byte("]"))
	if end += int64(len(tail)); end == 1 { // it was []
		end = 0
	}
	o.now = state{offset: end, empty: end == 0}
	return o.cut(end)
}

// cut takes away what stands behind an offset.
func (o *output) cut(offset int64) error {
	if err := o.file.Truncate(offset); err != nil {
		return err
	}
	_, err := o.file.Seek(offset, io.SeekStart)
	return err
}

// findHeader reads the first line of a file that was there before.
func (o *output) findHeader(compressed bool) error {
	if compressed {
		return nil
	}
	line, err := bufio.NewReader(io.NewSectionReader(o.file, 0, 1<<20)).ReadBytes('\n')
	if err == nil || err == io.EOF {
		o.now.header, err = append(bytes.TrimRight(line, "\r\n"), '\n'), nil
	}
	return err
}

func (o *output) compress(how string) (err error) {
	switch how {
	case "gzip":
		o.zip = gzip.NewWriter(&o.buf)
	case "zstd":
		o.zip, err = zstd.NewWriter(&o.buf, zstd.WithEncoderConcurrency(1))
	}
	return err
}

// put takes bytes into memory, which cannot fail.
func (o *output) put(b []byte) {
	if o.zip != nil {
		o.fresh = true
		o.zip.Write(b)
	} else {
		o.buf.Write(b)
	}
	o.now.size += int64(len(b))
}

// write appends a record. With header each one begins with the names of the
// columns: they are left out where they stand in the file already.
func (o *output) write(data []byte, header bool) error {
	if o.buf.Len() >= bufferSize {
		if err := o.drain(); err != nil {
			return err // before anything was taken: the record will come again
		}
	}
	if header {
		end := bytes.IndexByte(data, '\n') + 1
		switch {
		case end == 0: // names, but no rows
			return nil
		case bytes.Equal(data[:end], o.now.header):
			data = data[end:]
		default:
			o.now.header = bytes.Clone(data[:end])
		}
	}
	switch {
	case o.now.empty:
	case o.isJSON:
		o.put([]byte{','})
	default:
		o.put([]byte{'\n'})
	}
	o.put(data)
	o.now.empty = false
	o.now.count++
	return nil
}

// drain hands what was taken to the operating system.
func (o *output) drain() error {
	n, err := o.buf.WriteTo(o.file)
	o.now.offset += n
	return err
}

// flush hands everything to the operating system.
func (o *output) flush() error {
	if o.zip != nil && o.fresh {
		o.zip.Flush()
		o.fresh = false
	}
	return o.drain()
}

// takeBack undoes what came since the file was flushed last. A compressed
// file cannot go back; it keeps in memory what does not get through.
func (o *output) takeBack() {
	if o.zip != nil {
		return
	}
	o.buf.Reset()
	o.now = o.safe
	o.begin()
	if o.cut(o.safe.offset) == nil {
		return
	}
	// A network drive that went away needs the file to be opened anew.
	if f, err := os.OpenFile(o.file.Name(), os.O_CREATE|os.O_RDWR, 0o644); err == nil {
		o.file.Close()
		o.file = f
		o.cut(o.safe.offset) // if that fails too, so will the next flush
	}
}

// close completes the file.
func (o *output) close() error {
	if o.isJSON {
		o.put([]byte{']'})
	}
	if o.zip != nil {
		o.zip.Close()
	}
	return errors.Join(o.drain(), o.file.Close())
}
