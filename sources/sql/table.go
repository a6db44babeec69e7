package sql

import (
	"context"
	"errors"
	"strings"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sources.Register(&sources.Driver{
		Name: "sql", Table: true,
		Doc:      param.T("Rows of a database: PostgreSQL, MySQL, MariaDB.", "数据库中的行：PostgreSQL、MySQL、MariaDB。"),
		New:      func() sources.Source { return &source{} },
		NewTable: func() sources.Table { return &Table{} },
	})
}

// Table is a lookup table; DATASOURCE is the name of the database table.
type Table struct {
	place
	from string
}

// Params implements sources.Table.
func (t *Table) Params(p *param.Set) { t.params(p) }

// Open implements sources.Table.
func (t *Table) Open(_ context.Context, env sources.Env) error {
	if t.from = env.Datasource; t.from == "" {
		return errors.New("DATASOURCE is empty, it names the table of the database")
	}
	return t.open()
}

// Lookup implements sources.Table.
func (t *Table) Lookup(ctx context.Context, q sources.Query) ([]value.Value, error) {
	columns := "*"
	if q.Fields != nil {
		names := make([]string, len(q.Fields))
		for i, f := range q.Fields {
			names[i] = t.column(f)
		}
		columns = strings.Join(names, ", ")
	}
	var conds []string
	var args []any
	for i, k := range q.Keys {
		conds = append(conds, t.column(k)+" = "+t.dialect.mark(i+1))
		args = append(args, argument(q.Values[i]))
	}
	return t.rows(ctx, "SELECT "+columns+" FROM "+t.name(t.from)+" WHERE "+strings.Join(conds, " AND "), args...)
}

// argument is a value as drivers take it. A whole number of a schemaless stream
// is a float: databases do not compare one with their integers.
func argument(v value.Value) any {
	if i, ok := v.AsInt(); ok && v.IsNumber() {
		return i
	}
	return v.Any()
}

// Close implements sources.Table.
func (t *Table) Close() error { return t.db.Close() }
