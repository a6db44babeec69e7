package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

func (s *server) routeServer(open, guarded *echo.Group) {
	open.GET("/", s.about)
	open.POST("/", s.about)
	open.GET("/ping", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	guarded.GET("/stop", s.stop)
	guarded.POST("/stop", s.stop)
	guarded.PATCH("/configs", s.configure)
	guarded.GET("/metrics/dump", func(echo.Context) error { return diag.New(diag.Undefined, "metrics dump not enabled") })
	guarded.GET("/metrics/dump/check", func(c echo.Context) error { return text(c, http.StatusOK, "disabled") })
	guarded.POST("/batch/req", s.batch)
}

func (s *server) about(c echo.Context) error {
	now := s.Clock.Now()
	cpu, used, total := s.host.read(now)
	info := serviceInfo{
		s.Version, runtime.GOOS, runtime.GOARCH, int64(now.Sub(s.started).Seconds()),
		fmt.Sprintf("%.2f%%", cpu), strconv.FormatInt(used, 10), strconv.FormatInt(total, 10), nil,
	}
	if s.Report != nil {
		info.Service = s.Report()
	}
	return textJSON(c, info)
}

// serviceInfo is the answer of GET /; all but the last member is Kuiper's.
type serviceInfo struct {
	Version string         `json:"version"`
	OS      string         `json:"os"`
	Arch    string         `json:"arch"`
	Up      int64          `json:"upTimeSeconds"`
	CPU     string         `json:"cpuUsage"`
	Used    string         `json:"memoryUsed"`
	Total   string         `json:"memoryTotal"`
	Service map[string]any `json:"service,omitempty"`
}

func (s *server) stop(c echo.Context) error {
	if s.Stop == nil {
		return diag.New(diag.Undefined, "stop over REST is not enabled")
	}
	defer s.Stop()
	return text(c, http.StatusOK, "stop success")
}

// Changes is the body of PATCH /configs; nil is no change.
type Changes struct {
	LogLevel   *string         `json:"logLevel"`
	Debug      *bool           `json:"debug"`
	ConsoleLog *bool           `json:"consoleLog"`
	FileLog    *bool           `json:"fileLog"`
	Timezone   *string         `json:"timezone"`
	Dump       json.RawMessage `json:"metricsDumpConfig"`
}

func (s *server) configure(c echo.Context) error {
	var ch Changes
	if err := body(c, &ch, "Invalid JSON: "); err != nil {
		return err
	}
	if ch.Timezone != nil {
		if _, err := time.LoadLocation(*ch.Timezone); err != nil {
			return refuse(diag.Undefined, "Invalid TZ: ", err)
		}
	}
	if s.Apply == nil {
		return diag.New(diag.Undefined, "configuration cannot be changed over REST")
	}
	if err := s.Apply(ch); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
