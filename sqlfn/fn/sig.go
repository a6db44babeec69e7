package fn

import (
	"fmt"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// Arg is one declared argument.
type Arg struct {
	Name     string
	Type     string // any number int float string bool datetime array object bytea
	Optional bool
	Variadic bool // any number of further ones, also none
	Literal  bool // must be a literal
}

type signature struct {
	args     []Arg
	min, max int // max -1: no limit
	result   Arg
}

var typeKinds = map[string]value.Kind{
	"any": value.Null, "number": value.Float, "int": value.Int, "float": value.Float, "string": value.String,
	"bool": value.Bool, "datetime": value.Time, "array": value.Array, "object": value.Object, "bytea": value.Bytes,
}

func mustParseSig(name, sig string) signature {
	s, err := parseSig(sig)
	if err != nil {
		panic(fmt.Sprintf("fn: %s: signature %q: %v", name, sig, err))
	}
	return s
}

// parseSig reads "(x number, digits? int literal, rest any...) -> float".
func parseSig(sig string) (s signature, err error) {
	args, result, ok := strings.Cut(sig, "->")
	args = strings.TrimSpace(args)
	if !ok || !strings.HasPrefix(args, "(") || !strings.HasSuffix(args, ")") {
		return s, fmt.Errorf("want (args) -> type")
	}
	s.result = Arg{Type: strings.TrimSpace(result)}
	if _, ok := typeKinds[s.result.Type]; !ok {
		return s, fmt.Errorf("unknown type %q", s.result.Type)
	}
	for _, part := range strings.Split(args[1:len(args)-1], ",") {
		f := strings.Fields(part)
		if len(f) == 0 {
			continue
		}
		if len(f) < 2 {
			return s, fmt.Errorf("argument %q has no type", part)
		}
		a := Arg{Name: f[0], Type: f[1], Literal: len(f) > 2 && f[2] == "literal"}
		a.Name, a.Optional = strings.CutSuffix(a.Name, "?")
		a.Type, a.Variadic = strings.CutSuffix(a.Type, "...")
		if _, ok := typeKinds[a.Type]; !ok {
			return s, fmt.Errorf("unknown type %q", a.Type)
		}
		s.args = append(s.args, a)
		if !a.Optional && !a.Variadic {
			s.min++
		}
		s.max++
		if a.Variadic {
			s.max = -1
		}
	}
	return s, nil
}

// arg returns the declaration of argument i, the variadic one for all beyond.
func (s *signature) arg(i int) *Arg {
	return &s.args[min(i, len(s.args)-1)]
}

func (s *signature) arity() string {
	switch {
	case s.max < 0:
		return fmt.Sprintf("at least %d", s.min)
	case s.min == s.max:
		return fmt.Sprint(s.min)
	}
	return fmt.Sprintf("%d to %d", s.min, s.max)
}

// accepts tells whether a literal fits the argument.
func (a *Arg) accepts(v value.Value) bool {
	if v.IsNull() {
		return true
	}
	switch a.Type {
	case "any":
		return true
	case "number", "float":
		return v.IsNumber()
	case "int":
		return v.Kind() == value.Int
	case "array":
		return v.IsArray()
	}
	return v.Kind() == typeKinds[a.Type]
}

func (a *Arg) valueType() value.Type {
	if a.Type == "number" {
		return value.Type{} // int or float: known only at run time
	}
	return value.Type{Kind: typeKinds[a.Type]}
}
