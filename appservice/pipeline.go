package appservice

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/common"

	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// functions returns what the SDK's one pipeline runs. Under our own trigger
// nothing comes through it; under one of the SDK's own triggers events go to
// the streams first and then through the configured functions, whose answer
// the SDK publishes to Trigger.PublishTopic.
func (s *service) functions() ([]interfaces.AppFunction, error) {
	cfg := s.cfg.Load()
	if strings.EqualFold(cfg.TriggerType, "sluice") {
		return []interfaces.AppFunction{func(interfaces.AppFunctionContext, any) (bool, any) { return false, nil }}, nil
	}
	fns, err := configured(cfg.Pipeline)
	if err != nil {
		return nil, err
	}
	if len(fns) > 0 {
		fns = append(fns, respond)
	}
	return append([]interfaces.AppFunction{newTap(topic.Default).take}, fns...), nil
}

// configured makes the functions of Sluice.Pipeline. A key of Functions begins
// with the name of a function, so that there can be two of a kind: FilterHot,
// FilterCold.
func configured(p config.Pipeline) ([]interfaces.AppFunction, error) {
	var fns []interfaces.AppFunction
	for _, name := range strings.Split(p.Order, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		params, ok := lookup(p.Functions, name)
		if !ok {
			return nil, fmt.Errorf("function %q of ExecutionOrder has no entry under Functions", name)
		}
		fn, err := configuredFunction(name, params)
		if err != nil {
			return nil, err
		}
		fns = append(fns, fn)
	}
	return fns, nil
}

func lookup(functions map[string]any, name string) (map[string]any, bool) {
	for k, v := range functions {
		if strings.EqualFold(k, name) {
			m, ok := v.(map[string]any)
			return m, ok
		}
	}
	return nil, false
}

func configuredFunction(name string, given map[string]any) (interfaces.AppFunction, error) {
	set := param.New("function " + name)
	var where, window, fields, query string
	var groupBy []string
	required := func(dst *string, key, en, zh string) { set.String(dst, key, "", param.T(en, zh), param.Required()) }
	var build func() (interfaces.AppFunction, error)
	switch kind := strings.ToLower(name); {
	case strings.HasPrefix(kind, "filter"):
		required(&where, "Where", "condition that events must meet", "条件")
		build = func() (interfaces.AppFunction, error) { return Filter(where) }
	case strings.HasPrefix(kind, "project"):
		required(&fields, "Fields", "SELECT list", "SELECT 列表")
		build = func() (interfaces.AppFunction, error) { return Project(fields) }
	case strings.HasPrefix(kind, "window"):
		required(&window, "Window", "window function", "窗口函数")
		required(&fields, "Fields", "SELECT list", "SELECT 列表")
		set.Strings(&groupBy, "GroupBy", nil, param.T("further expressions to group by", "其他分组表达式"))
		build = func() (interfaces.AppFunction, error) { return Window(window, fields, groupBy...) }
	case strings.HasPrefix(kind, "sql"):
		required(&query, "Query", "the SELECT statement", "SELECT 语句")
		build = func() (interfaces.AppFunction, error) { return SQL(query) }
	default:
		return nil, fmt.Errorf("function %q is not known, its name must begin with Filter, Window, Project or SQL", name)
	}
	if err := set.Bind(given); err != nil {
		return nil, err
	}
	return build()
}

// respond makes the result of the functions before it the pipeline's answer.
func respond(ctx interfaces.AppFunctionContext, data any) (bool, any) {
	b, err := json.Marshal(data)
	if err != nil {
		return false, err
	}
	ctx.SetResponseData(b)
	ctx.SetResponseContentType(common.ContentTypeJSON)
	return true, data
}
