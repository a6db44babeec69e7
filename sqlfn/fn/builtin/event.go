package builtin

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func nulls() []*fn.Func {
	return []*fn.Func{
		{Name: "isnull", Sig: "(x any) -> bool", Mark: 'A', Nulls: fn.SeesNull,
			Doc:      param.T("Whether x is NULL or absent.", "x 是否为 NULL 或不存在。"),
			Examples: []fn.Example{eg("isNull(null)", "true"), eg("isNull(0)", "false")},
			Eval:     func(_ *fn.Ctx, args []value.Value) (value.Value, error) { return value.OfBool(args[0].IsNull()), nil }},
		{Name: "coalesce", Sig: "(x any, rest any...) -> any", Mark: 'A', Nulls: fn.SeesNull,
			Doc:      param.T("The first argument that is not NULL.", "第一个非空的参数。"),
			Examples: []fn.Example{eg("coalesce(null, 2, 3)", "2"), eg("coalesce(null)", "null")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				for _, v := range args {
					if !v.IsNull() {
						return v, nil
					}
				}
				return null, nil
			}},
		{Name: "bypass", Sig: "(x any) -> any", Mark: 'C',
			Doc:      param.T("x as it is.", "原样返回 x。"),
			Examples: []fn.Example{eg("bypass(1)", "1"), eg("bypass(null)", "null")},
			Eval:     func(_ *fn.Ctx, args []value.Value) (value.Value, error) { return args[0], nil }},
	}
}

func identities() []*fn.Func {
	return []*fn.Func{
		{Name: "newuuid", Sig: "() -> string", Mark: 'B', Volatile: true,
			Doc:      param.T("A new UUID of version 1.", "生成新的 UUID（版本 1）。"),
			Examples: []fn.Example{eg("length(newuuid())", "36")},
			Eval: func(*fn.Ctx, []value.Value) (value.Value, error) {
				id, err := uuid.NewUUID()
				return value.OfString(id.String()), err
			}},
		{Name: "tstamp", Sig: "() -> int", Mark: 'A', Volatile: true,
			Doc:      param.T("The time now in epoch ms.", "当前时间（毫秒）。"),
			Examples: []fn.Example{eg("tstamp()", "1577934245123")},
			Eval:     func(c *fn.Ctx, _ []value.Value) (value.Value, error) { return value.OfInt(c.Now().UnixMilli()), nil }},
		{Name: "rule_id", Sig: "() -> string", Mark: 'B', Volatile: true,
			Doc:      param.T("The id of the rule.", "规则的 ID。"),
			Examples: []fn.Example{eg("rule_id()", `"rule1"`)},
			Eval:     func(c *fn.Ctx, _ []value.Value) (value.Value, error) { return value.OfString(c.Rule), nil }},
		{Name: "rule_start", Sig: "() -> int", Mark: 'B', Volatile: true,
			Doc:      param.T("When the rule was started, in epoch ms.", "规则启动的时间（毫秒）。"),
			Examples: []fn.Example{eg("rule_start()", "1577934000000")},
			Eval:     func(c *fn.Ctx, _ []value.Value) (value.Value, error) { return value.OfInt(c.RuleStart), nil }},
	}
}

