package sinks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// properties are what every action may say beside its driver's own properties.
type properties struct {
	sendSingle, omitIfEmpty bool
	template                param.Template
	fields, exclude         []string
	dataField               string
	format, schemaID        string
	delimiter               string
	hasHeader               bool
	bufferLength, batchSize int
	linger                  time.Duration
	compression             string
	connection, resource    string
}

// OutletParams declares the properties that all sinks have, for forms and
// reference pages.
func OutletParams(p *param.Set) { new(properties).params(p) }

func (c *properties) params(p *param.Set) {
	t := param.T
	p.Bool(&c.sendSingle, "sendSingle", false, t("one message per row instead of a list", "每行一条消息，而不是列表"))
	p.Bool(&c.omitIfEmpty, "omitIfEmpty", false, t("send nothing if there is nothing in it", "结果为空时不发送"))
	p.Template(&c.template, "dataTemplate", "", t("Go template that makes the message", "生成消息的 Go 模板"))
	p.Strings(&c.fields, "fields", nil, t("columns to send, in this order", "要发送的列，按此顺序"))
	p.Strings(&c.exclude, "excludeFields", nil, t("columns not to send", "不发送的列"))
	p.String(&c.dataField, "dataField", "", t("send the content of this column", "发送该列的内容"), param.Alias("tableDataField"))
	p.String(&c.format, "format", "json", t("format of messages", "消息格式"))
	p.String(&c.schemaID, "schemaId", "", t("schema of the format, as schema.Message", "格式的模式，如 schema.Message"))
	p.String(&c.delimiter, "delimiter", ",", t("between values of format delimited", "delimited 格式的分隔符"))
	p.Bool(&c.hasHeader, "hasHeader", false, t("begin with the names of the columns", "以列名开头"))
	p.Int(&c.bufferLength, "bufferLength", 1024, t("rows that may wait for the sink", "可等待发送的行数"), param.Min(1))
	p.Int(&c.batchSize, "batchSize", 0, t("join so many rows into one message", "合并多少行为一条消息"))
	p.Duration(&c.linger, "lingerInterval", 0, t("join the rows of this time into one message", "合并该时间内的行为一条消息"))
	p.String(&c.compression, "compression", "", t("compression of messages", "消息的压缩方式"), param.OneOf("", "gzip", "zlib", "flate", "zstd"))
	p.String(&c.connection, "connectionSelector", "", t("connection to use", "使用的连接"))
	p.String(&c.resource, "resourceId", "", t("conf key with further properties", "包含更多属性的配置键"))
	p.Accept("runAsync", "retryInterval", "retryCount", "cacheLength", "cacheSaveInterval", "concurrency",
		"enableCache", "memoryCacheThreshold", "maxDiskCache", "bufferPageSize", "resendInterval", "cleanCacheAtStop",
		"resendAlterQueue", "resendPriority", "resendIndicatorField", "resendDestination")
}

// Properties that the driver takes over if it declares them itself. Of the
// others (format, delimiter, hasHeader ...) driver and outlet both get the value.
var driverOwns = []string{"fields", "compression", "batchSize", "lingerInterval", "bufferLength"}

// bind sets the properties of an action: the driver's and, where the driver
// does not have them itself, those of every sink.
func bind(name string, sink Sink, props map[string]any) (*properties, error) {
	owner := fmt.Sprintf("sink %q", name)
	own, all := param.New(owner), param.New(owner)
	sink.Params(own)
	c := new(properties)
	c.params(all)
	if err := checkTypes(all, own, props); err != nil {
		return nil, err
	}
	both := map[string]any{}
	for k, v := range props {
		if all.Has(k) && own.Has(k) && !slices.ContainsFunc(driverOwns, func(n string) bool { return strings.EqualFold(n, k) }) {
			both[k] = v
		}
	}
	if err := all.Bind(both); err != nil {
		return nil, err
	}
	own.Include(all)
	if err := own.Bind(props); err != nil {
		return nil, err
	}
	return c, c.check()
}

// checkTypes gives wrong types and negative sizes of the common properties
// Kuiper's wording, which its users and managers know.
func checkTypes(all, own *param.Set, props map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(props)) {
		i := slices.IndexFunc(all.Specs(), func(s *param.Spec) bool { return strings.EqualFold(s.Name, name) })
		if i < 0 || own.Has(name) || props[name] == nil {
			continue
		}
		s, x := all.Specs()[i], props[name]
		if want := mismatch(s.Type, x); want != "" {
			return diag.New(diag.Exec, "fail to parse sink configuration: read properties map[%s:%v] fail with error: '%s' expected type '%s', got unconvertible type '%T', value: '%v'",
				s.Name, x, s.Name, want, x, x)
		}
		if f, ok := asFloat(x); ok && f < 0 {
			return diag.New(diag.Exec, "fail to parse sink configuration: invalid %s %v", s.Name, x)
		}
	}
	return nil
}

// mismatch returns the expected type if x is of another one.
func mismatch(typ string, x any) string {
	_, number := asFloat(x)
	switch x.(type) {
	case bool:
		if typ != "bool" && typ != "any" {
			return typ
		}
	case string:
		if typ == "bool" || typ == "int" {
			return typ
		}
	case map[string]any:
		if typ != "any" && typ != "object" {
			return typ
		}
	case []any:
		if typ != "list_string" && typ != "any" {
			return typ
		}
	}
	if number && (typ == "bool" || typ == "string" || typ == "list_string") {
		return typ
	}
	return ""
}

func asFloat(x any) (float64, bool) {
	switch x := x.(type) {
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// check tests what concerns several properties.
func (c *properties) check() error {
	if len(c.fields) > 0 && len(c.exclude) > 0 {
		return diag.New(diag.Exec, "field and excludeFields cannot both be set")
	}
	return nil
}

// dynamic tells whether any property of the driver is to be filled in from the
// rows of each message.
func dynamic(x any) bool {
	switch x := x.(type) {
	case string:
		return strings.Contains(x, "{{")
	case map[string]any:
		for k, v := range x {
			if !strings.EqualFold(k, "dataTemplate") && dynamic(v) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(x, dynamic)
	}
	return false
}
