package parse

import (
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// object reads STREAM or TABLE.
func (p *parser) object() (table bool) {
	switch {
	case p.word("STREAM"):
		return false
	case p.word("TABLE"):
		return true
	}
	p.fail("STREAM", "TABLE")
	return false
}

func (p *parser) show() *ast.Command {
	switch {
	case p.word("STREAMS"):
		return &ast.Command{Verb: ast.Show}
	case p.word("TABLES"):
		return &ast.Command{Verb: ast.Show, Table: true}
	}
	p.fail("STREAMS", "TABLES")
	return nil
}

func (p *parser) command(verb ast.Verb) *ast.Command {
	c := &ast.Command{Verb: verb, Table: p.object()}
	c.Name = p.objectName(c.Table)
	return c
}

func (p *parser) objectName(table bool) string {
	if table {
		return p.name("table name")
	}
	return p.name("stream name")
}

func (p *parser) create() *ast.Create {
	c := &ast.Create{Table: p.object()}
	c.Name = p.objectName(c.Table)
	if !p.op("(") {
		p.fail("lparen after stream name")
	}
	c.Cols = p.columns()
	if !p.word("WITH") {
		p.fail("WITH")
	}
	p.needOp("(")
	for !p.op(")") {
		p.option(&c.Options)
		p.op(",")
	}
	return c
}

// columns reads definitions up to and with the closing parenthesis.
func (p *parser) columns() []value.Field {
	defer p.nest()()
	if p.op(")") {
		return nil
	}
	var fs []value.Field
	seen := map[string]bool{}
	for {
		t := p.tok()
		f := value.Field{Name: p.name("column name"), Type: p.typeName()}
		if seen[f.Name] {
			p.failAt(t.pos, "", "column %q is declared twice", f.Name)
		}
		seen[f.Name] = true
		fs = append(fs, f)
		if !p.op(",") {
			p.needOp(")")
			return fs
		}
	}
}

// otherTypes are names of types in other dialects.
var otherTypes = map[string]string{
	"INT": "BIGINT", "INTEGER": "BIGINT", "SMALLINT": "BIGINT", "TINYINT": "BIGINT", "LONG": "BIGINT", "INT64": "BIGINT",
	"DOUBLE": "FLOAT", "REAL": "FLOAT", "DECIMAL": "FLOAT", "NUMERIC": "FLOAT", "NUMBER": "FLOAT", "FLOAT64": "FLOAT",
	"TEXT": "STRING", "VARCHAR": "STRING", "CHAR": "STRING", "BOOL": "BOOLEAN", "TIMESTAMP": "DATETIME", "DATE": "DATETIME",
	"BLOB": "BYTEA", "BYTES": "BYTEA", "BINARY": "BYTEA", "MAP": "STRUCT", "OBJECT": "STRUCT", "JSON": "STRUCT", "LIST": "ARRAY",
}

var typeNames = []string{"BIGINT", "FLOAT", "STRING", "DATETIME", "BOOLEAN", "BYTEA", "ARRAY", "STRUCT"}

func (p *parser) typeName() value.Type {
	t := p.tok()
	word := ""
	if t.kind == tIdent && t.quote == 0 {
		word = strings.ToUpper(t.text)
	}
	switch word {
	case "BIGINT":
		return p.simpleType(value.Int)
	case "FLOAT":
		return p.simpleType(value.Float)
	case "STRING":
		return p.simpleType(value.String)
	case "BOOLEAN":
		return p.simpleType(value.Bool)
	case "BYTEA":
		return p.simpleType(value.Bytes)
	case "DATETIME":
		return p.simpleType(value.Time)
	case "ARRAY":
		defer p.nest()()
		p.next()
		p.needOp("(")
		elem := p.typeName()
		p.needOp(")")
		return value.ArrayOf(elem)
	case "STRUCT": // STRUCT() may have any members
		p.next()
		p.needOp("(")
		return value.Type{Kind: value.Object, Fields: p.columns()}
	}
	hint := diag.DidYouMean(t.text, typeNames)
	if other := otherTypes[word]; other != "" {
		hint = "did you mean " + strconv.Quote(other) + "?"
	}
	p.failAt(t.pos, hint, "found %q, expect valid stream field types(%s).", t.shown(), strings.Join(typeNames, " | "))
	return value.Type{}
}

func (p *parser) simpleType(k value.Kind) value.Type {
	p.next()
	return value.Type{Kind: k}
}

// optionName finds an option by its name in any case and with or without
// underscores: the REST API shows CONF_KEY as confKey, and clients build
// statements from that.
func optionName(text string) string {
	for _, name := range ast.OptionNames() {
		if strings.EqualFold(strings.ReplaceAll(name, "_", ""), strings.ReplaceAll(text, "_", "")) {
			return name
		}
	}
	return ""
}

// option reads NAME="text" or NAME=TRUE.
func (p *parser) option(o *ast.Options) {
	t := p.tok()
	name := optionName(t.text)
	dst := o.Value(name)
	if t.kind != tIdent || dst == nil {
		names := ast.OptionNames()
		p.failAt(t.pos, p.misspelt(names), "found %q, unknown option keys(%s).", t.shown(), strings.Join(names, "|"))
	}
	p.next()
	if *dst != "" {
		p.failAt(t.pos, "", "option %s is given twice", name)
	}
	p.needOp("=")
	v := p.tok()
	switch {
	case v.kind == tString && v.quote == '"':
		*dst = v.text
	case v.isKeyword("TRUE") || v.isKeyword("FALSE"):
		*dst = strings.ToLower(v.text)
	case v.kind == tString:
		p.failHint("option values are written in double quotes", "string in double quotes, TRUE or FALSE")
	default:
		p.fail("string in double quotes", "TRUE", "FALSE")
	}
	p.next()
	if *dst == "" {
		return // as if it was not written
	}
	switch name {
	case "STRICT_VALIDATION", "SHARED", "TEMP":
		if *dst = strings.ToLower(*dst); *dst != "true" && *dst != "false" {
			p.failAt(v.pos, "", "option %s must be TRUE or FALSE, not %q", name, v.text)
		}
	case "RETAIN_SIZE":
		if n, err := strconv.ParseInt(*dst, 10, 64); err != nil || n < 0 {
			p.failAt(v.pos, "", "option %s must be a whole number, not %q", name, v.text)
		}
	}
}
