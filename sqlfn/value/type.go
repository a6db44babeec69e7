package value

import "strings"

// Type is a declared column type. Kind Null means "anything" (schemaless).
// Arrays use Kind Array with Elem, whatever representation the values have.
type Type struct {
	Kind   Kind
	Elem   *Type   // of an Array; nil: anything
	Fields []Field // of an Object; nil: anything
}

// Field is a column of a schema or a member of a STRUCT type.
type Field struct {
	Name string
	Type Type
}

// ArrayOf returns the type ARRAY(elem).
func ArrayOf(elem Type) Type { return Type{Kind: Array, Elem: &elem} }

// String is the SQL spelling in lower case: bigint, array(float), struct(x bigint).
func (t Type) String() string {
	switch t.Kind {
	case Null:
		return "any"
	case Ints:
		return "array(bigint)"
	case Floats:
		return "array(float)"
	case Array:
		if t.Elem != nil {
			return "array(" + t.Elem.String() + ")"
		}
	case Object:
		if t.Fields != nil {
			fs := make([]string, len(t.Fields))
			for i, f := range t.Fields {
				fs[i] = f.Name + " " + f.Type.String()
			}
			return "struct(" + strings.Join(fs, ", ") + ")"
		}
	}
	return t.Kind.String()
}

// Equal compares two types deeply.
func (t Type) Equal(u Type) bool { return t.String() == u.String() }
