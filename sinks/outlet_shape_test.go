package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	_ "github.com/edgesluice/sluice/sqlfn/format/all"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestResultsAreShapedAndEncoded(t *testing.T) {
	one, two := `{"a":1,"b":"x","_c":true}`, `{"a":2,"_d":null}`
	for _, c := range []struct {
		name  string
		props string
		rows  []string
		win   bool
		want  []string
	}{
		{"a row is a list of one", `{}`, []string{one, two}, false, []string{`[{"_c":true,"a":1,"b":"x"}]`, `[{"_d":null,"a":2}]`}},
		{"a window is one list", `{}`, []string{one, two}, true, []string{`[{"_c":true,"a":1,"b":"x"},{"_d":null,"a":2}]`}},
		{"sendSingle", `{"sendSingle":true}`, []string{one, two}, true, []string{`{"_c":true,"a":1,"b":"x"}`, `{"_d":null,"a":2}`}},
		{"empty window", `{}`, nil, true, []string{`[]`}},
		{"omitIfEmpty leaves out an empty window", `{"omitIfEmpty":true}`, nil, true, nil},
		{"omitIfEmpty leaves out empty rows", `{"omitIfEmpty":true}`, []string{`{}`, `{"a":1}`}, true, []string{`[{"a":1}]`}},
		{"omitIfEmpty and sendSingle", `{"omitIfEmpty":true,"sendSingle":true}`, []string{`{}`, `{"a":1}`}, true, []string{`{"a":1}`}},
		{"omitIfEmpty behind excludeFields", `{"omitIfEmpty":true,"sendSingle":true,"excludeFields":["a"]}`, []string{`{"b":1,"a":1}`, `{"a":1}`}, true, []string{`{"b":1}`}},
		{"fields, missing ones null", `{"fields":["b","_c","z"],"sendSingle":true}`, []string{one, two}, true, []string{`{"_c":true,"b":"x","z":null}`, `{"_c":null,"b":null,"z":null}`}},
		{"excludeFields", `{"excludeFields":["b","_c"],"sendSingle":true}`, []string{one, two}, true, []string{`{"a":1}`, `{"_d":null,"a":2}`}},
		{"dataField of an object", `{"dataField":"o","sendSingle":true}`, []string{`{"o":{"x":1}}`}, false, []string{`{"x":1}`}},
		{"dataField of an array", `{"dataField":"o","sendSingle":true}`, []string{`{"o":[{"x":1},{"x":2}]}`}, false, []string{`[{"x":1},{"x":2}]`}},
		{"dataField by its old name, of a list", `{"tableDataField":"_o"}`, []string{`{"_o":[{"x":1}]}`, `{"_o":{"x":2}}`}, true, []string{`[{"x":1},{"x":2}]`}},
		{"dataField, then fields", `{"dataField":"o","fields":["x"],"sendSingle":true}`, []string{`{"o":{"x":1,"y":2}}`}, false, []string{`{"x":1}`}},
		{"dataTemplate is sent as it is", `{"dataTemplate":"a is {{.a}} <b>","sendSingle":true}`, []string{one}, false, []string{`a is 1 <b>`}},
		{"dataTemplate over a list", `{"dataTemplate":"{{range .}}{{.a}};{{end}}"}`, []string{one, two}, true, []string{`1;2;`}},
		{"dataTemplate with a key that is missing", `{"dataTemplate":"{{.zz}}","sendSingle":true}`, []string{one}, false, []string{`<no value>`}},
		{"dataTemplate, then fields", `{"dataTemplate":"{\"x\":{{.a}},\"y\":2}","fields":["x"],"sendSingle":true}`, []string{one}, false, []string{`{"x":1}`}},
		{"dataTemplate, then another format", `{"dataTemplate":"{\"x\":{{.a}},\"y\":2}","format":"delimited","sendSingle":true}`, []string{one}, false, []string{`1,2`}},
		{"delimited in the order of fields", `{"format":"delimited","delimiter":";","fields":["b","a"],"sendSingle":true}`, []string{one}, false, []string{`x;1`}},
		{"properties of old releases", `{"runAsync":true,"retryInterval":0,"retryCount":3,"cacheLength":1,"cacheSaveInterval":1,"concurrency":1,"sendSingle":true}`, []string{`{"a":1}`}, false, []string{`{"a":1}`}},
		{"a template sees the row as the rule made it", `{"topic":"t/{{.b}}","excludeFields":["b","_c"],"sendSingle":true}`, []string{one}, false, []string{`t/x {"a":1}`}},
		{"a template over a list", `{"topic":"t/{{(index . 0).a}}"}`, []string{two}, false, []string{`t/2 [{"_d":null,"a":2}]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			props, err := value.ParseJSON([]byte(c.props), value.JSONOptions{})
			if err != nil {
				t.Fatal(err)
			}
			o, s := newOutlet[*fake](t, nil, "fake", props.Any().(map[string]any))
			start(t, o)
			b := batch(t, c.rows...)
			b.Span.Set = c.win
			send(t, o, b)
			flush(t, o)
			if got := s.written(); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if in := o.Stats().In.Load(); in != int64(len(c.want)) {
				t.Errorf("records_in %d", in)
			}
		})
	}
}

func TestSinksOfRowsGetRows(t *testing.T) {
	o, s := newOutlet[*tuples](t, nil, "tuples", map[string]any{"fields": []any{"b"}})
	start(t, o)
	b := window(batch(t, `{"a":1,"b":1}`, `{"a":2,"b":2}`))
	send(t, o, b)
	clear(b.Rows) // they belong to the rule again
	o.SendError(context.Background(), errors.New("no luck"))
	flush(t, o)
	if got, want := s.written(), []string{`[{"b":1},{"b":2}]`, `[{"error":"no luck"}]`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if n := len(o.Steps()); n != 1 {
		t.Errorf("%d steps", n)
	}
}

func TestErrorsAreSentAsPlainText(t *testing.T) {
	o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"dataTemplate": "x", "sendSingle": true})
	start(t, o)
	if err := o.SendError(context.Background(), errors.New("run Where error: bad")); err != nil {
		t.Fatal(err)
	}
	flush(t, o)
	if got := s.written(); len(got) != 1 || got[0] != "run Where error: bad" {
		t.Errorf("got %q", got)
	}
}

func TestBadPropertiesAreRefusedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		props map[string]any
		want  string
	}{
		{"fake", map[string]any{"sendSingle": "true"}, `fail to parse sink configuration: read properties map[sendSingle:true] fail with error: 'sendSingle' expected type 'bool', got unconvertible type 'string', value: 'true'`},
		{"fake", map[string]any{"omitIfEmpty": 1.0}, `fail to parse sink configuration: read properties map[omitIfEmpty:1] fail with error: 'omitIfEmpty' expected type 'bool', got unconvertible type 'float64', value: '1'`},
		{"fake", map[string]any{"dataTemplate": true}, `fail to parse sink configuration: read properties map[dataTemplate:true] fail with error: 'dataTemplate' expected type 'string', got unconvertible type 'bool', value: 'true'`},
		{"fake", map[string]any{"batchSize": -1}, `fail to parse sink configuration: invalid batchSize -1`},
		{"fake", map[string]any{"format": "nosuch"}, `format type nosuch not supported`},
		{"fake", map[string]any{"fields": []any{"a"}, "excludeFields": []any{"b"}}, `field and excludeFields cannot both be set`},
		{"fake", map[string]any{"dataTemplate": "{{bad .}}"}, `template: sink:1: function "bad" not defined`},
		{"fake", map[string]any{"topic": "{{.a"}, `unclosed action`},
		{"fake", map[string]any{"sendSingel": true}, `sink "fake" has no property "sendSingel", did you mean "sendSingle"?`},
		{"fake", map[string]any{"topik": "a"}, `sink "fake" has no property "topik", did you mean "topic"?`},
		{"fake", map[string]any{"compression": "rar"}, `invalid compression rar: the value could be only`},
		{"fak", nil, `sink fak is not defined, did you mean "fake"?`},
	} {
		_, err := NewOutlet(OutletConfig{Name: c.name, Props: c.props})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v\nwant %s", c.props, err, c.want)
		}
	}
}

func TestADriverMayTakeOverACommonProperty(t *testing.T) {
	o, s := newOutlet[*owner](t, nil, "owner", map[string]any{"fields": []any{"a"}, "sendSingle": true})
	start(t, o)
	send(t, o, batch(t, `{"a":1,"b":2}`))
	flush(t, o)
	if got := s.written(); len(got) != 1 || got[0] != `{"a":1,"b":2}` || !slices.Equal(s.fields, []string{"a"}) {
		t.Errorf("got %q, fields %v", got, s.fields)
	}
}

func TestResultsThatCannotBeShapedAreCounted(t *testing.T) {
	for _, c := range []struct {
		props map[string]any
		row   string
		want  string
	}{
		{map[string]any{"dataField": "o"}, `{"a":1}`, `dataField o: the result has no such column`},
		{map[string]any{"dataField": "a"}, `{"a":1}`, `dataField a: neither an object nor an array of objects: int64(1)`},
		{map[string]any{"dataField": "a"}, `{"a":[1]}`, `dataField a: element 0 is not an object`},
		{map[string]any{"dataTemplate": "{{.a}}", "fields": []any{"a"}, "sendSingle": true}, `{"a":"x"}`, `dataTemplate: its output is not JSON`},
		{map[string]any{"dataTemplate": "{{index . 3}}"}, `{"a":"x"}`, `error calling index`},
		{map[string]any{"format": "binary"}, `{"a":1}`, `field self not exist`},
	} {
		o, s := newOutlet[*fake](t, nil, "fake", c.props)
		start(t, o)
		told := make(chan error, 1)
		if err := o.Send(context.Background(), batch(t, c.row), func(err error) { told <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-told; err != nil {
			t.Error(err)
		}
		failures := o.Steps()[0].Stats.Errors.Load() + o.Steps()[1].Stats.Errors.Load()
		last := o.Steps()[0].Stats.LastError()
		if last == nil {
			last = o.Steps()[1].Stats.LastError()
		}
		if failures != 1 || last == nil || !strings.Contains(last.Text, c.want) || len(s.written()) != 0 {
			t.Errorf("%v: %d failures, %v, wrote %q", c.props, failures, last, s.written())
		}
	}
}

func TestMessagesAreCompressed(t *testing.T) {
	for method, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zlib":  func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
		"flate": func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil },
		"zstd":  func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"compression": method, "sendSingle": true})
		start(t, o)
		send(t, o, batch(t, `{"a":1}`, `{"a":2}`))
		flush(t, o)
		var got []string
		for _, p := range s.written() {
			r, err := open(strings.NewReader(p))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(text))
		}
		if !slices.Equal(got, []string{`{"a":1}`, `{"a":2}`}) {
			t.Errorf("%s: %q", method, got)
		}
	}
}

func TestEncodingReusesNoBytesThatWereHandedOut(t *testing.T) {
	o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"sendSingle": true})
	s.gate = make(chan bool)
	start(t, o)
	var want []string
	for i := range 400 {
		text := fmt.Sprintf(`{"a":"%s"}`, bytes.Repeat([]byte{byte('a' + i%26)}, i))
		want = append(want, text)
		send(t, o, batch(t, text))
	}
	close(s.gate)
	flush(t, o)
	if !slices.Equal(s.written(), want) {
		t.Error("payloads overlap")
	}
}
