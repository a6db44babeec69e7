package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/labstack/echo/v4"
	"gopkg.in/yaml.v3"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// imported counts what an import made.
type imported struct{ streams, tables, rules int }

// addRuleset creates what is not there yet. Failures are logged and noted in
// failed by name; the rest goes on.
func (s *server) addRuleset(rs, failed ruleset) (n imported) {
	each := func(what string, defs, errs map[string]string, made *int, create func(name, text string) error) {
		for _, name := range slices.Sorted(maps.Keys(defs)) {
			if err := create(name, defs[name]); err != nil {
				s.Log.Warn("item was not imported", "kind", what, "name", name, "error", err)
				errs[name] = err.Error()
				continue
			}
			*made++
		}
	}
	define := func(_, sql string) error { _, err := s.Catalog.Exec(sql); return err }
	each("stream", rs.Streams, failed.Streams, &n.streams, define)
	each("table", rs.Tables, failed.Tables, &n.tables, define)
	each("rule", rs.Rules, failed.Rules, &n.rules, func(_, text string) error { _, err := s.Rules.Create([]byte(text)); return err })
	return n
}

// putData merges an import: what exists is replaced.
func (s *server) putData(d data) (failed data, ok bool) {
	failed = newData()
	note := func(errs map[string]string, name string, err error) {
		if err != nil {
			errs[name] = err.Error()
		}
	}
	for kind, part := range map[catalog.Kind][2]map[string]string{
		catalog.Sources: {d.SourceConfig, failed.SourceConfig}, catalog.Sinks: {d.SinkConfig, failed.SinkConfig}, catalog.Conns: {d.ConnConfig, failed.ConnConfig},
	} {
		for typ, text := range part[0] {
			note(part[1], typ, s.putConfKeys(kind, typ, text))
		}
	}
	for key, text := range d.Schema {
		note(failed.Schema, key, s.importSchema(text))
	}
	for name, content := range d.Uploads {
		note(failed.Uploads, name, s.writeUpload(name, []byte(content)))
	}
	for table, defs := range map[bool]map[string]string{false: d.Streams, true: d.Tables} {
		errs := failed.Streams
		if table {
			errs = failed.Tables
		}
		for name, sql := range defs {
			_, err := s.Catalog.Replace(name, table, sql)
			note(errs, name, err)
		}
	}
	for id, text := range d.Rules {
		note(failed.Rules, id, s.Rules.Update(id, []byte(text)))
	}
	for what, part := range map[string][2]map[string]string{
		"plugin": {d.NativePlugins, failed.NativePlugins}, "portable plugin": {d.PortablePlugins, failed.PortablePlugins}, "service": {d.Service, failed.Service},
		"script": {d.Scripts, failed.Scripts},
	} {
		for name := range part[0] {
			note(part[1], name, fmt.Errorf("%s is not supported yet", what))
		}
	}
	return failed, failed.empty()
}