func eventMeta() []*fn.Func {
	return []*fn.Func{
		{Name: "meta", Sig: "(key string) -> any", Mark: 'A', Volatile: true,
			Doc: param.T("What the source knows about the event: meta(topic), meta(stream.key), meta(key->member); meta(*) is all of it.",
				"事件的元数据：meta(topic)、meta(stream.key)、meta(key->member)；meta(*) 为全部。"),
			Examples: []fn.Example{on(`[{}]`, `meta("topic")`, `"in/s"`), on(`[{}]`, `meta("s.topic")`, `"in/s"`), on(`[{}]`, `meta("device->id")`, "7"),
				on(`[{}]`, `meta("nothing")`, "null"), on(`[{}]`, `meta("*")`, `{"device":{"id":7},"messageId":3,"qos":1,"topic":"in/s"}`)},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				if c.Row == nil || c.Row.Meta == nil {
					return null, nil
				}
				key := args[0].String()
				if key == "*" {
					return c.Row.Meta.All(), nil
				}
				return metaKey(c, key), nil
			}},
		{Name: "mqtt", Sig: "(key string) -> any", Mark: 'B', Volatile: true,
			Doc:      param.T("The topic or messageid of the MQTT message that brought the event.", "带来该事件的 MQTT 消息的 topic 或 messageid。"),
			Examples: []fn.Example{on(`[{}]`, `mqtt("topic")`, `"in/s"`), on(`[{}]`, `mqtt("messageid")`, "3"), on(`[{}]`, `mqtt(null)`, "null")},
			Check: func(args []value.Value) error {
				_, err := mqttKey(args[0])
				return err
			},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				key, err := mqttKey(args[0])
				if err != nil || c.Row == nil || c.Row.Meta == nil {
					return null, err
				}
				return c.Row.Meta.Key(key), nil
			}},
		{Name: "props", Sig: "(key string) -> string", Mark: 'C', Volatile: true,
			Doc: param.T(`A property of the event as text: "et" is its time in epoch ms, others come from its metadata.`,
				`事件属性的文本："et" 为事件时间（毫秒），其他取自元数据。`),
			Examples: []fn.Example{on(`[{}]`, `props("et")`, `"1577934245123"`), on(`[{}]`, `props("qos")`, `"1"`), on(`[{}]`, `props("nothing")`, "null")},
			Eval:     props},
	}
}

// metaKey finds key, stream.key or key->member. A key that is there as it is
// written comes first: keys may have points.
func metaKey(c *fn.Ctx, key string) value.Value {
	meta := c.Row.Meta
	key, path, nested := strings.Cut(key, "->")
	v := meta.Key(key)
	if _, bare, ok := strings.Cut(key, "."); ok && v.IsNull() {
		v = meta.Key(bare)
	}
	for nested {
		var name string
		name, path, nested = strings.Cut(path, "->")
		v, _ = v.Lookup(name)
	}
	return v
}

func mqttKey(v value.Value) (string, error) {
	switch key := v.String(); {
	case strings.EqualFold(key, "messageid"):
		return "messageId", nil
	case strings.EqualFold(key, "topic"), v.IsNull():
		return "topic", nil
	}
	return "", fn.Sentence("Parameter of mqtt function can be only topic or messageid.")
}

func props(c *fn.Ctx, args []value.Value) (value.Value, error) {
	if c.Row == nil {
		return null, nil
	}
	if args[0].String() == "et" {
		return value.OfString(strconv.FormatInt(c.Row.TS, 10)), nil
	}
	if c.Row.Meta == nil {
		return null, nil
	}
	return Cast(c.Row.Meta.Key(args[0].String()), value.String, location(c))
}

// maxDelay is the longest that one event can hold up its rule.
const maxDelay = time.Hour

func states() []*fn.Func {
	return []*fn.Func{
		{Name: "delay", Sig: "(ms int, x any) -> any", Mark: 'C', Volatile: true,
			Doc:      param.T("x, after the rule has stood still for that many ms.", "使规则等待 ms 毫秒后返回 x。"),
			Examples: []fn.Example{eg(`delay(5, "a")`, `"a"`), eg("delay(null, 1)", "null"), eg("delay(-1, 1)", "error: delay takes 0 to 3600000 ms, not -1")},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				ms, err := fn.ToInt(args[0])
				if err == nil && (ms < 0 || ms > maxDelay.Milliseconds()) {
					err = fmt.Errorf("delay takes 0 to %d ms, not %d", maxDelay.Milliseconds(), ms)
				}
				if err == nil && c.Sleep != nil {
					c.Sleep(time.Duration(ms) * time.Millisecond)
				}
				return args[1], err
			}},
		{Name: "get_keyed_state", Sig: "(key string, type string literal, default any) -> any", Mark: 'C', Volatile: true, Nulls: fn.SeesNull,
			Doc: param.T("The value stored under key, converted to type as cast does; default if there is none.",
				"读取以 key 存储的值并按 type 转换（同 cast）；没有时为 default。"),
			Examples: []fn.Example{eg(`get_keyed_state("limit", "bigint", 0)`, "30"), eg(`get_keyed_state("nothing", "bigint", null)`, "null")},
			Check: func(args []value.Value) error {
				_, err := castKind(args[1].Str())
				return err
			},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				k, err := castKind(args[1].String())
				if err != nil || c.Stored == nil {
					return args[2], err
				}
				if v, ok := c.Stored(args[0].String()); ok {
					return Cast(v, k, location(c))
				}
				return args[2], nil
			}},
	}
}
