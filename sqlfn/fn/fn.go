// Package fn declares SQL functions. A function is one entry in one file of
// fn/builtin: name, signature, documentation, examples and the Go code; checks
// at rule creation, metadata, reference pages and tests follow from it.
//
//	{Name: "clamp", Sig: "(x number, lo number, hi number) -> float",
//	 Doc:      param.T("x limited to the range lo..hi.", "将 x 限制在 lo 与 hi 之间。"),
//	 Examples: []fn.Example{{"clamp(12, 0, 10)", "10"}, {"clamp(null, 0, 10)", "null"}},
//	 Eval:     fn.Strict3(func(x, lo, hi float64) float64 { return min(max(x, lo), hi) })}
package fn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Ctx is what a function may ask beside its arguments. One goroutine uses it.
type Ctx struct {
	Rule      string           // rule id
	RuleStart int64            // ms
	Now       func() time.Time // the rule's clock
	Loc       *time.Location   // configured time zone
	Row       *row.Row         // the row being evaluated
	Schema    *row.Schema      // its schema
	Span      row.Span         // the window the row is in
	RowNumber int64            // 1.. within the batch
	Hits      int64            // emissions of the rule so far
	LastHit   int64            // ms of the last one, 0 if none

	Sleep  func(time.Duration)                  // for delay(); nil: no waiting
	Stored func(key string) (value.Value, bool) // for get_keyed_state(); nil: nothing is stored
}

// EvalFunc computes a scalar function. args is reused by the caller and must
// not be kept.
type EvalFunc func(c *Ctx, args []value.Value) (value.Value, error)

// Aggregate accumulates rows of a group. Add is called for every row, Result
// any number of times in between.
type Aggregate interface {
	Add(c *Ctx, args []value.Value) error
	Result(c *Ctx) (value.Value, error)
	state.Stateful
}

// Retracter is an Aggregate that can take back a row it was given, the oldest
// first; sliding and hopping windows then need no recomputation.
type Retracter interface {
	Retract(c *Ctx, args []value.Value) error
}

// Merger is an Aggregate that can take in another of its own type whose rows
// come after its own; hopping windows then aggregate in panes.
type Merger interface{ Merge(other Aggregate) error }

// Analytic is the state of an analytic function for one partition. Eval is
// called for every row and returns its result. When a WHEN condition is false
// it is not called and the last result is repeated.
type Analytic interface {
	Eval(c *Ctx, args []value.Value) (value.Value, error)
	state.Stateful
}

// Nulls says what happens to NULL arguments.
type Nulls uint8

// The ways.
const (
	NullToResult Nulls = iota // any NULL argument gives OnNull without a call
	SeesNull                  // the function is called and handles NULL itself
)

// Example is an expression of literals and its result, both SQL text; run as a
// test. Aggregates and analytic functions use Rows instead of literals.
type Example struct {
	Expr string // clamp(12, 0, 10)
	Want string // 10; JSON for arrays and objects; "error: text" for a failure
	Rows string // JSON array of row objects that the function sees, for aggregates and analytics; Want is then the result after the last one
}

// Func is one function. Exactly one of Eval, NewEval, NewAggregate,
// NewAnalytic, Columns, Rows is set.
type Func struct {
	Name     string // lower case unless Exact
	Aliases  []string
	Sig      string // (x number, digits? int literal, rest any...) -> float
	Doc      param.Text
	Examples []Example
	Mark     byte // A every user, B many, C rare
	Category string

	Nulls    Nulls
	OnNull   value.Value // result for a NULL argument
	Exact    bool        // the name's case matters (plugin functions)
	Volatile bool        // not the same for the same arguments: now, rand
	NoLit    bool        // literals are refused (datetime functions)

	Eval EvalFunc

	// NewEval makes the code of one call site that remembers what it prepared
	// for the last arguments: a compiled regular expression, a parsed pattern.
	// NewRegistry derives Eval from it; see Bind.
	NewEval func() EvalFunc

	NewAggregate func() Aggregate
	NewSliding   func() Aggregate // a form that is a Retracter, if NewAggregate's is not and one exists
	StarArg      bool             // takes * as an argument: the row as an Object
	StarMark     bool             // of * only the fact counts: TRUE is passed instead of the Object
	RowArg       bool             // the row as an Object is passed behind the written arguments

	NewAnalytic func() Analytic

	// Columns is a multi-column function: it is given state like an analytic
	// function and returns an Object whose members become columns. names are
	// the column names of the arguments.
	Columns func(names []string) Analytic

	// Rows is a multi-row function: its result array becomes rows.
	Rows EvalFunc

	// Check looks at the literal arguments when a rule is created; args has the
	// zero Value where the argument is not a literal.
	Check func(args []value.Value) error

	sig signature
}

