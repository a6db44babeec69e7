package appservice

import (
	"io"
	"log/slog"
	"strings"
)

// newLogger writes lines of key=value, as EdgeX services do. level may be
// changed at run time.
func newLogger(w io.Writer, level *slog.LevelVar) *slog.Logger {
	h := slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			a.Key = "ts"
		}
		return a
	}})
	return slog.New(h).With("app", serviceKey)
}

// setLevel takes EdgeX's names of levels.
func setLevel(v *slog.LevelVar, name string) {
	switch strings.ToUpper(name) {
	case "TRACE":
		v.Set(slog.LevelDebug - 4)
	case "DEBUG":
		v.Set(slog.LevelDebug)
	case "WARN":
		v.Set(slog.LevelWarn)
	case "ERROR":
		v.Set(slog.LevelError)
	default:
		v.Set(slog.LevelInfo)
	}
}
