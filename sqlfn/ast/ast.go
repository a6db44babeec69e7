// Package ast holds the syntax trees of statements and expressions. Every node
// has the byte offset at which it starts, and prints back as SQL that parses
// to the same tree.
package ast

import (
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Statement is *Select, *Create or *Command.
type Statement interface {
	String() string
	stmt()
}

// Select is a query.
type Select struct {
	Distinct bool // an extension: SELECT DISTINCT
	Fields   []Field
	From     Source
	Joins    []Join
	Where    Expr
	Dims     []Expr // GROUP BY without the window
	Window   *Window
	Having   Expr
	Order    []Sort
	Limit    *int64
	Text     string // the statement as it was written
}

// Field is one item of the SELECT list.
type Field struct {
	X         Expr // *Star for * and s.*
	Alias     string
	Invisible bool
}

// Source is a stream or table of FROM or JOIN.
type Source struct {
	Pos   int
	Name  string
	Alias string
}

// Ref is the name by which columns of the source are qualified.
func (s Source) Ref() string {
	if s.Alias != "" {
		return s.Alias
	}
	return s.Name
}

// JoinKind is INNER, LEFT, RIGHT, FULL or CROSS.
type JoinKind string

// The kinds of joins.
const (
	InnerJoin JoinKind = "INNER"
	LeftJoin  JoinKind = "LEFT"
	RightJoin JoinKind = "RIGHT"
	FullJoin  JoinKind = "FULL"
	CrossJoin JoinKind = "CROSS"
)

// Join is one JOIN clause.
type Join struct {
	Pos  int
	Kind JoinKind
	Source
	On Expr
}

// Sort is one item of ORDER BY.
type Sort struct {
	X    Expr
	Desc bool
}

// WindowKind is the name of a window function without WINDOW.
type WindowKind string

// The kinds of windows.
const (
	Tumbling WindowKind = "TUMBLINGWINDOW"
	Hopping  WindowKind = "HOPPINGWINDOW"
	Sliding  WindowKind = "SLIDINGWINDOW"
	Session  WindowKind = "SESSIONWINDOW"
	Count    WindowKind = "COUNTWINDOW"
	State    WindowKind = "STATEWINDOW"
)

// Window is the window of a GROUP BY. Time windows have a Unit; Size, Second
// are its integer arguments as written: length, then hop (hopping), delay
// (sliding), timeout (session) or interval (count). State windows have Begin
// and Emit.
type Window struct {
	Pos         int
	Kind        WindowKind
	Unit        string // DD HH MI SS MS
	Size        int64
	Second      int64
	HasSecond   bool
	Begin, Emit Expr
	Filter      Expr   // FILTER(WHERE ..)
	Partition   []Expr // OVER(PARTITION BY ..)
	When        Expr   // OVER(WHEN ..)
}

// Create is CREATE STREAM or CREATE TABLE.
type Create struct {
	Table   bool
	Name    string
	Cols    []value.Field // nil or empty: schemaless
	Options Options
	Text    string
}

// Options are the WITH options as written, values unquoted; a key that was not
// written is "".
type Options struct {
	Datasource, Key, Format, ConfKey, Type    string
	StrictValidation, Timestamp               string
	TimestampFormat, RetainSize, Shared       string
	SchemaID, Kind, Delimiter, Version, Extra string
	Temp                                      string
}

// Verb is the word of a Command.
type Verb string

// The verbs.
const (
	Show     Verb = "SHOW"
	Describe Verb = "DESCRIBE"
	Explain  Verb = "EXPLAIN"
	Drop     Verb = "DROP"
)

// Command is SHOW STREAMS, DESCRIBE STREAM x, EXPLAIN STREAM x or DROP STREAM
// x, or the same with TABLE.
type Command struct {
	Verb  Verb
	Table bool
	Name  string // empty for SHOW
}

func (*Select) stmt()  {}
func (*Create) stmt()  {}
func (*Command) stmt() {}

// Expr is an expression.
type Expr interface {
	Offset() int // where it starts in the statement
	String() string
}

// Pos is the byte offset of a node.
type Pos int

// Offset implements Expr.
func (p Pos) Offset() int { return int(p) }

// Op is a binary or unary operator: + - * / % & | ^ = != < <= > >= AND OR NOT.
type Op string

// Expressions.
type (
	// Ident is a column, alias or bare word: name or stream.name.
	Ident struct {
		Pos
		Stream, Name string
	}
	// Literal is a number, text, TRUE, FALSE or a time unit word.
	Literal struct {
		Pos
		Val value.Value
	}
	// Unary is -x, or NOT x.
	Unary struct {
		Pos
		Op Op
		X  Expr
	}
	// Binary is l op r; Pos is where l starts, OpPos the operator.
	Binary struct {
		Pos
		OpPos int
		Op    Op
		L, R  Expr
	}
	// Between is x [NOT] BETWEEN lo AND hi.
	Between struct {
		Pos
		X, Lo, Hi Expr
		Not       bool
	}
	// Like is x [NOT] LIKE pattern.
	Like struct {
		Pos
		X, Pattern Expr
		Not        bool
	}
	// In is x [NOT] IN (list) or x [NOT] IN array.
	In struct {
		Pos
		X     Expr
		List  []Expr
		Array Expr // if List is nil
		Not   bool
	}
	// IsNull is x IS [NOT] NULL, an extension.
	IsNull struct {
		Pos
		X   Expr
		Not bool
	}
	// Index is x[i].
	Index struct {
		Pos
		X, I Expr
	}
	// Slice is x[lo:hi]; either bound may be nil.
	Slice struct {
		Pos
		X, Lo, Hi Expr
	}
	// Deref is x->name or x.name where x is not a stream.
	Deref struct {
		Pos
		X     Expr
		Name  string
		Arrow bool
	}
	// Case is CASE [operand] WHEN .. THEN .. ELSE .. END.
	Case struct {
		Pos
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// Call is name(args) OVER (..).
	Call struct {
		Pos
		Name     string // as written
		Distinct bool   // COUNT(DISTINCT x), an extension
		Args     []Expr
		Over     *Over
	}
	// Star is *, s.*, * EXCEPT(..) REPLACE(..), also as an argument: count(*).
	Star struct {
		Pos
		Stream  string
		Except  []string
		Replace []Field
	}
)

// When is one branch of a CASE.
type When struct{ Cond, Then Expr }

// Over is OVER (PARTITION BY .. WHEN ..) behind an analytic function.
type Over struct {
	Partition []Expr
	When      Expr
}
