package simulator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func open(t *testing.T, props map[string]any) *Source {
	t.Helper()
	src, _, err := sources.Open("simulator", props)
	if err != nil {
		t.Fatal(err)
	}
	return src.(*Source)
}

// play runs a source on a clock that moves on as soon as somebody waits, and
// stops it after n rows; it returns the payloads and when they came.
func play(t *testing.T, s *Source, n int) (got []string, at []time.Duration, err error) {
	t.Helper()
	start := time.Unix(0, 0)
	c := hurried{clock.NewVirtual(start)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = s.Run(ctx, sources.Env{Clock: c, Status: exec.NewLink(c)}, func(m sources.Message) error {
		got = append(got, string(m.Payload))
		at = append(at, c.Now().Sub(start))
		if len(got) == n {
			return context.Canceled
		}
		return nil
	})
	return got, at, err
}

type hurried struct{ *clock.Virtual }

func (h hurried) After(d time.Duration) (<-chan time.Time, func()) {
	h.Set(h.Now().Add(d))
	return h.Virtual.After(0)
}

func TestRowsAreSentOneAfterAnother(t *testing.T) {
	two := []any{map[string]any{"a": 1}, map[string]any{"a": 2.5, "b": "x"}}
	for _, c := range []struct {
		name  string
		props map[string]any
		want  []string
		every time.Duration
		err   error
	}{
		{"defaults", nil, []string{`{"humidity":50,"temperature":22.5}`, `{"humidity":50,"temperature":22.5}`}, time.Second, context.Canceled},
		{"in a loop", map[string]any{"data": two, "interval": 10}, []string{`{"a":1}`, `{"a":2.5,"b":"x"}`, `{"a":1}`}, 10 * time.Millisecond, context.Canceled},
		{"once", map[string]any{"data": two, "loop": false}, []string{`{"a":1}`, `{"a":2.5,"b":"x"}`}, time.Second, nil},
		{"from JSON text", map[string]any{"data": `[{"a":12345678901234567}]`, "loop": false}, []string{`{"a":12345678901234567}`}, time.Second, nil},
		{"a single row", map[string]any{"data": map[string]any{"a": true}, "loop": false}, []string{`{"a":true}`}, time.Second, nil},
	} {
		n := len(c.want)
		if c.err == nil {
			n++
		}
		got, at, err := play(t, open(t, c.props), n)
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: got %v, %v; want %v, %v", c.name, got, err, c.want, c.err)
		}
		for i := range at {
			if at[i] != time.Duration(i)*c.every {
				t.Errorf("%s: row %d came after %v", c.name, i, at[i])
			}
		}
	}
}

func TestAStoppedSourceReturns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := clock.NewVirtual(time.Unix(0, 0))
	err := open(t, nil).Run(ctx, sources.Env{Clock: c, Status: exec.NewLink(c)}, func(sources.Message) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDataMustBeRows(t *testing.T) {
	for want, data := range map[string]any{
		"the value must be a list of objects":        "5",
		"invalid data: cannot parse JSON":            "[",
		"element 1 is no object but of type bigint":  []any{map[string]any{}, 1},
		"invalid data []: the value must be a list":  []any{},
		"element 0 is no object but of type boolean": []any{true},
	} {
		if _, _, err := sources.Open("simulator", map[string]any{"data": data}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", data, err)
		}
	}
}

func TestRowsAreConvertedToDeclaredColumns(t *testing.T) {
	s := &row.Schema{Cols: []value.Field{{Name: "humidity", Type: value.Type{Kind: value.String}}}}
	d, err := open(t, nil).Decoder(format.Config{Schema: s, Declared: s})
	if err != nil {
		t.Fatal(err)
	}
	var batch row.Batch
	if err := d.Decode([]byte(`{"humidity":50}`), &batch); err != nil || batch.Rows[0].Cols[0].Str() != "50" {
		t.Errorf("got %v, %v", batch.Rows, err)
	}
}

func TestTheListIsALookupTable(t *testing.T) {
	s := Table{source: *open(t, map[string]any{"data": `[{"id":1,"k":"a"},{"id":2,"k":"a"},{"id":2,"k":"b"},{"k":"a"}]`})}
	for _, c := range []struct {
		keys []string
		vals []value.Value
		want int
	}{
		{[]string{"k"}, []value.Value{value.OfString("a")}, 3},
		{[]string{"k", "id"}, []value.Value{value.OfString("a"), value.OfFloat(2)}, 1},
		{[]string{"id"}, []value.Value{{}}, 0},
		{[]string{"none"}, []value.Value{value.OfInt(1)}, 0},
	} {
		got, err := s.Lookup(t.Context(), sources.Query{Keys: c.keys, Values: c.vals})
		if err != nil || len(got) != c.want {
			t.Errorf("%v=%v: got %v, %v; want %d rows", c.keys, c.vals, got, err, c.want)
		}
	}
}
