package expr

import (
	"fmt"
	"time"

	"github.com/edgesluice/sluice/sqlfn/timefmt"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Time reads a value as a time: a datetime, a number of ms since 1970, or a
// text, for which layout (nil: none) is tried before the default forms.
func Time(v value.Value, layout *timefmt.Layout, loc *time.Location) (time.Time, error) {
	switch v.Kind() {
	case value.Time:
		return v.Time(), nil
	case value.Int:
		return time.UnixMilli(v.Int()).In(loc), nil
	case value.Float:
		return time.UnixMilli(int64(v.Float())).In(loc), nil
	case value.String:
		if layout != nil {
			if t, err := layout.Parse(v.Str(), loc); err == nil {
				return t, nil
			}
		}
		return timefmt.Parse(v.Str(), loc)
	}
	return time.Time{}, fmt.Errorf("unsupported type to convert to timestamp %s", value.Describe(v))
}
