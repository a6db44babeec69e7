package builtin_test

import "testing"

func TestJSONPathsSelectInAStableOrder(t *testing.T) {
	const rows = `[{"text":"{\"k\":[1,{\"z\":2}]}","o":{"k":4,"store.a":3,"nums":[1,2,3.5],"m":[{"k":5,"s":"x"},{"k":6},null],"o":{"z":{"k":1},"a":{"k":2,"b":{"k":3}}}}}]`
	for expr, want := range map[string]string{
		`json_path_query(o, "$..k")`:                           "[5,6,3,2,1,4]",
		`json_path_query(o, "$.m[*].k")`:                       "[5,6]",
		`json_path_query(o, "$.o.*")`:                          `[{"b":{"k":3},"k":2},{"k":1}]`,
		`json_path_query(o, "$.m[?(@.k > 5)]")`:                `[{"k":6}]`,
		`json_path_query(o, "$.m[?(@.s == 'x')].k")`:           "[5]",
		`json_path_query(o, "$.m[?(@.s =~ /x/)].k")`:           "[5]",
		`json_path_query(o, "$.m[?(@.k > $.k && @.k < 6)].k")`: "[5]",
		`json_path_query(o, "$.nums[0:2]")`:                    "[1,2]",
		`json_path_query(o, "$.nums[-1]")`:                     "3.5",
		`json_path_query(o, "$.nums[0,2]")`:                    "[1,3.5]",
		`json_path_query(o, "$['store.a']")`:                   "3",
		`json_path_query(o, "$[\"store.a\"]")`:                 "3",
		`json_path_query(o, "$.m[2]")`:                         "null",
		`json_path_query(o, "$.m[3]")`:                         "error: index 3 out of bounds",
		`json_path_query(o, "$.k.z")`:                          "error: unknown key z",
		`json_path_query(o, "$..nothing")`:                     "[]",
		`json_path_query(o, "$[")`:                             `error: invalid json path "$[": not terminated at 3 in $[`,
		`json_path_query(o, "")`:                               `error: invalid json path "": it is empty`,
		`json_path_query(text, "$.k[1].z")`:                    "2",
		`json_path_query("5", "$.k")`:                          "error: invalid data string(5) for jsonpath",
		`json_path_query_first(o, "$.nums")`:                   "1",
		`json_path_query_first(o, "$..nothing")`:               "null",
		`json_path_exists(o, "$..nothing")`:                    "false",
		`json_path_exists(o, "$.m[*].s")`:                      "true",
		`json_path_exists(o, "$.m[2]")`:                        "true",
	} {
		if got := show(newEvaluator().run(expr, rows)); got != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
}
