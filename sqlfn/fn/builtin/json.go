package builtin

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func jsonTexts() []*fn.Func {
	return []*fn.Func{
		{Name: "to_json", Sig: "(x any) -> string", Mark: 'B',
			Doc:      param.T("x as JSON text.", "将 x 转换为 JSON 文本。"),
			Examples: []fn.Example{on(`[{"o":{"k":1}}]`, "to_json(o)", `"{\"k\":1}"`), eg(`to_json("a")`, `"\"a\""`), eg("to_json(null)", "null")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				b, err := value.AppendJSON(nil, args[0])
				return value.OfStringBytes(b), err
			}},
		{Name: "parse_json", Sig: "(x string) -> any", Mark: 'B',
			Doc:      param.T("The value of a JSON text; every number is a float.", "解析 JSON 文本；所有数字均为浮点数。"),
			Examples: []fn.Example{eg(`parse_json("[1,2]")`, "[1,2]"), eg("parse_json(null)", "null")},
			Eval:     fn.Try1(parseJSON)},
	}
}

// parseJSON shares the memory of the text with the result.
func parseJSON(text string) (value.Value, error) {
	v, err := value.ParseJSON(value.OfString(text).Bytes(), value.JSONOptions{})
	if err != nil {
		return null, fmt.Errorf("fail to parse json: %w", err)
	}
	return v, nil
}
