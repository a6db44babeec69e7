// Package file is the source that reads files: JSON, CSV, or lines in the
// stream's FORMAT.
//
//	CREATE STREAM demo () WITH (TYPE="file", DATASOURCE="readings.jsonl", FORMAT="JSON", CONF_KEY="lines")
//
// DATASOURCE is a file or a folder, whose files are read in the order of their
// names. With interval 0 everything is read once, as fast as the rules take
// it, and the rule ends; else it is read again after each interval. The hub
// calls Run in a goroutine of its own.
package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/format/delimited"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sources.Register(&sources.Driver{
		Name:  "file",
		Doc:   param.T("Reads files: JSON, CSV, or lines in the stream's format.", "读取文件：JSON、CSV，或按流格式的行。"),
		New:   func() sources.Source { return &Source{} },
		Table: true,
	})
}

// Source reads one file or folder.
type Source struct {
	path                   string
	fileType               string
	interval, sendInterval time.Duration
	action                 int
	moveTo                 string
	hasHeader              bool
	columns                []string
	ignoreStart, ignoreEnd int
	decompression          string
	lineNumbers            atomic.Bool // a rule asks for meta: rows are delivered one by one, with their line
	fates                  fates
}

// What happens to a file that was read.
const (
	keepFile = iota
	deleteFile
	moveFile
)

// Params implements sources.Source.
func (s *Source) Params(p *param.Set) {
	p.String(&s.path, "path", "", param.T("folder of the files; a relative one is in the data folder, which is the default", "文件所在目录；相对路径基于数据目录，默认即数据目录"))
	p.String(&s.fileType, "fileType", "json", param.T("what the files hold", "文件内容的类型"), param.OneOf("json", "csv", "lines", "raw"))
	p.Duration(&s.interval, "interval", 0, param.T("when the files are read again; 0: they are read once", "重新读取的间隔；0 表示只读一次"), param.Min(0))
	p.Duration(&s.sendInterval, "sendInterval", 0, param.T("pause between two rows", "两行之间的间隔"), param.Min(0))
	p.Int(&s.action, "actionAfterRead", keepFile, param.T("what happens to a file that was read: 0 it stays, 1 it is deleted, 2 it is moved to moveTo", "读取后的处理：0 保留，1 删除，2 移动到 moveTo"), param.OneOf(keepFile, deleteFile, moveFile))
	p.String(&s.moveTo, "moveTo", "", param.T("folder to which read files are moved", "读取后移动到的目录"))
	p.Bool(&s.hasHeader, "hasHeader", false, param.T("the first line of a CSV file names the columns", "CSV 文件首行为列名"))
	p.Strings(&s.columns, "columns", nil, param.T("names of the columns of CSV files", "CSV 文件的列名"))
	p.Int(&s.ignoreStart, "ignoreStartLines", 0, param.T("lines to leave out at the start of a file", "忽略文件开头的行数"), param.Min(0))
	p.Int(&s.ignoreEnd, "ignoreEndLines", 0, param.T("lines to leave out at the end of a file", "忽略文件末尾的行数"), param.Min(0))
	p.String(&s.decompression, "decompression", "", param.T("how the files are compressed", "文件的压缩方式"), param.OneOf("", "gzip", "zstd"))
	p.Accept("parallel")
	p.Check(func() error {
		if s.action == moveFile && s.moveTo == "" {
			return errors.New("missing moveTo property, actionAfterRead 2 needs it")
		}
		return nil
	})
}

// Decoder implements sources.Decoding. CSV has a decoder of its own, other
// files are in the stream's FORMAT.
func (s *Source) Decoder(cfg format.Config) (format.Decoder, error) {
	s.lineNumbers.Store(!cfg.NoMeta)
	if s.fileType != "csv" {
		return nil, nil
	}
	cfg.HasHeader = s.hasHeader && s.columns == nil
	cfg.Fields = s.columns
	return delimited.NewDecoder(cfg, true)
}

