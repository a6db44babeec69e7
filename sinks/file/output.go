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

// output is one open file. What it has taken stays in memory until the
// operating system has it: a disk that is full for a while loses nothing.
type output struct {
	file   *os.File
	buf    bytes.Buffer // what goes to the file next
	zip    compressor   // writes to buf; nil: not compressed
	isJSON bool
	header []byte // first line of a CSV file, with its line end
	opened time.Time
	size   int64 // bytes written, before compression
	count  int   // messages written
	empty  bool  // nothing stands in the file yet
	fresh  bool  // zip has taken something since it was flushed
	used   int64 // number of the last write to it
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
	if o.isJSON && o.empty {
		o.put([]byte{'['})
	}
	return o, nil
}

// goOn stands at the place where the next record goes.
func (o *output) goOn(compressed bool) error {
	size, err := o.file.Seek(0, io.SeekEnd)
	o.empty = size == 0
	switch {
	case err != nil || o.empty:
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
	tail = bytes.TrimRight(tail, " \r\n\t")
	end := size - min(size, 64) + int64(len(bytes.TrimSuffix(tail, []byte("]"))))
	o.empty = end == 1 // it was []
	if err := o.file.Truncate(end); err != nil {
		return err
	}
	if o.empty {
		end = 0
	}
	_, err = o.file.Seek(end, io.SeekStart)
	return err
}

// findHeader reads the first line of a file that was there before.
func (o *output) findHeader(compressed bool) error {
	if compressed {
		return nil
	}
	line, err := bufio.NewReader(io.NewSectionReader(o.file, 0, 1<<20)).ReadBytes('\n')
	if err == nil || err == io.EOF {
		o.header, err = append(bytes.TrimRight(line, "\r\n"), '\n'), nil
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
	o.size += int64(len(b))
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
		case bytes.Equal(data[:end], o.header):
			data = data[end:]
		default:
			o.header = bytes.Clone(data[:end])
		}
	}
	switch {
	case o.empty:
	case o.isJSON:
		o.put([]byte{','})
	default:
		o.put([]byte{'\n'})
	}
	o.put(data)
	o.empty = false
	o.count++
	return nil
}

// drain hands what was taken to the operating system.
func (o *output) drain() error {
	_, err := o.buf.WriteTo(o.file)
	if err != nil {
		err = errors.Join(err, o.reopen())
	}
	return err
}

// reopen opens the file anew: a network drive that went away needs that.
func (o *output) reopen() error {
	f, err := os.OpenFile(o.file.Name(), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil // it is tried again with the next write
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return errors.Join(err, f.Close())
	}
	o.file.Close()
	o.file = f
	return nil
}

// flush hands everything to the operating system.
func (o *output) flush() error {
	if o.zip != nil && o.fresh {
		o.zip.Flush()
		o.fresh = false
	}
	return o.drain()
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
