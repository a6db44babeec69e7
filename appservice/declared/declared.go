// Package declared keeps streams, tables, rules, conf keys, connections,
// schemas, device profiles and models as files say: those of a mounted
// ConfigMap, and of the key Sluice.Content of the configuration. It applies what
// is new or changed, and removes what it made when it is not declared any more.
//
//	d, err := declared.New(declared.Config{Catalog: cat, Rules: set, Streams: auto, DB: db, Log: log})
//	d.Apply([]declared.File{{Name: "/etc/sluice/rules.yaml", Text: text}})
//
// A file that cannot be read, or an entry of it, leaves in force what it said
// before, also over a restart. What a user has made is never touched.
package declared

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/edgesluice/sluice/appservice/autostream"
	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/devicemodel/kubeedge"
	"github.com/edgesluice/sluice/internal/kv"
)

// Config is what a Set works on.
type Config struct {
	Catalog *catalog.Catalog
	Rules   *rules.Set
	Streams *autostream.Streams
	DB      kv.DB
	Log     *slog.Logger
	Prefix  string // of the bus's topics
	// Call makes a REST call.
	Call func(method, url string, body []byte) (status int, answer string)
}

// File is one source of declarations.
type File struct {
	Name string
	Text []byte
	Tree map[string]any // instead of Text: values of the configuration
	Err  error          // it cannot be read
	// Missing is true if Name is a folder that is not there: what was declared in
	// it stays in force.
	Missing bool
}

// Set is what is declared.
type Set struct {
	cfg Config

	mu       sync.Mutex
	records  map[string]record // by kind and name
	read     map[string]*content
	problems []string
	pending  bool // something failed that may succeed later

	last atomic.Pointer[Report] // commands may ask for it while they are run
}

// record is what is kept of an entry that was made here.
type record struct {
	Text string `json:"text"`
	File string `json:"file"`
	Done bool   `json:"done"` // false: it was about to be applied
}

const (
	entryPrefix = "entry/"
	filePrefix  = "file/"    // the last text of a file without faults
	ranPrefix   = "command/" // the calls of a file that were made
)

// New returns a Set that knows what earlier runs made.
func New(cfg Config) (*Set, error) {
	s := &Set{cfg: cfg, records: map[string]record{}, read: map[string]*content{}}
	err := cfg.DB.Each(kv.Declared, func(key string, val []byte) error {
		name, ok := strings.CutPrefix(key, entryPrefix)
		var r record
		if ok && json.Unmarshal(val, &r) == nil {
			s.records[name] = r
		}
		return nil
	})
	return s, err
}

// Apply makes what the files say, all of them that there are. It returns false
// if something failed that may succeed when it is called again.
func (s *Set) Apply(files []File) (settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.problems
	s.problems, s.pending, s.read = nil, false, map[string]*content{}
	files = s.knownFiles(files)
	all, keep := s.gather(files)
	s.applyModels(all)
	wanted := s.applyEntries(all.entries)
	s.removeOthers(wanted, keep)
	for _, f := range files {
		s.runCommands(f, s.read[f.Name])
	}
	s.forgetFiles()
	s.last.Store(&Report{len(files), len(all.entries), append([]string{}, s.problems...)})
	s.log(before)
	return !s.pending
}

// Describe makes the streams of the profiles and models in files and notes their
// devices, before the rules start that read them. Apply does the rest.
func (s *Set) Describe(files []File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = map[string]*content{}
	all, _ := s.gather(s.knownFiles(files))
	s.applyModels(all)
	s.problems = nil // Apply finds them again
}

// gather reads what all files say. keep are those of which nothing is removed.
func (s *Set) gather(files []File) (all *content, keep map[string]bool) {
	all, keep = &content{}, map[string]bool{}
	for _, f := range files {
		c := s.content(f)
		for _, err := range c.problems {
			s.problem(err)
		}
		keep[f.Name] = c.faulty
		all.entries = append(all.entries, c.entries...)
		all.profiles = append(all.profiles, c.profiles...)
		all.models.Models = append(all.models.Models, c.models.Models...)
		all.models.Devices = append(all.models.Devices, c.models.Devices...)
	}
	return all, keep
}

