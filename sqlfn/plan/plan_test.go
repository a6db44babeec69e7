package plan_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var update = flag.Bool("update", false, "write what the planner says into testdata")

// The streams of the plans in testdata: open and other are schemaless, typed
// and second have columns.
func stream(name string) (*plan.Stream, error) {
	col := func(name string, k value.Kind) value.Field { return value.Field{Name: name, Type: value.Type{Kind: k}} }
	schemas := map[string]*row.Schema{
		"open":   {Open: true},
		"other":  {Open: true},
		"typed":  {Cols: []value.Field{col("id", value.Int), col("temp", value.Float), col("name", value.String)}},
		"second": {Cols: []value.Field{col("id", value.Int), col("pressure", value.Float)}},
	}
	if s := schemas[name]; s != nil {
		return &plan.Stream{Name: name, Schema: s, Timestamp: "ts"}, nil
	}
	return nil, fmt.Errorf("stream %s not found", name)
}

// explain plans a statement and returns what users see: the plan, or the error
// with its place.
func explain(sql string) string {
	var p *plan.Plan
	sel, err := parse.Select(sql)
	if err == nil {
		p, err = plan.Build(sel, plan.Config{Stream: stream, Functions: builtin.Registry()})
	}
	var e *diag.Error
	switch {
	case errors.As(err, &e):
		return e.Detail() + "\n"
	case err != nil:
		return err.Error() + "\n"
	}
	return p.Explain()
}

// Each file is pairs of a statement and its plan or error.
func TestPlansAndErrorsAreAsWrittenDown(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(a.Files); i += 2 {
			sql, want := strings.TrimSpace(string(a.Files[i].Data)), &a.Files[i+1]
			got := explain(sql)
			if *update {
				want.Data = []byte(got)
				continue
			}
			if got != string(want.Data) {
				t.Errorf("%s: %s\n got:\n%s\nwant:\n%s", name, sql, got, want.Data)
			}
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