// Bind returns the code of one call site of a scalar function, with the NULL
// rule applied and room of its own for what NewEval prepares. One goroutine at
// a time may call it.
func (f *Func) Bind() EvalFunc {
	eval := f.Eval
	if f.NewEval != nil {
		eval = f.NewEval()
	}
	if f.Nulls == SeesNull {
		return eval
	}
	return func(c *Ctx, args []value.Value) (value.Value, error) {
		for i := range args {
			if args[i].IsNull() {
				return f.OnNull, nil
			}
		}
		return eval(c, args)
	}
}

// IsAggregate tells whether the function accumulates rows of a group.
func (f *Func) IsAggregate() bool { return f.NewAggregate != nil }

// IsAnalytic tells whether the function remembers earlier rows.
func (f *Func) IsAnalytic() bool { return f.NewAnalytic != nil || f.Columns != nil }

// Result is the declared result type.
func (f *Func) Result() value.Type { return f.sig.result.valueType() }

// Arity is the least and the greatest number of arguments, -1: any.
func (f *Func) Arity() (least, most int) { return f.sig.min, f.sig.max }

// Args describes the declared arguments.
func (f *Func) Args() []Arg { return f.sig.args }

// Registry finds functions by name.
type Registry struct {
	folded map[string]*Func
	exact  map[string]*Func
	all    []*Func
}

// NewRegistry returns a registry of fs. It panics on a duplicate name or a bad
// signature: both are mistakes of the programmer.
func NewRegistry(fs ...*Func) *Registry {
	r := &Registry{folded: map[string]*Func{}, exact: map[string]*Func{}}
	for _, f := range fs {
		f.sig = mustParseSig(f.Name, f.Sig)
		if f.Eval == nil && f.NewEval != nil {
			f.Eval = func(c *Ctx, args []value.Value) (value.Value, error) { return f.NewEval()(c, args) }
		}
		r.all = append(r.all, f)
		for _, n := range append([]string{f.Name}, f.Aliases...) {
			m := r.folded
			if f.Exact {
				m = r.exact
			} else {
				n = strings.ToLower(n)
			}
			if m[n] != nil {
				panic("fn: " + n + " is declared twice")
			}
			m[n] = f
		}
	}
	slices.SortFunc(r.all, func(a, b *Func) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// Lookup finds a function by the name written in SQL.
func (r *Registry) Lookup(name string) *Func {
	if f := r.exact[name]; f != nil {
		return f
	}
	return r.folded[strings.ToLower(name)]
}

// All returns every function, sorted by name.
func (r *Registry) All() []*Func { return r.all }

// Names returns every name by which a function can be called.
func (r *Registry) Names() []string {
	var ns []string
	for n := range r.folded {
		ns = append(ns, n)
	}
	for n := range r.exact {
		ns = append(ns, n)
	}
	slices.Sort(ns)
	return ns
}

// CheckCall checks number and literal types of the arguments of a call. lits
// has the literal's value, or the zero Value where an argument is no literal;
// literal tells which is which.
func (f *Func) CheckCall(lits []value.Value, literal []bool) error {
	s := &f.sig
	if len(lits) < s.min || (s.max >= 0 && len(lits) > s.max) {
		return Sentence("Expect %s arguments but found %d.", s.arity(), len(lits))
	}
	for i := range lits {
		a := s.arg(i)
		if !literal[i] {
			if a.Literal {
				return Sentence("Expect a literal for parameter %d.", i+1)
			}
			continue
		}
		if f.NoLit && a.Type != "int" && a.Type != "string" || !a.accepts(lits[i]) {
			return Sentence("Expect %s type for parameter %d.", a.Type, i+1)
		}
	}
	if f.Check != nil {
		return f.Check(lits)
	}
	return nil
}

// Sentence makes an error in the wording that rules and tools of Kuiper know;
// it may begin with a capital and end with a full stop.
func Sentence(format string, args ...any) error { return fmt.Errorf(format, args...) }

// Unknown is the error for a name that no function has.
func (r *Registry) Unknown(name string, off int) error {
	return diag.At(diag.Plan, off, "function %s not found", name).WithHint(diag.DidYouMean(name, r.Names()))
}