// forgetFiles drops what is kept of files that are gone.
func (s *Set) forgetFiles() {
	gone := map[string][]byte{}
	err := s.cfg.DB.Each(kv.Declared, func(key string, _ []byte) error {
		for _, prefix := range []string{filePrefix, ranPrefix} {
			if name, ok := strings.CutPrefix(key, prefix); ok && s.read[name] == nil {
				gone[key] = nil
			}
		}
		return nil
	})
	if err == nil && len(gone) > 0 {
		err = s.cfg.DB.Update(map[string]map[string][]byte{kv.Declared: gone})
	}
	if err != nil {
		s.problem(err)
	}
}

// knownFiles puts the files that there were in place of a folder that is missing.
func (s *Set) knownFiles(files []File) (all []File) {
	for _, f := range files {
		if !f.Missing {
			all = append(all, f)
			continue
		}
		known := 0
		err := s.cfg.DB.Each(kv.Declared, func(key string, _ []byte) error {
			if name, ok := strings.CutPrefix(key, filePrefix); ok && strings.HasPrefix(name, f.Name) {
				all = append(all, File{Name: name, Err: f.Err})
				known++
			}
			return nil
		})
		if err != nil || known == 0 {
			s.problem(errors.Join(f.Err, err))
		}
	}
	return all
}

func (s *Set) problem(err error) { s.problems = append(s.problems, err.Error()) }

// log tells the problems that are new.
func (s *Set) log(before []string) {
	for _, p := range s.problems {
		if !slices.Contains(before, p) {
			s.cfg.Log.Error("declared content is not in force", "problem", p)
		}
	}
	if len(s.problems) == 0 && len(before) > 0 {
		s.cfg.Log.Info("all declared content is in force")
	}
}

// content reads a file. If it cannot be read as a whole, what it said last
// stands.
func (s *Set) content(f File) *content {
	c, err := parseFile(f)
	if err == nil {
		if c.faulty {
			c.models, c.profiles = s.lastModels(f.Name, c)
		} else {
			s.remember(f)
		}
		s.read[f.Name] = c
		return c
	}
	last := s.lastGood(f.Name)
	last.faulty = true
	last.problems = []error{fmt.Errorf("%s: %w; what it said before stays in force", f.Name, err)}
	s.read[f.Name] = last
	return last
}

func parseFile(f File) (*content, error) {
	c := &content{}
	if f.Err != nil {
		return nil, f.Err
	}
	nodes := []*node{{val: f.Tree}}
	if f.Tree == nil {
		var err error
		if nodes, err = readNodes(f.Text); err != nil {
			return nil, err
		}
	}
	for _, n := range nodes {
		c.document(f.Name, n)
	}
	return c, nil
}

// remember keeps the text of a good file for the time when it is broken.
func (s *Set) remember(f File) {
	text := f.Text
	if f.Tree != nil {
		text, _ = json.Marshal(f.Tree)
	}
	old, err := s.cfg.DB.Get(kv.Declared, filePrefix+f.Name)
	if err == nil && string(old) == string(text) {
		return
	}
	if err := s.cfg.DB.Put(kv.Declared, filePrefix+f.Name, text); err != nil {
		s.cfg.Log.Error("the content of a file is not kept for a restart", "file", f.Name, "error", err)
	}
}

func (s *Set) lastGood(name string) *content {
	text, err := s.cfg.DB.Get(kv.Declared, filePrefix+name)
	if err == nil && text != nil {
		if c, err := parseFile(File{Name: name, Text: text}); err == nil {
			return c
		}
	}
	return &content{}
}

