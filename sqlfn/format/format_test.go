package format

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// plain takes any text but "bad" as one value.
type plain struct{}

func (plain) Decode(p []byte, into *row.Batch) error {
	if string(p) == "bad" {
		return errors.New("bad line")
	}
	into.Rows = append(into.Rows, row.Row{Cols: []value.Value{value.OfStringBytes(p)}})
	return nil
}

func TestAnyDecoderCanDecodeLines(t *testing.T) {
	p := []byte("a\r\nbad\n\n\r\nb")
	var batch row.Batch
	failed := 0
	DecodeLines(plain{}, p, &batch, func(error) { failed++ })
	clear(p) // it may be written again
	var got []string
	for _, r := range batch.Rows {
		got = append(got, r.Cols[0].Str())
	}
	if !slices.Equal(got, []string{"a", "b"}) || failed != 1 {
		t.Errorf("got %q and %d failures", got, failed)
	}
}

func TestAnUnknownFormatIsNamed(t *testing.T) {
	if _, err := Lookup("nosuch"); err == nil || !strings.HasPrefix(err.Error(), "format type nosuch not supported") {
		t.Errorf("got %v", err)
	}
}

func TestTimesAreReadByPatternFirst(t *testing.T) {
	cet := time.FixedZone("CET", 3600)
	for _, c := range []struct {
		cfg  Config
		text string
		want string
	}{
		{Config{}, "2020-01-02 03:04:05", "2020-01-02T03:04:05Z"},
		{Config{Loc: cet}, "2020-01-02 03:04:05", "2020-01-02T03:04:05+01:00"},
		{Config{TimestampFormat: "MM/dd/yyyy"}, "02/01/2020", "2020-02-01T00:00:00Z"},
		{Config{TimestampFormat: "MM/dd/yyyy"}, "2020-01-02T03:04:05+02:00", "2020-01-02T03:04:05+02:00"},
	} {
		read, err := c.cfg.TimeReader()
		if err != nil {
			t.Fatal(err)
		}
		if at, err := read(c.text); err != nil || at.Format(time.RFC3339) != c.want {
			t.Errorf("%q by %q: got %v, %v; want %s", c.text, c.cfg.TimestampFormat, at, err, c.want)
		}
	}
	if _, err := (&Config{TimestampFormat: "yyy"}).TimeReader(); err == nil {
		t.Error("a bad pattern was taken")
	}
}
