package sqltest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/format"
	_ "github.com/edgesluice/sluice/sqlfn/format/binary" // formats register themselves
	_ "github.com/edgesluice/sluice/sqlfn/format/delimited"
	_ "github.com/edgesluice/sluice/sqlfn/format/json"
	_ "github.com/edgesluice/sluice/sqlfn/format/urlencoded"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// streams are the streams and tables of a script.
type streams map[string]*ast.Create

func parseDDL(text string) (streams, error) {
	ss := streams{}
	for _, part := range strings.Split(text, "\n\n") {
		sts, err := parse.Statements(part)
		if err != nil {
			return nil, err
		}
		for _, st := range sts {
			c, ok := st.(*ast.Create)
			if !ok {
				return nil, fmt.Errorf("ddl: want CREATE, not %s", st)
			}
			if ss[c.Name] != nil {
				return nil, fmt.Errorf("ddl: %s is created twice", c.Name)
			}
			ss[c.Name] = c
		}
	}
	return ss, nil
}

// Stream implements sqlfn.Catalog.
func (ss streams) Stream(name string) (*sqlfn.Stream, error) {
	c := ss[name]
	if c == nil {
		var names []string
		for n := range ss {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, diag.New(diag.Undefined, "fail to get stream %s, please check if stream is created", name).WithHint(diag.DidYouMean(name, names))
	}
	o := c.Options
	return &sqlfn.Stream{
		Name: name, Table: c.Table, Lookup: c.Table && strings.EqualFold(o.Kind, "lookup"),
		Schema: declared(c), Timestamp: o.Timestamp, TimestampFormat: o.TimestampFormat,
		Strict: o.StrictValidation == "true", RetainSize: sqlfn.Retain(o.Type, o.RetainSize),
	}, nil
}

func declared(c *ast.Create) *row.Schema { return &row.Schema{Cols: c.Cols, Open: len(c.Cols) == 0} }

// decoder returns the decoder of a stream for the columns that a query wants.
func (ss streams) decoder(in sqlfn.Input, loc *time.Location) (format.Decoder, error) {
	c := ss[in.Stream]
	f, err := format.Lookup(c.Options.Format)
	if err != nil {
		return nil, err
	}
	cfg := format.Config{Schema: in.Want, Strict: c.Options.StrictValidation == "true",
		Delimiter: c.Options.Delimiter, SchemaID: c.Options.SchemaID,
		TimestampFormat: c.Options.TimestampFormat, Loc: loc}
	if len(c.Cols) > 0 {
		cfg.Declared = declared(c)
	}
	return f.NewDecoder(cfg)
}