// lastModels adds to the models and profiles of a faulty file those it had.
func (s *Set) lastModels(name string, c *content) (models kubeedge.Set, profiles []edgex.Profile) {
	last := s.lastGood(name)
	models, profiles = c.models, c.profiles
	for _, m := range last.models.Models {
		if !slices.ContainsFunc(models.Models, func(o devicemodel.Model) bool { return o.Name == m.Name }) {
			models.Models = append(models.Models, m)
		}
	}
	for _, d := range last.models.Devices {
		if !slices.ContainsFunc(models.Devices, func(o devicemodel.Device) bool { return o.ID() == d.ID() }) {
			models.Devices = append(models.Devices, d)
		}
	}
	for _, p := range last.profiles {
		if !slices.ContainsFunc(profiles, func(o edgex.Profile) bool { return o.Name == p.Name }) {
			profiles = append(profiles, p)
		}
	}
	return models, profiles
}

// applyModels makes the streams of profiles and models.
func (s *Set) applyModels(c *content) {
	profiles := make([]autostream.Model, len(c.profiles))
	for i := range c.profiles {
		profiles[i] = autostream.ProfileModel(&c.profiles[i], s.cfg.Prefix)
	}
	err := s.cfg.Streams.Replace(autostream.ConfigMap, autostream.EdgeX, profiles)
	devicemodel.Default.Replace(autostream.ConfigMap.String(), c.models.Models, c.models.Devices)
	err = errors.Join(err, s.cfg.Streams.Replace(autostream.ConfigMap, autostream.KubeEdge, autostream.DeviceModels(c.models.Models)))
	for _, one := range unjoin(err) {
		s.problem(one)
	}
}

// Report is what is known of the declarations.
type Report struct {
	Files    int      `json:"files"`
	Entries  int      `json:"entries"`
	Problems []string `json:"problems"`
}

// Report tells how the last Apply went.
func (s *Set) Report() Report {
	if r := s.last.Load(); r != nil {
		return Report{r.Files, r.Entries, slices.Clone(r.Problems)}
	}
	return Report{Problems: []string{}}
}

// runCommands makes the calls of a command file, once for each content of it.
func (s *Set) runCommands(f File, c *content) {
	key := ranPrefix + f.Name
	if c == nil || len(c.commands) == 0 {
		return
	}
	now, err := json.Marshal(c.commands)
	if err != nil {
		s.problem(fmt.Errorf("%s: %w", f.Name, err))
		return
	}
	if old, err := s.cfg.DB.Get(kv.Declared, key); err == nil && string(old) == string(now) {
		return
	}
	for _, cmd := range c.commands {
		status, answer := s.cfg.Call(cmd.Method, cmd.URL, cmd.Data)
		s.cfg.Log.Info("command", "file", f.Name, "method", cmd.Method, "url", cmd.URL, "status", status, "answer", answer)
		if status >= 400 {
			s.problem(fmt.Errorf("%s: %s %s: %d %s", f.Name, cmd.Method, cmd.URL, status, strings.TrimSpace(answer)))
		}
	}
	if err := s.cfg.DB.Put(kv.Declared, key, now); err != nil {
		s.problem(err)
	}
}

// removeOthers removes what was made here and is not declared any more, rules
// before what they read.
func (s *Set) removeOthers(wanted map[string]bool, keep map[string]bool) {
	for _, kind := range slices.Backward(kinds) {
		for _, key := range slices.Sorted(maps.Keys(s.records)) {
			name, ok := strings.CutPrefix(key, kind+"/")
			r := s.records[key]
			if !ok || wanted[key] || keep[r.File] {
				continue
			}
			if err := s.drop(kind, name); err != nil {
				s.problem(fmt.Errorf("%s %s is not declared any more, but stays: %w", kind, name, err))
				s.pending = true
				continue
			}
			s.cfg.Log.Info("removed, for it is not declared any more", "kind", kind, "name", name, "file", r.File)
			s.forget(key)
		}
	}
}

func (s *Set) forget(key string) {
	delete(s.records, key)
	if err := s.cfg.DB.Delete(kv.Declared, entryPrefix+key); err != nil {
		s.problem(err)
	}
}
