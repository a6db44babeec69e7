package devicemodel

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestStreamNamesNeedNoQuotes(t *testing.T) {
	for name, want := range map[string]string{
		"Press-Line-Sensor": "Press_Line_Sensor", "9mm": "s9mm", "": "s", "a.b~c d": "a_b_c_d", "_x": "s_x",
		"select": "select_", "Stream": "Stream", "压机": "s__",
	} {
		got := StreamName(name)
		if got != want || ast.QuoteName(got) != got {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestTheStreamHasTheReadableProperties(t *testing.T) {
	m := Model{Name: "m-1", Properties: []Property{
		{Name: "a", Type: value.Type{Kind: value.Int}, Readable: true},
		{Name: "w", Type: value.Type{Kind: value.Int}, Writable: true},
		{Name: "from", Type: value.ArrayOf(value.Type{Kind: value.Float}), Readable: true},
		{Name: "a", Type: value.Type{Kind: value.String}, Readable: true},
		{Name: "o-1", Type: value.Type{Kind: value.Object}, Readable: true},
	}}
	got := m.CreateStream(ast.Options{Type: "edgex", Datasource: "x/#"})
	want := "CREATE STREAM m_1 (a BIGINT, `from` ARRAY(FLOAT), `o-1` STRUCT()) WITH (DATASOURCE=\"x/#\", TYPE=\"edgex\")"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := parse.Statement(got); err != nil {
		t.Error(err)
	}
}
