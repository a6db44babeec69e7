package rest

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

func (s *server) routeTags(g *echo.Group) {
	g.PUT("/rules/:id/tags", s.changeTags(func(_, given []string) []string { return given }))
	g.PATCH("/rules/:id/tags", s.changeTags(func(old, given []string) []string {
		for _, t := range given {
			if !slices.Contains(old, t) {
				old = append(old, t)
			}
		}
		return old
	}))
	g.DELETE("/rules/:id/tags", s.changeTags(func(old, given []string) []string {
		return slices.DeleteFunc(old, func(t string) bool { return slices.Contains(given, t) })
	}))
	g.GET("/rules/tags/match", s.matchTags)
	g.POST("/rules/bulkstart", s.bulk("start", (*rules.Set).Start))
	g.POST("/rules/bulkstop", s.bulk("stop", (*rules.Set).Stop))
}

type tagList struct {
	Tags []string `json:"tags"`
}

func (s *server) changeTags(change func(old, given []string) []string) echo.HandlerFunc {
	return func(c echo.Context) error {
		var given tagList
		if err := body(c, &given, "decode body error: "); err != nil {
			return err
		}
		err := s.Rules.SetTags(part(c, "id"), func(old []string) []string { return change(old, given.Tags) })
		if err != nil {
			return err
		}
		return c.NoContent(http.StatusOK)
	}
}

func (s *server) matchTags(c echo.Context) error {
	var given tagList
	if err := body(c, &given, "decode body error: "); err != nil {
		return err
	}
	return object(c, struct {
		Rules []string `json:"rules,omitempty"`
	}{s.Rules.Tagged(given.Tags)})
}

// bulk starts or stops every rule with the tags.
func (s *server) bulk(verb string, do func(*rules.Set, string) error) echo.HandlerFunc {
	type result struct {
		Rule    string `json:"ruleId"`
		Success bool   `json:"success"`
		Error   string `json:"error,omitempty"`
	}
	return func(c echo.Context) error {
		var given tagList
		if err := body(c, &given, "decode body error: "); err != nil {
			return err
		}
		ids := s.Rules.Tagged(given.Tags)
		if len(ids) == 0 {
			return diag.New(diag.Undefined, "bulk %s failed: no matching rules", verb)
		}
		out := []result{}
		for _, id := range ids {
			r := result{Rule: id, Success: true}
			if err := do(s.Rules, id); err != nil {
				r.Success, r.Error = false, err.Error()
			}
			out = append(out, r)
		}
		return object(c, out)
	}
}
