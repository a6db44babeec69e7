// Package delimited is the format of values in a row with a delimiter between
// them: a line is a row, and payloads of several lines are several rows.
//
//	dev_001,22.5,55
//
// Columns go by position: those of the header line if there is one, else
// Fields, else the declared columns, else col0, col1 ...
package delimited

import (
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	format.Register(&format.Format{
		Name:       "delimited",
		Doc:        param.T("Values with a delimiter between them, a line for each row.", "以分隔符连接的值，每行一条。"),
		NewDecoder: func(c format.Config) (format.Decoder, error) { return NewDecoder(c, false) },
		NewEncoder: func(c format.Config) (format.Encoder, error) { return newEncoder(c), nil },
	})
}

func delimiter(c format.Config) string {
	if c.Delimiter == "" {
		return ","
	}
	return c.Delimiter
}
