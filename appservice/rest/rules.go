package rest

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

func (s *server) routeRules(g *echo.Group) {
	g.POST("/rules", s.createRule)
	g.GET("/rules", s.listRules)
	g.POST("/rules/validate", s.validateRule)
	g.GET("/rules/status/all", s.allStatus)
	g.GET("/rules/usage/cpu", s.cpuUsage)
	g.GET("/rules/:id", s.describeRule)
	g.PUT("/rules/:id", s.updateRule)
	g.DELETE("/rules/:id", s.deleteRule)
	g.POST("/rules/:id/start", s.changeRule((*rules.Set).Start, "started"))
	g.POST("/rules/:id/stop", s.changeRule((*rules.Set).Stop, "stopped."))
	g.POST("/rules/:id/restart", s.changeRule((*rules.Set).Restart, "restarted"))
	g.GET("/rules/:id/status", s.ruleStatus)
	g.GET("/v2/rules/:id/status", s.ruleStatusLine)
	g.GET("/rules/:id/topo", s.ruleTopology)
	g.GET("/rules/:id/explain", s.explainRule)
	g.GET("/rules/:id/schema", s.ruleSchema)
}

func (s *server) createRule(c echo.Context) error {
	b, err := readAll(c)
	if err != nil {
		return err
	}
	id, err := s.Rules.Create(b)
	if err != nil {
		return err
	}
	return text(c, http.StatusCreated, "Rule "+id+" was created successfully.")
}

func (s *server) listRules(c echo.Context) error { return object(c, s.Rules.List()) }

func (s *server) describeRule(c echo.Context) error {
	id, err := name(c, "id")
	if err != nil {
		return err
	}
	b, err := s.Rules.Text(id)
	if err != nil {
		return err
	}
	return raw(c, b)
}

func (s *server) updateRule(c echo.Context) error {
	id, err := name(c, "id")
	if err != nil {
		return err
	}
	b, err := readAll(c)
	if err != nil {
		return err
	}
	if err := s.Rules.Update(id, b); err != nil {
		return refuse(diag.Undefined, "Update rule error: ", err)
	}
	return text(c, http.StatusOK, "Rule "+id+" was updated successfully.")
}

func (s *server) deleteRule(c echo.Context) error {
	id, err := name(c, "id")
	if err != nil {
		return err
	}
	if err := s.Rules.Delete(id); err != nil {
		return err
	}
	return text(c, http.StatusOK, "Rule "+id+" is dropped.")
}

// changeRule is the handler of start, stop and restart.
func (s *server) changeRule(do func(*rules.Set, string) error, done string) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, err := name(c, "id")
		if err != nil {
			return err
		}
		if err := do(s.Rules, id); err != nil {
			return err
		}
		return text(c, http.StatusOK, "Rule "+id+" was "+done)
	}
}

func (s *server) validateRule(c echo.Context) error {
	b, err := readAll(c)
	if err != nil {
		return err
	}
	streams, err := s.Rules.Validate(b)
	if err != nil {
		return plain(c, http.StatusUnprocessableEntity, err.Error()+"\n")
	}
	return textJSON(c, struct {
		Sources []string `json:"sources"`
		Valid   bool     `json:"valid"`
	}{streams, true})
}

func (s *server) ruleStatus(c echo.Context) error {
	st, err := s.Rules.Status(part(c, "id"))
	if err != nil {
		return err
	}
	return raw(c, st.Indented())
}

func (s *server) ruleStatusLine(c echo.Context) error {
	st, err := s.Rules.Status(part(c, "id"))
	if err != nil {
		return err
	}
	return textJSON(c, &st)
}

func (s *server) allStatus(c echo.Context) error {
	type short struct {
		Status     rules.State `json:"status"`
		Last       string      `json:"last_exception"`
		Exceptions int64       `json:"exceptions_total"`
	}
	out := map[string]short{}
	s.Rules.Each(func(id string, st rules.Status) {
		total, last := st.Exceptions()
		out[id] = short{st.State, last, total}
	})
	return object(c, out)
}

func (s *server) cpuUsage(c echo.Context) error {
	return text(c, http.StatusOK, "cpu usage not enabled")
}

func (s *server) ruleTopology(c echo.Context) error {
	t, err := s.Rules.Topology(part(c, "id"))
	if err != nil {
		return err
	}
	return object(c, t)
}

func (s *server) explainRule(c echo.Context) error {
	plan, err := s.Rules.Explain(part(c, "id"))
	if err != nil {
		return err
	}
	return text(c, http.StatusOK, plan)
}

func (s *server) ruleSchema(c echo.Context) error {
	fields, err := s.Rules.Output(part(c, "id"))
	if err != nil {
		return refuse(diag.General, "", err)
	}
	return object(c, fields)
}
