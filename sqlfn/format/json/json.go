// Package json is the JSON format: an object is a row, an array of objects is
// several rows, and several documents may follow one another (JSON lines).
//
// The decoder is compiled for the columns that are wanted. It passes over the
// bytes once, checks everything, builds only what is wanted, and expects the
// members in the order of the previous object, so that a key costs one
// comparison:
//
//	d, _ := format.Lookup("json").NewDecoder(format.Config{Schema: want})
//	err := d.Decode(payload, &batch)
//
// Strings share the payload's memory, but not that of a payload of many lines.
package json

import (
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	format.Register(&format.Format{
		Name:       "json",
		Doc:        param.T("JSON: an object is a row, an array of objects several rows.", "JSON：一个对象为一行，对象数组为多行。"),
		NewDecoder: func(c format.Config) (format.Decoder, error) { return NewDecoder(c) },
		NewEncoder: func(format.Config) (format.Encoder, error) { return &Encoder{}, nil },
	})
}
