// Package file is the sink that writes results to files.
//
//	{"file": {"path": "out/{{.deviceId}}.jsonl", "fileType": "lines", "sendSingle": true, "rollingCount": 100000}}
//
// Files of lines and CSV files grow at their end also when they were there
// before; a JSON file stays one array. Writes are buffered: they are on their
// way to the disk when Flush or Close returns. The outlet calls the sink from
// one goroutine.
package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "file",
		Doc:  param.T("Writes results to files.", "将结果写入文件。"),
		New:  func() sinks.Sink { return &sink{} },
	})
}

// maxOpen is how many files a sink with a dynamic path holds open.
const maxOpen = 128

type sink struct {
	path            param.Template
	fileType        string
	format          string
	hasHeader       bool
	compression     string
	rollingInterval time.Duration
	checkInterval   time.Duration
	rollingCount    int
	rollingSize     int
	rollingPattern  string

	env  sinks.Env
	stop chan struct{} // ends the goroutine that rolls files when their time is over
	over chan struct{} // closed when it has ended

	mu    sync.Mutex
	files map[string]*output // by path without stamp
	last  *output            // the one that was written to before
	name  string             // its path
	tick  int64              // counts writes, to find the file that was idle longest
}

// Params implements sinks.Sink.
func (s *sink) Params(p *param.Set) {
	p.Template(&s.path, "path", "cache", param.T("file to write to; a relative path is in the data folder", "写入的文件；相对路径基于数据目录"))
	p.String(&s.fileType, "fileType", "lines", param.T("what the file is: lines, json (one array), csv", "文件类型：lines、json（一个数组）、csv"))
	p.String(&s.format, "format", "json", param.T("format of the results", "结果的格式"))
	p.Bool(&s.hasHeader, "hasHeader", false, param.T("begin CSV files with the names of the columns", "CSV 文件以列名开头"))
	p.String(&s.compression, "compression", "", param.T("compression of the file", "文件的压缩方式"), param.OneOf("", "gzip", "zstd"))
	p.Duration(&s.rollingInterval, "rollingInterval", 0, param.T("begin a new file after this time; 0: never", "经过该时间后新建文件；0 表示不按时间"))
	p.Int(&s.rollingCount, "rollingCount", 1000000, param.T("begin a new file after so many messages; 0: never", "写入该数量的消息后新建文件；0 表示不按数量"))
	p.Int(&s.rollingSize, "rollingSize", 0, param.T("begin a new file after so many bytes; 0: never", "写入该字节数后新建文件；0 表示不按大小"))
	p.String(&s.rollingPattern, "rollingNamePattern", "", param.T("where the time in ms goes in the file name: prefix, suffix or none", "时间戳（毫秒）在文件名中的位置：prefix、suffix 或 none"))
	p.Duration(&s.checkInterval, "checkInterval", 5*time.Minute, param.T("how often rollingInterval is checked when nothing is written", "无写入时检查 rollingInterval 的周期"))
	p.Accept("interval", "rollingHook", "rollingHookProps")
	p.Check(s.check)
}

func (s *sink) check() error {
	switch {
	case s.path.Text == "":
		return errors.New("path must be set")
	case s.fileType != "json" && s.fileType != "csv" && s.fileType != "lines":
		return errors.New("fileType must be one of json, csv or lines")
	case s.fileType == "csv" && s.format != "delimited":
		return errors.New("fileType csv needs format delimited")
	case s.rollingPattern != "" && s.rollingPattern != "none" && s.rollingPattern != "prefix" && s.rollingPattern != "suffix":
		return errors.New("rollingNamePattern must be one of prefix, suffix or none")
	case s.rollingInterval < 0 || s.rollingCount < 0 || s.rollingSize < 0:
		return errors.New("rollingInterval, rollingCount and rollingSize must not be negative")
	case s.rollingInterval == 0 && s.rollingCount == 0 && s.rollingSize == 0:
		return errors.New("one of rollingInterval, rollingCount and rollingSize must be greater than 0")
	case s.checkInterval <= 0:
		return errors.New("checkInterval must be greater than 0")
	}
	return nil
}

// Connect implements sinks.Sink. Files are opened when something is written.
func (s *sink) Connect(_ context.Context, env sinks.Env) error {
	s.env, s.files = env, map[string]*output{}
	if s.rollingInterval > 0 {
		s.stop, s.over = make(chan struct{}), make(chan struct{})
		go s.watch()
	}
	env.Status.Connected()
	return nil
}

