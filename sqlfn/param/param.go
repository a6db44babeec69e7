// Package param binds configuration like package flag binds arguments: one
// line declares a property's name, variable, default, hint and check. The same
// declaration gives the error messages, the forms of user interfaces and the
// reference documentation.
//
//	p.String(&s.server, "server", "tcp://127.0.0.1:1883", param.T("broker address", "服务器地址"), param.Connection())
//	p.Int(&s.qos, "qos", 0, param.T("quality of service", "服务质量"), param.OneOf(0, 1, 2))
//	err := p.Bind(props)
package param

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

// Text is a sentence in English and Chinese.
type Text struct{ En, Zh string }

// T makes a Text.
func T(en, zh string) Text { return Text{en, zh} }

// Spec is one declared property.
type Spec struct {
	Name       string
	Aliases    []string // other spellings that are accepted
	Type       string   // string int float bool duration list_string object any
	Default    any
	Hint       Text
	Required   bool
	Values     []any // the only ones allowed, if set
	Secret     bool  // masked in logs and answers
	Connection bool  // part of the address of the far side: shared connections have it
	Ignored    bool  // accepted for old rules, without effect
	min, max   float64
	set        func(any) error
}

// Opt refines a property.
type Opt func(*Spec)

// Required refuses a missing or empty value.
func Required() Opt { return func(s *Spec) { s.Required = true } }

// Alias accepts other names for the property.
func Alias(names ...string) Opt { return func(s *Spec) { s.Aliases = append(s.Aliases, names...) } }

// OneOf refuses any other value.
func OneOf(vs ...any) Opt { return func(s *Spec) { s.Values = vs } }

// Min refuses a smaller number.
func Min(n float64) Opt { return func(s *Spec) { s.min = n } }

// Max refuses a larger number.
func Max(n float64) Opt { return func(s *Spec) { s.max = n } }

// Secret masks the value wherever it is shown.
func Secret() Opt { return func(s *Spec) { s.Secret = true } }

// Connection marks a property that a shared connection carries.
func Connection() Opt { return func(s *Spec) { s.Connection = true } }

// Set is the declared properties of one source, sink or option block.
type Set struct {
	owner  string // `sink "mqtt"`, begins the error messages
	specs  []*Spec
	checks []func() error
	open   bool
}

// New returns an empty Set; owner begins its error messages: `sink "mqtt"`.
func New(owner string) *Set { return &Set{owner: owner} }

// Specs returns the declared properties in order.
func (p *Set) Specs() []*Spec { return p.specs }

// Check adds a test over several properties, run at the end of Bind.
func (p *Set) Check(f func() error) { p.checks = append(p.checks, f) }

// AllowUnknown accepts properties that were not declared.
func (p *Set) AllowUnknown() { p.open = true }

// Accept takes properties of older releases that have no meaning here.
func (p *Set) Accept(names ...string) {
	for _, n := range names {
		p.specs = append(p.specs, &Spec{Name: n, Type: "any", Ignored: true, min: math.Inf(-1), max: math.Inf(1), set: func(any) error { return nil }})
	}
}

func (p *Set) add(name, typ string, def any, hint Text, opts []Opt, set func(any) error) {
	s := &Spec{Name: name, Type: typ, Default: def, Hint: hint, min: math.Inf(-1), max: math.Inf(1), set: set}
	for _, o := range opts {
		o(s)
	}
	if p.find(name) != nil {
		panic("param: " + p.owner + " declares " + name + " twice")
	}
	p.specs = append(p.specs, s)
}

// String declares a text property.
func (p *Set) String(dst *string, name, def string, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "string", def, hint, opts, func(x any) error {
		s, ok := x.(string)
		if !ok {
			return wrongType("string", x)
		}
		*dst = s
		return nil
	})
}

// Bool declares a flag.
func (p *Set) Bool(dst *bool, name string, def bool, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "bool", def, hint, opts, func(x any) error {
		b, ok := x.(bool)
		if !ok {
			return wrongType("bool", x)
		}
		*dst = b
		return nil
	})
}

// Int declares a whole number.
func (p *Set) Int(dst *int, name string, def int, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "int", def, hint, opts, func(x any) error {
		f, ok := number(x)
		if !ok || f != math.Trunc(f) {
			return wrongType("int", x)
		}
		*dst = int(f)
		return nil
	})
}

// Float declares a number.
func (p *Set) Float(dst *float64, name string, def float64, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "float", def, hint, opts, func(x any) error {
		f, ok := number(x)
		if !ok {
			return wrongType("number", x)
		}
		*dst = f
		return nil
	})
}

// Duration declares a time span: a number of milliseconds or a Go duration
// such as "1m30s".
func (p *Set) Duration(dst *time.Duration, name string, def time.Duration, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "duration", def.Milliseconds(), hint, opts, func(x any) error {
		d, err := ParseDuration(x)
		if err == nil {
			*dst = d
		}
		return err
	})
}

