package diag_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

func TestTheCaretStandsUnderThePlace(t *testing.T) {
	sql := "SELECT a,\n  温度, tmp FROM demo"
	tests := []struct {
		name string
		off  int
		want string
	}{
		{"in the first line", 7, "line 1, column 8: x\nSELECT a,\n       ^"},
		{"behind characters of several bytes", 20, "line 2, column 7: x\n  温度, tmp FROM demo\n      ^"},
		{"at the end", len(sql), "line 2, column 20: x\n  温度, tmp FROM demo\n                   ^"},
		{"nowhere", -1, "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := diag.InSQL(diag.At(diag.Plan, tt.off, "x"), sql)
			var e *diag.Error
			if !errors.As(err, &e) || e.Detail() != tt.want {
				t.Errorf("detail is\n%s\nwant\n%s", e.Detail(), tt.want)
			}
		})
	}
}

func TestSuggestionsAreNear(t *testing.T) {
	names := []string{"temperature", "temp", "FROM", "server", "cosh"}
	for name, want := range map[string]string{
		"tmp": `did you mean "temp"?`, "temprature": `did you mean "temperature"?`, "FORM": `did you mean "FROM"?`,
		"Servr": `did you mean "server"?`, "nosuch": "", "x": "",
	} {
		if got := diag.DidYouMean(name, names); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTheCodeIsFoundThroughWrapping(t *testing.T) {
	err := fmt.Errorf("create rule: %w", diag.New(diag.NotFound, "stream %s is not found", "s").WithHint("create it first"))
	if diag.CodeOf(err) != diag.NotFound || diag.CodeOf(errors.New("x")) != diag.Undefined {
		t.Errorf("codes are %d and %d", diag.CodeOf(err), diag.CodeOf(errors.New("x")))
	}
	if want := "create rule: stream s is not found, create it first"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}
