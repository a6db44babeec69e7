// Package diag holds the errors that users see: what is wrong, where in their
// SQL, and what to do about it.
package diag

import (
	"errors"
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Code is Kuiper's number for a class of errors, sent as "error" in REST
// answers.
type Code int

// The codes of the Kuiper REST API.
const (
	Undefined Code = 1000
	General   Code = 1001
	NotFound  Code = 1002 // HTTP 404
	IO        Code = 1003
	Convert   Code = 1004
	EOF       Code = 1005
	Parse     Code = 2001
	Plan      Code = 2101
	Exec      Code = 2201
	Stream    Code = 3000
	Rule      Code = 4000
	ConfKey   Code = 5000
)

// Error is an error in something the user wrote.
type Error struct {
	Code Code
	Msg  string // lower case, subject first, no full stop
	SQL  string // the statement, if the error is in one
	Off  int    // byte offset in SQL
	Hint string // what to do: `did you mean "temp"?`
}

// New returns an Error without a position.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...), Off: -1}
}

// At returns an Error at a byte offset of a statement whose text is filled in
// later by InSQL.
func At(code Code, off int, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...), Off: off}
}

// WithHint sets what to do about the error.
func (e *Error) WithHint(hint string) *Error {
	e.Hint = hint
	return e
}

// Error is the message and the hint on one line, without the position.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	if strings.HasSuffix(e.Msg, ".") { // a text fixed by compatibility
		return e.Msg + " " + e.Hint
	}
	return e.Msg + ", " + e.Hint
}

// InSQL puts the statement's text into an Error that has an offset only.
func InSQL(err error, sql string) error {
	var e *Error
	if errors.As(err, &e) && e.SQL == "" && e.Off >= 0 {
		e.SQL = sql
	}
	return err
}

// Position returns line and column from 1; ok is false without a position.
func (e *Error) Position() (line, col int, ok bool) {
	if e.SQL == "" || e.Off < 0 {
		return 0, 0, false
	}
	before := e.SQL[:min(e.Off, len(e.SQL))]
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1, true
}

// Detail is the message with line, column, the line of SQL and a caret under
// the place; just the message without a position.
func (e *Error) Detail() string {
	line, col, ok := e.Position()
	if !ok {
		return e.Error()
	}
	text := strings.Split(e.SQL, "\n")[line-1]
	return fmt.Sprintf("line %d, column %d: %s\n%s\n%s^", line, col, e.Error(), text, strings.Repeat(" ", col-1))
}

// CodeOf returns the code of the first Error in the chain, Undefined if none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Undefined
}

// DidYouMean returns `did you mean "x"?` for the candidate nearest to a
// misspelt name, "" if none is near.
func DidYouMean(name string, candidates []string) string {
	best, at := "", len(name)/4+2
	for _, c := range candidates {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(c))
		if d < at && d < len(c) {
			best, at = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}