// Ping implements sinks.Pinger: the folder must be there or be creatable.
func (s *sink) Ping(_ context.Context, env sinks.Env) error {
	if !s.path.Static() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(inData(env.DataDir, s.path.Text)), 0o755); err != nil {
		return fmt.Errorf("file sink: %w", err)
	}
	return nil
}

// Write implements sinks.Sink.
func (s *sink) Write(_ context.Context, p sinks.Payload) error {
	name := s.path.Text
	if !s.path.Static() {
		var err error
		if name, err = s.path.Eval(p.Value().Any()); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || name != s.name {
		o, err := s.file(name)
		if err != nil {
			return sinks.Retryable(fmt.Errorf("file sink: %w", err))
		}
		s.last, s.name = o, name
	}
	o := s.last
	s.tick++
	o.used = s.tick
	if err := o.write(p.Data, s.hasHeader); err != nil {
		return sinks.Retryable(fmt.Errorf("file sink: %w", err))
	}
	s.roll(name, o)
	return nil
}

// roll completes a file if it is time for a new one. What cannot be flushed
// stays open: the next write or check tries again.
func (s *sink) roll(name string, o *output) {
	if !s.full(o) || o.flush() != nil {
		return
	}
	if err := s.drop(name); err != nil {
		s.env.Log.Error("a file could not be completed", "path", o.file.Name(), "error", err)
	}
}

// full tells whether it is time for a new file.
func (s *sink) full(o *output) bool {
	return s.rollingCount > 0 && o.now.count >= s.rollingCount ||
		s.rollingSize > 0 && o.now.size >= int64(s.rollingSize) ||
		s.rollingInterval > 0 && s.env.Clock.Now().Sub(o.opened) >= s.rollingInterval
}

// file returns the open file of a name; it is opened if need be.
func (s *sink) file(name string) (*output, error) {
	if o := s.files[name]; o != nil {
		return o, nil
	}
	if len(s.files) >= maxOpen {
		if err := s.drop(s.idle()); err != nil {
			return nil, err
		}
	}
	o, err := open(s.stamped(inData(s.env.DataDir, name)), s.fileType, s.compression, s.env.Clock.Now())
	if err == nil {
		s.files[name] = o
	}
	return o, err
}

// idle is the name of the file that was not written to for the longest time.
func (s *sink) idle() (name string) {
	for n, o := range s.files {
		if name == "" || o.used < s.files[name].used {
			name = n
		}
	}
	return name
}

// drop completes a file; the next write to its name opens another one.
func (s *sink) drop(name string) error {
	o := s.files[name]
	delete(s.files, name)
	if s.last == o {
		s.last = nil
	}
	return o.close()
}

// stamped puts the time into a file name, as rollingNamePattern says.
func (s *sink) stamped(path string) string {
	if s.rollingPattern == "" || s.rollingPattern == "none" {
		return path
	}
	dir, file := filepath.Split(path)
	ext := filepath.Ext(file)
	for ms := s.env.Clock.Now().UnixMilli(); ; ms++ {
		name := fmt.Sprintf("%d-%s", ms, file)
		if s.rollingPattern == "suffix" {
			name = fmt.Sprintf("%s-%d%s", file[:len(file)-len(ext)], ms, ext)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return filepath.Join(dir, name)
		}
	}
}

// watch rolls files that nobody writes to when their time is over.
func (s *sink) watch() {
	defer close(s.over)
	for {
		tick, cancel := s.env.Clock.After(min(s.checkInterval, s.rollingInterval))
		select {
		case <-tick:
			s.rollAll()
		case <-s.stop:
			cancel()
			return
		}
	}
}

func (s *sink) rollAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, o := range s.files {
		s.roll(name, o)
	}
}

// Flush implements sinks.Flusher. When it fails, everything written since the
// last time is taken back: the outlet will write it again.
func (s *sink) Flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, o := range s.files {
		errs = append(errs, o.flush())
	}
	err := errors.Join(errs...)
	for _, o := range s.files {
		if err != nil {
			o.takeBack()
		} else {
			o.safe = o.now
		}
	}
	if err != nil {
		return sinks.Retryable(fmt.Errorf("file sink: %w", err))
	}
	return nil
}

// Close implements sinks.Sink. It completes all files.
func (s *sink) Close() error {
	if s.stop != nil {
		close(s.stop)
		<-s.over
		s.stop = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for name := range s.files {
		errs = append(errs, s.drop(name))
	}
	return errors.Join(errs...)
}

func inData(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
