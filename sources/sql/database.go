// Package sql reads from a database: as a lookup table the rows of a database
// table that match, as a stream what a query finds each interval.
//
//	CREATE TABLE devices (id BIGINT, name STRING) WITH (TYPE="sql", KIND="lookup", DATASOURCE="devices", CONF_KEY="plant")
//	{"dburl": "postgres://user:secret@127.0.0.1:5432/plant"}
//
// Names are quoted and values are sent beside the statement: nothing of an
// event becomes a part of the SQL.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/lib/pq" // registers "postgres"

	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// dialect is what databases do differently.
type dialect struct {
	driver string // of database/sql
	quote  string
	mark   func(i int) string // the i-th argument, from 1
	dsn    func(u *url.URL) (string, error)
	limit  string // the end of a statement that wants so many rows, %d
}

func asIs(u *url.URL) (string, error) { return u.String(), nil }

func question(int) string { return "?" }

var dialects = map[string]*dialect{}

// addDialect makes a kind of database known under the schemes of its URL.
func addDialect(d *dialect, schemes ...string) {
	if d.limit == "" {
		d.limit = " LIMIT %d"
	}
	for _, s := range schemes {
		dialects[s] = d
	}
}

func init() {
	addDialect(&dialect{driver: "postgres", quote: `"`, dsn: asIs, mark: func(i int) string { return fmt.Sprintf("$%d", i) }},
		"postgres", "postgresql")
	addDialect(&dialect{driver: "mysql", quote: "`", mark: question, dsn: mysqlDSN}, "mysql", "mariadb")
}

func mysqlDSN(u *url.URL) (string, error) {
	cfg := mysql.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.Net, cfg.Addr = "tcp", u.Host
	if u.Port() == "" {
		cfg.Addr += ":3306"
	}
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	cfg.ParseTime = true
	cfg.Params = map[string]string{}
	for k, v := range u.Query() {
		cfg.Params[k] = v[0]
	}
	return cfg.FormatDSN(), nil
}

// place is where a database is.
type place struct {
	url     string
	dialect *dialect
	db      *sql.DB
}

func (p *place) params(set *param.Set) {
	set.String(&p.url, "dburl", "", param.T("address of the database, such as postgres://user:password@host:5432/name or mysql://..", "数据库地址，例如 postgres://user:password@host:5432/name 或 mysql://.."),
		param.Connection(), param.Secret(), param.Alias("url"), param.Required())
	set.Check(func() error {
		if p.url == "" {
			return nil
		}
		_, _, err := p.parse()
		return err
	})
}

var errURL = errors.New("dburl: write scheme://user:password@host:port/database")

func (p *place) parse() (*dialect, string, error) {
	u, err := url.Parse(p.url)
	if err != nil || u.Scheme == "" {
		return nil, "", errURL // what it holds is secret
	}
	d := dialects[strings.ToLower(u.Scheme)]
	if d == nil {
		return nil, "", fmt.Errorf("dburl: scheme %s is not one of postgres, mysql", u.Scheme)
	}
	if d.driver == "postgres" {
		u.Scheme = "postgres"
	}
	dsn, err := d.dsn(u)
	if err != nil {
		return nil, "", errURL
	}
	return d, dsn, nil
}

func (p *place) open() error {
	d, dsn, err := p.parse()
	if err != nil {
		return err
	}
	if p.db, err = sql.Open(d.driver, dsn); err != nil {
		return errURL
	}
	p.dialect = d
	p.db.SetMaxOpenConns(4)
	p.db.SetConnMaxIdleTime(5 * time.Minute)
	return nil
}

// name quotes the name of a table or column; a table may have its schema in
// front of it.
func (p *place) name(text string) string {
	parts := strings.Split(text, ".")
	for i, part := range parts {
		parts[i] = p.dialect.quote + strings.ReplaceAll(part, p.dialect.quote, p.dialect.quote+p.dialect.quote) + p.dialect.quote
	}
	return strings.Join(parts, ".")
}

// column quotes the name of a column.
func (p *place) column(text string) string {
	return p.dialect.quote + strings.ReplaceAll(text, p.dialect.quote, p.dialect.quote+p.dialect.quote) + p.dialect.quote
}

// rows runs a query and returns its rows as objects.
func (p *place) rows(ctx context.Context, query string, args ...any) ([]value.Value, error) {
	rs, err := p.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	types, err := rs.ColumnTypes()
	if err != nil {
		return nil, err
	}
	cells := make([]any, len(types))
	into := make([]any, len(types))
	for i := range cells {
		into[i] = &cells[i]
	}
	var found []value.Value
	for rs.Next() {
		if err := rs.Scan(into...); err != nil {
			return nil, err
		}
		ms := make([]value.Member, len(types))
		for i, t := range types {
			ms[i] = value.Member{Name: t.Name(), Val: cell(cells[i], t.DatabaseTypeName())}
		}
		found = append(found, value.OfObject(ms))
	}
	return found, rs.Err()
}

// cell turns what a driver returns into a value. Text may come as bytes, and
// exact numbers as text.
func cell(x any, typ string) value.Value {
	switch v := x.(type) {
	case nil:
		return value.ExplicitNull
	case []byte:
		if strings.Contains(typ, "BLOB") || strings.Contains(typ, "BINARY") || typ == "BYTEA" {
			return value.OfBytes(v)
		}
		return text(string(v), typ)
	case string:
		return text(v, typ)
	case time.Time:
		return value.OfTime(v)
	}
	return value.From(x)
}

func text(s, typ string) value.Value {
	if typ == "NUMERIC" || typ == "DECIMAL" || strings.Contains(typ, "INT") || typ == "DOUBLE" || typ == "FLOAT" {
		if v, err := value.ParseJSON([]byte(s), value.JSONOptions{IntWhole: true}); err == nil && v.IsNumber() {
			return v
		}
	}
	return value.OfString(s)
}