func (s *server) putConfKeys(kind catalog.Kind, typ, text string) error {
	var keys map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if err := s.Catalog.PutConfKey(kind, typ, key, keys[key]); err != nil {
			return err
		}
		if kind != catalog.Conns {
			continue
		}
		conn := catalog.Connection{ID: key, Type: typ, Props: keys[key]}
		if s.Catalog.CreateConnection(conn) != nil {
			if err := s.Catalog.UpdateConnection(conn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *data) empty() bool {
	for _, m := range []map[string]string{d.Streams, d.Tables, d.Rules, d.NativePlugins, d.PortablePlugins, d.SourceConfig,
		d.SinkConfig, d.ConnConfig, d.Service, d.Schema, d.Uploads, d.Scripts} {
		if len(m) > 0 {
			return false
		}
	}
	return true
}

// clear removes all rules, streams, tables, conf keys and connections.
func (s *server) clear() error {
	for _, r := range s.Rules.List() {
		if err := s.Rules.Delete(r.ID); err != nil {
			return err
		}
	}
	for _, table := range []bool{false, true} {
		for _, d := range s.Catalog.Definitions(table, "") {
			if err := s.Catalog.Drop(d.Name, table); err != nil {
				return err
			}
		}
	}
	for _, kind := range []catalog.Kind{catalog.Sources, catalog.Sinks, catalog.Conns} {
		for typ, keys := range s.Catalog.StoredConfKeys(kind) {
			for key := range keys {
				if err := s.Catalog.DeleteConfKey(kind, typ, key); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range s.Catalog.Schemas("protobuf") {
		if err := s.Catalog.DropSchema("protobuf", name); err != nil {
			return err
		}
	}
	for _, conn := range s.Catalog.Connections() {
		if err := s.Catalog.DropConnection(conn.ID); err != nil {
			return err
		}
	}
	return nil
}

// take imports d: with partial it is merged, else it replaces everything. Both
// work at once, without a restart.
func (s *server) take(d data, partial bool) (failed data, ok bool, err error) {
	if !partial {
		if err := s.clear(); err != nil {
			return failed, false, err
		}
	}
	failed, ok = s.putData(d)
	if !partial {
		s.tasks.setFailed(failed)
	}
	return failed, ok, nil
}

func (s *server) importData(c echo.Context) error {
	content, err := s.read(c)
	if err != nil {
		return err
	}
	d := newData()
	if err := json.Unmarshal([]byte(content), &d); err != nil {
		return refuse(diag.Undefined, "Invalid body: ", err)
	}
	failed, ok, err := s.take(d, c.QueryParam("partial") == "1")
	if err != nil {
		return err
	}
	if !ok {
		b, err := json.Marshal(failed)
		if err != nil {
			return err
		}
		return diag.New(diag.Undefined, "%s", b)
	}
	if c.QueryParam("stop") == "1" && s.Stop != nil {
		defer s.Stop()
	}
	return object(c, struct {
		ErrorMsg string `json:"ErrorMsg"`
		Response data   `json:"ConfigResponse"`
	}{"", failed})
}

// yamlData is the export of 2.x: rules as objects, streams as {sql}.
type yamlData struct {
	SourceConfig map[string]map[string]map[string]any `yaml:"sourceConfig"`
	ConnConfig   map[string]map[string]map[string]any `yaml:"connectionConfig"`
	SinkConfig   map[string]map[string]map[string]any `yaml:"sinkConfig"`
	Streams      map[string]yamlSQL                   `yaml:"streams"`
	Tables       map[string]yamlSQL                   `yaml:"tables"`
	Rules        map[string]map[string]any            `yaml:"rules"`
}

type yamlSQL struct {
	SQL string `yaml:"sql"`
}

func (s *server) exportYAML(c echo.Context) error {
	d := yamlData{
		SourceConfig: s.Catalog.StoredConfKeys(catalog.Sources), SinkConfig: s.Catalog.StoredConfKeys(catalog.Sinks),
		ConnConfig: s.Catalog.StoredConfKeys(catalog.Conns),
		Streams:    map[string]yamlSQL{}, Tables: map[string]yamlSQL{}, Rules: map[string]map[string]any{},
	}
	rs := s.ruleset()
	for name, sql := range rs.Streams {
		d.Streams[name] = yamlSQL{sql}
	}
	for name, sql := range rs.Tables {
		d.Tables[name] = yamlSQL{sql}
	}
	for id, text := range rs.Rules {
		var r map[string]any
		if err := json.Unmarshal([]byte(text), &r); err == nil {
			d.Rules[id] = r
		}
	}
	b, err := yaml.Marshal(d)
	if err != nil {
		return err
	}
	return download(c, "ekuiper_export.yaml", b)
}

func (s *server) importYAML(c echo.Context) error {
	content, err := s.read(c)
	if err != nil {
		return err
	}
	var in yamlData
	if err := yaml.Unmarshal([]byte(content), &in); err != nil {
		return refuse(diag.Undefined, "Invalid body: ", err)
	}
	d, err := in.data()
	if err != nil {
		return err
	}
	failed, ok := s.putData(d)
	if !ok {
		b, err := json.Marshal(failed)
		if err != nil {
			return err
		}
		return diag.New(diag.Undefined, "%s", b)
	}
	return text(c, http.StatusOK, "success")
}

func (y *yamlData) data() (data, error) {
	d := newData()
	for name, st := range y.Streams {
		d.Streams[name] = st.SQL
	}
	for name, st := range y.Tables {
		d.Tables[name] = st.SQL
	}
	for id, r := range y.Rules {
		b, err := json.Marshal(r)
		if err != nil {
			return d, diag.New(diag.Undefined, "Invalid body: rule %s: %v", id, err)
		}
		d.Rules[id] = string(b)
	}
	for _, part := range []struct {
		from map[string]map[string]map[string]any
		into map[string]string
	}{{y.SourceConfig, d.SourceConfig}, {y.SinkConfig, d.SinkConfig}, {y.ConnConfig, d.ConnConfig}} {
		for typ, keys := range part.from {
			b, err := json.Marshal(keys)
			if err != nil {
				return d, diag.New(diag.Undefined, "Invalid body: conf keys of %s: %v", typ, err)
			}
			part.into[typ] = string(b)
		}
	}
	return d, nil
}

// tasks remembers imports that clients ask about later.
type tasks struct {
	mu   sync.Mutex
	last *data // what failed in the last full import
	list map[string]*task
	next int
}

type task struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Created int64  `json:"createdTimestamp"`
	Updated int64  `json:"updatedTimestamp"`
}

func (t *tasks) failed() data {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		return newData()
	}
	return *t.last
}

func (t *tasks) setFailed(d data) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = &d
}

// add keeps a task, forgetting the oldest beyond a hundred.
func (t *tasks) add(now int64) *task {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	it := &task{ID: "dataImport-" + strconv.FormatInt(now, 10) + "-" + strconv.Itoa(t.next), Status: "running", Created: now, Updated: now}
	if t.list == nil {
		t.list = map[string]*task{}
	}
	if len(t.list) >= 100 {
		oldest := slices.MinFunc(slices.Collect(maps.Values(t.list)), func(a, b *task) int { return int(a.Created - b.Created) })
		delete(t.list, oldest.ID)
	}
	t.list[it.ID] = it
	return it
}

// importLater takes an import and answers at once with the name of the task.
func (s *server) importLater(c echo.Context) error {
	content, err := s.read(c)
	if err != nil {
		return err
	}
	d := newData()
	if err := json.Unmarshal([]byte(content), &d); err != nil {
		return refuse(diag.Undefined, "Invalid body: ", err)
	}
	it := s.tasks.add(s.Clock.Now().Unix())
	id, partial := it.ID, c.QueryParam("partial") == "1"
	go func() {
		failed, ok, err := s.take(d, partial)
		s.tasks.mu.Lock()
		defer s.tasks.mu.Unlock()
		it.Status, it.Updated = "finish", s.Clock.Now().Unix()
		switch {
		case err != nil:
			it.Status, it.Message = "error", err.Error()
		case !ok:
			b, _ := json.Marshal(failed)
			it.Status, it.Message = "error", string(b)
		}
	}()
	return object(c, map[string]string{"id": id})
}

func (s *server) findTask(id string) (task, error) {
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	if it := s.tasks.list[id]; it != nil {
		return *it, nil
	}
	return task{}, diag.New(diag.Undefined, "async task: %s not found", id)
}

func (s *server) task(c echo.Context) error {
	it, err := s.findTask(part(c, "id"))
	if err != nil {
		return err
	}
	return object(c, it)
}

// cancelTask answers that an import that is under way is left to finish: it
// takes milliseconds.
func (s *server) cancelTask(c echo.Context) error {
	if _, err := s.findTask(part(c, "id")); err != nil {
		return err
	}
	return text(c, http.StatusOK, "cancel success")
}
