package rest

import (
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
)

type (
	functionFile struct {
		About     about          `json:"about"`
		Name      string         `json:"name"`
		Functions []functionForm `json:"functions"`
	}
	functionForm struct {
		Name      string       `json:"name"`
		Example   string       `json:"example"`
		Aggregate bool         `json:"aggregate"`
		Hint      bothTexts    `json:"hint"`
		Args      []argForm    `json:"args"`
		Return    functionType `json:"return"`
		Node      node         `json:"node"`
	}
	argForm struct {
		Name     string    `json:"name"`
		Optional bool      `json:"optional"`
		Control  string    `json:"control"`
		Type     string    `json:"type"`
		Hint     bothTexts `json:"hint"`
		Label    bothTexts `json:"label"`
	}
	functionType struct {
		Type string    `json:"type"`
		Hint bothTexts `json:"hint"`
	}
)

// listFunctions describes every SQL function, one file a category.
func (s *server) listFunctions(c echo.Context) error {
	reg := s.Functions
	if reg == nil {
		reg = builtin.Registry()
	}
	byCategory := map[string][]functionForm{}
	var categories []string
	for _, f := range reg.All() {
		if byCategory[f.Category] == nil {
			categories = append(categories, f.Category)
		}
		byCategory[f.Category] = append(byCategory[f.Category], formOf(f))
	}
	slices.Sort(categories)
	out := []functionFile{}
	for _, cat := range categories {
		out = append(out, functionFile{About: about{Installed: true}, Name: cat, Functions: byCategory[cat]})
	}
	return object(c, out)
}

func formOf(f *fn.Func) functionForm {
	form := functionForm{
		Name: f.Name, Aggregate: f.IsAggregate(), Hint: texts(f.Doc), Args: []argForm{},
		Return: functionType{Type: f.Result().String(), Hint: texts(f.Doc)},
		Node:   node{"function", "iconPath", word(f.Name)},
	}
	if len(f.Examples) > 0 {
		form.Example = f.Examples[0].Expr
	}
	for _, a := range f.Args() {
		control := "field"
		if a.Literal {
			control = "text"
		}
		form.Args = append(form.Args, argForm{
			Name: a.Name, Optional: a.Optional || a.Variadic, Control: control, Type: a.Type, Hint: word(a.Name), Label: word(a.Name),
		})
	}
	return form
}