// ParseDuration reads a number of milliseconds or a Go duration.
func ParseDuration(x any) (time.Duration, error) {
	if f, ok := number(x); ok {
		return time.Duration(f * float64(time.Millisecond)), nil
	}
	s, ok := x.(string)
	if !ok {
		return 0, wrongType("duration", x)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Duration(n) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration, write milliseconds or a text such as \"5s\" or \"1m30s\"", s)
	}
	return d, nil
}

// Strings declares a list of texts; a single text is split at commas.
func (p *Set) Strings(dst *[]string, name string, def []string, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "list_string", def, hint, opts, func(x any) error {
		switch x := x.(type) {
		case string:
			*dst = nil
			for _, s := range strings.Split(x, ",") {
				if s = strings.TrimSpace(s); s != "" {
					*dst = append(*dst, s)
				}
			}
		case []string:
			*dst = x
		case []any:
			*dst = make([]string, len(x))
			for i, e := range x {
				s, ok := e.(string)
				if !ok {
					return fmt.Errorf("element %d: %w", i, wrongType("string", e))
				}
				(*dst)[i] = s
			}
		default:
			return wrongType("list of strings", x)
		}
		return nil
	})
}

// Object declares a map.
func (p *Set) Object(dst *map[string]any, name string, def map[string]any, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "object", def, hint, opts, func(x any) error {
		m, ok := x.(map[string]any)
		if !ok {
			return wrongType("object", x)
		}
		*dst = m
		return nil
	})
}

// Any declares a property of any shape.
func (p *Set) Any(dst *any, name string, def any, hint Text, opts ...Opt) {
	*dst = def
	p.add(name, "any", def, hint, opts, func(x any) error { *dst = x; return nil })
}

// Bind sets the declared variables from props. Names compare without case. An
// unknown name, a wrong type, a value out of range or a missing required
// property is an error that names it.
func (p *Set) Bind(props map[string]any) error {
	given := map[*Spec]bool{}
	for _, name := range sortedKeys(props) {
		s := p.find(name)
		if s == nil {
			if p.open {
				continue
			}
			return p.unknown(name)
		}
		x := props[name]
		if x == nil {
			continue
		}
		if err := s.check(x); err != nil {
			return diag.New(diag.Exec, "%s: invalid %s %v: %v", p.owner, s.Name, s.shown(x), err)
		}
		given[s] = x != ""
	}
	for _, s := range p.specs {
		if s.Required && !given[s] {
			return diag.New(diag.Exec, "missing %s property", s.Name).WithHint(p.owner + " needs it")
		}
	}
	for _, f := range p.checks {
		if err := f(); err != nil {
			if errors.As(err, new(*diag.Error)) {
				return err // its text is fixed
			}
			return diag.New(diag.Exec, "%s: %v", p.owner, err)
		}
	}
	return nil
}

func (p *Set) unknown(name string) error {
	var names []string
	for _, s := range p.specs {
		if !s.Ignored {
			names = append(names, s.Name)
		}
	}
	hint := diag.DidYouMean(name, names)
	if hint == "" {
		slices.Sort(names)
		hint = "it has " + strings.Join(names, ", ")
	}
	return diag.New(diag.Exec, "%s has no property %q", p.owner, name).WithHint(hint)
}

func (p *Set) find(name string) *Spec {
	for _, s := range p.specs {
		if strings.EqualFold(s.Name, name) {
			return s
		}
		for _, a := range s.Aliases {
			if strings.EqualFold(a, name) {
				return s
			}
		}
	}
	return nil
}

func (s *Spec) check(x any) error {
	if err := s.set(x); err != nil {
		return err
	}
	if f, ok := number(x); ok && (f < s.min || f > s.max) {
		return fmt.Errorf("the value must be %s", s.bounds())
	}
	if len(s.Values) > 0 && !slices.ContainsFunc(s.Values, func(v any) bool { return same(v, x) }) {
		vs := make([]string, len(s.Values))
		for i, v := range s.Values {
			vs[i] = fmt.Sprint(v)
		}
		return fmt.Errorf("the value could be only %s", strings.Join(vs, " or "))
	}
	return nil
}

// Range returns the least and the largest number allowed, infinite if there is
// no bound.
func (s *Spec) Range() (least, largest float64) { return s.min, s.max }

func (s *Spec) bounds() string {
	switch {
	case math.IsInf(s.max, 1):
		return fmt.Sprintf("at least %v", s.min)
	case math.IsInf(s.min, -1):
		return fmt.Sprintf("at most %v", s.max)
	}
	return fmt.Sprintf("from %v to %v", s.min, s.max)
}

func (s *Spec) shown(x any) any {
	if s.Secret {
		return "******"
	}
	return x
}

func same(want, got any) bool {
	if a, ok := number(want); ok {
		b, ok := number(got)
		return ok && a == b
	}
	return strings.EqualFold(fmt.Sprint(want), fmt.Sprint(got))
}

func number(x any) (float64, bool) {
	switch x := x.(type) {
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case uint64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

func wrongType(want string, got any) error {
	return fmt.Errorf("expected type %s, got %T, value: '%v'", want, got, got)
}

func sortedKeys(m map[string]any) []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	return ks
}
