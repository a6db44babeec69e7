package main

import (
	"fmt"
	"slices"

	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/sinks"
	_ "github.com/edgesluice/sluice/sinks/all" // drivers register themselves
	"github.com/edgesluice/sluice/sources"
	_ "github.com/edgesluice/sluice/sources/all"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/format"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// reference is all that the templates show.
type reference struct {
	Functions []category
	Sources   drivers
	Sinks     drivers
	Formats   []codec
	Options   properties // of rules
	Restart   properties // of restartStrategy
	Settings  properties // of the service
}

// Examples is the number of examples of all functions.
func (r reference) Examples() int {
	n := 0
	for _, c := range r.Functions {
		for _, f := range c.Functions {
			n += len(f.Examples)
		}
	}
	return n
}

// category is a chapter of functions.
type category struct {
	Title     param.Text
	Functions []function
}

// function is a declaration and what the templates cannot see of it.
type function struct {
	*fn.Func
	Null     string // what a NULL argument gives; "" if the function looks at NULL itself
	WithRows bool   // examples are over rows
}

// drivers are the sources or the sinks.
type drivers struct {
	Common properties // of all
	Each   []driver
}

type driver struct {
	Name                  string
	Doc                   param.Text
	Own                   properties
	Stream, Table, Lookup bool // of sources
}

// properties are declared ones, and those that are accepted without effect.
type properties struct {
	Specs   []*param.Spec
	Ignored []string
}

// codec is a format and a result in it.
type codec struct {
	*format.Format
	Example string
}

func collect() (*reference, error) {
	ref := &reference{
		Options:  declared(rules.OptionParams),
		Restart:  declared(new(rules.Restart).Params),
		Settings: declared(new(config.Config).Params),
	}
	var err error
	if ref.Functions, err = functions(); err != nil {
		return nil, err
	}
	if ref.Sources, err = sourceDrivers(); err != nil {
		return nil, err
	}
	if ref.Sinks, err = sinkDrivers(); err != nil {
		return nil, err
	}
	ref.Formats, err = formats()
	return ref, err
}

// titles are the chapters of functions by category, in their order.
var titles = []struct {
	category string
	title    param.Text
}{
	{"aggregate", param.T("Aggregate functions", "聚合函数")},
	{"analytic", param.T("Analytic functions", "分析函数")},
	{"window", param.T("Window functions", "窗口函数")},
	{"multicolumn", param.T("Functions with several columns", "多列函数")},
	{"multirow", param.T("Functions with several rows", "多行函数")},
	{"math", param.T("Mathematical functions", "数学函数")},
	{"string", param.T("Text functions", "文本函数")},
	{"datetime", param.T("Date and time functions", "日期时间函数")},
	{"conversion", param.T("Conversion functions", "转换函数")},
	{"hash", param.T("Checksum functions", "校验和函数")},
	{"json", param.T("JSON functions", "JSON 函数")},
	{"array", param.T("Array functions", "数组函数")},
	{"object", param.T("Object functions", "对象函数")},
	{"other", param.T("Other functions", "其他函数")},
	{"plugin", param.T("Functions of Kuiper's plugins", "Kuiper 插件函数")},
}

func functions() ([]category, error) {
	var chapters []category
	known := 0
	all := builtin.Registry().All()
	for _, t := range titles {
		c := category{Title: t.title}
		for _, f := range all {
			if f.Category == t.category {
				c.Functions = append(c.Functions, describe(f))
			}
		}
		known += len(c.Functions)
		chapters = append(chapters, c)
	}
	if known != len(all) {
		return nil, fmt.Errorf("%d functions are in a category without a title", len(all)-known)
	}
	return chapters, nil
}

func describe(f *fn.Func) function {
	d := function{Func: f, WithRows: slices.ContainsFunc(f.Examples, func(e fn.Example) bool { return e.Rows != "" })}
	switch {
	case len(f.Args()) == 0 || f.IsAggregate() || f.IsAnalytic() || f.Rows != nil:
	case f.Nulls == fn.NullToResult:
		d.Null = sqlText(f.OnNull)
	}
	return d
}

// sqlText is a value as examples write it.
func sqlText(v value.Value) string {
	b, err := value.AppendJSON(nil, v)
	if err != nil || v.IsNull() {
		return "null"
	}
	return string(b)
}

func sourceDrivers() (drivers, error) {
	ds := drivers{Common: declared(new(sources.PayloadProps).Params)}
	for _, name := range sources.Names() {
		d, err := sources.Lookup(name)
		if err != nil {
			return ds, err
		}
		each := driver{Name: name, Doc: d.Doc, Stream: d.New != nil, Table: d.Table, Lookup: d.NewTable != nil}
		if each.Stream {
			each.Own = declared(d.Params)
		} else {
			each.Own = declared(d.TableParams)
		}
		ds.Each = append(ds.Each, each)
	}
	return ds, nil
}

func sinkDrivers() (drivers, error) {
	ds := drivers{Common: declared(sinks.OutletParams)}
	for _, name := range sinks.Names() {
		d, err := sinks.Lookup(name)
		if err != nil {
			return ds, err
		}
		ds.Each = append(ds.Each, driver{Name: name, Doc: d.Doc, Own: declared(d.New().Params)})
	}
	return ds, nil
}

// declared runs a declaration and separates what has no effect.
func declared(declare func(*param.Set)) properties {
	set := param.New("")
	declare(set)
	var ps properties
	for _, s := range set.Specs() {
		if s.Ignored {
			ps.Ignored = append(ps.Ignored, s.Name)
		} else {
			ps.Specs = append(ps.Specs, s)
		}
	}
	return ps
}

// formats shows two results in every format that needs no schema file.
func formats() ([]codec, error) {
	schema := &row.Schema{Cols: []value.Field{{Name: "device"}, {Name: "temperature"}, {Name: "on"}}}
	rows := []row.Row{
		{Cols: []value.Value{value.OfString("oven-1"), value.OfFloat(92.5), value.True}},
		{Cols: []value.Value{value.OfString("oven-2"), value.OfFloat(21), value.False}},
	}
	var all []codec
	for _, name := range slices.Sorted(slices.Values(format.Names())) {
		f, err := format.Lookup(name)
		if err != nil {
			return nil, err
		}
		c := codec{Format: f}
		if enc, err := f.NewEncoder(format.Config{}); err == nil {
			text, err := enc.EncodeRows(nil, schema, rows)
			if err != nil { // it is for single rows
				text, err = enc.EncodeRow(nil, schema, &rows[0])
			}
			if err == nil {
				c.Example = string(text)
			}
		}
		all = append(all, c)
	}
	return all, nil
}