// Rewindable implements sources.Seeker.
func (s *Source) Rewindable() bool { return true }

// Finite implements sources.Finite.
func (s *Source) Finite() bool { return s.interval == 0 }

// Ping implements sources.Pinger.
func (s *Source) Ping(_ context.Context, env sources.Env) error {
	_, err := s.files(env)
	return err
}

// Run implements sources.Source.
func (s *Source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	var from place
	if env.Resume != nil {
		if err := json.Unmarshal(env.Resume, &from); err != nil {
			return fmt.Errorf("file source: the saved offset %q is broken: %w", env.Resume, err)
		}
	}
	fresh := false
	mark := func(m sources.Message) error {
		m.Fresh, fresh = fresh, false
		return deliver(m)
	}
	for {
		if err := s.readAll(ctx, env, from, mark); err != nil {
			return err
		}
		if s.interval == 0 {
			return nil
		}
		from, fresh = place{}, true
		if err := sleep(ctx, env, s.interval); err != nil {
			return err
		}
	}
}

// place is how far a source has read; it is the Offset of messages.
type place struct {
	File   string `json:"file"` // name in the folder; "" is the beginning of all
	Offset int64  `json:"offset"`
	Line   int    `json:"line"` // lines in front of Offset
}

// readAll reads every file from a place on.
func (s *Source) readAll(ctx context.Context, env sources.Env, from place, deliver func(sources.Message) error) error {
	names, err := s.files(env)
	if err != nil {
		return err
	}
	env.Status.Connected()
	folder := len(names) != 1 || names[0] != s.resolve(env, env.Datasource)
	for _, name := range names {
		at := place{File: filepath.Base(name)}
		switch {
		case at.File == from.File:
			at = from
		case folder && at.File < from.File, s.fates.waits(name):
			continue
		}
		r := reader{Source: s, ctx: ctx, env: env, deliver: deliver, name: name, at: at}
		if s.action != keepFile {
			r.fate = s.fates.begin(name, func() { s.dispose(env, name) })
		}
		if err := r.read(); err != nil {
			return err
		}
		r.fate.finish()
	}
	return nil
}

// files lists what is to be read, in the order of names.
func (s *Source) files(env sources.Env) ([]string, error) {
	path := s.resolve(env, env.Datasource)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && s.interval > 0 && s.action != keepFile {
		return nil, nil // the next one will come
	}
	if err != nil {
		return nil, fmt.Errorf("file source: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, fmt.Errorf("file source: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	return names, nil
}

// resolve finds a path: absolute, or in the folder path, which itself may be
// in the data folder. Kuiper's own default, "data", is the data folder.
func (s *Source) resolve(env sources.Env, name string) string {
	if filepath.IsAbs(name) {
		if _, err := os.Stat(name); err == nil || s.path == "" {
			return name
		}
	}
	folder := inData(env, s.path)
	if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
		first, below, _ := strings.Cut(filepath.ToSlash(filepath.Clean(s.path)), "/")
		if first == "data" {
			return filepath.Join(env.DataDir, below, name)
		}
	}
	return filepath.Join(folder, name)
}

func inData(env sources.Env, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(env.DataDir, path)
}

// dispose does what actionAfterRead says.
func (s *Source) dispose(env sources.Env, name string) {
	var err error
	switch s.action {
	case deleteFile:
		err = os.Remove(name)
	case moveFile:
		folder := inData(env, s.moveTo)
		if err = os.MkdirAll(folder, 0o755); err == nil {
			err = os.Rename(name, filepath.Join(folder, filepath.Base(name)))
		}
	}
	if err != nil {
		env.Log.Error("a file that was read stays where it is", "error", err)
	}
}

func sleep(ctx context.Context, env sources.Env, d time.Duration) error {
	tick, stop := env.Clock.After(d)
	defer stop()
	select {
	case <-tick:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
