package parse

import (
	"errors"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

const createError = "unknown option keys(DATASOURCE|FORMAT|KEY|CONF_KEY|SHARED|STRICT_VALIDATION|TYPE|TIMESTAMP|TIMESTAMP_FORMAT|RETAIN_SIZE|SCHEMAID|EXTRA|VERSION|TEMP|KIND|DELIMITER)."

// In the statements below ^ stands in front of the place of the error.
var refused = []struct{ sql, want string }{
	{"SELECT ^", `found "EOF", expected expression.`},
	{"^", `found "EOF", expected SELECT, CREATE, SHOW, DESCRIBE, EXPLAIN, DROP.`},
	{"SELECT a ^c FROM demo", `found "c", expected FROM.`},
	{"SELECT a >^> b FROM demo", `found ">", expected expression.`},
	{"SELECT a AS ^SELECT FROM demo", `found "SELECT", expected as alias.`},
	{"SELECT a AS ^5 FROM demo", `found "5", expected as alias.`},
	{"SELECT a,^ FROM demo", `found "FROM", expected expression.`},
	{"SELECT a^", `found "EOF", expected FROM.`},
	{"^SELCT a FROM demo", `did you mean "SELECT"?`},
	{"SELECT a ^FORM demo", `did you mean "FROM"?`},
	{"SELECT a FROM demo ^WHER a > 1", `did you mean "WHERE"?`},
	{"SELECT a FROM demo WHERE a > 1 ^GRUOP BY TUMBLINGWINDOW(ss, 1)", `did you mean "GROUP"?`},
	{"SELECT a FROM demo ^LIMT 3", `did you mean "LIMIT"?`},
	{"SELECT a FROM demo ORDER BY a ^LIMT 3", `did you mean "LIMIT"?`},
	{"SELECT a FROM demo ^d", `an alias is written with AS`},
	{"SELECT a FROM demo WHERE a = 1 ^d", `found "d", expected GROUP BY, HAVING, ORDER BY, LIMIT, EOF.`},
	{"SELECT a FROM demo WHERE a =^= 1", `equality is written with one =`},
	{"SELECT a FROM demo WHERE a ^! 1", `found "!", expected GROUP BY`},
	{"SELECT a FROM demo WHERE ^!a", `did you mean "!="?`},
	{"SELECT ^+a FROM demo", `found "+", expected expression.`},
	{"SELECT 1 + ^NOT a FROM demo", `found "NOT", expected expression. put NOT (..) in parentheses`},
	{"SELECT * ^AS x FROM demo", `found "AS", expected FROM.`},
	{"SELECT a + ^* FROM demo", `found "*", expected expression.`},
	{"SELECT ^ss FROM demo", "SS is a unit of time; as a name it is written in backticks: `ss`"},
	{"SELECT ^left FROM demo", "a reserved word is a name only in backticks: `left`"},
	{"SELECT a.^end FROM demo", "a reserved word is a name only in backticks: `end`"},
	{"SELECT a FROM demo WHERE ^order > 3", "a reserved word is a name only in backticks: `order`"},
	{"SELECT ^_a FROM demo", "a name that does not start with an ASCII letter is written in backticks: `_a`"},
	{"SELECT ^温度 FROM demo", "written in backticks: `温度`"},
	{"SELECT a^，b FROM demo", "did you mean the ASCII character , ?"},
	{"SELECT ^`a FROM demo", "the name is not closed by `"},
	{"SELECT ^`` FROM demo", "a name cannot be empty"},
	{"SELECT ^\"a FROM demo", `the text is not closed by "`},
	{"SELECT ^'a\n' FROM demo", `the text is not closed by '`},
	{"SELECT \"a^\\%b\" FROM demo", `found "\\%", expected expression.`},
	{"SELECT a FROM demo ^/* end", "the comment is not closed by */"},
	{"SELECT a FROM demo^, other", "streams are joined by INNER JOIN .. ON .."},
	{"SELECT a FROM ^(SELECT b FROM c)", `found "(", expected source name.`},
	{"SELECT a FROM ^/", `found "/", expected source name.`},
	{"SELECT a FROM demo ^UNION SELECT b FROM c", `found "UNION", expected`},
	{"SELECT a FROM demo ^JOIN b ON a = b", `did you mean "INNER JOIN"?`},
	{"SELECT a FROM demo LEFT ^OUTER JOIN b ON a = b", "OUTER is left out: LEFT JOIN"},
	{"SELECT a FROM demo CROSS JOIN b ^ON a = b", "On expression is not required for cross join type."},
	{"SELECT lag(a) OVER (^) FROM demo", `found ")", expected PARTITION BY, WHEN.`},
	{"SELECT a FROM demo LIMIT ^b", `found "b", expected integer.`},
	{"SELECT a FROM demo LIMIT 1 ^+ 1", `found "+", expected EOF.`},
	{"SELECT a FROM demo LIMIT ^-1", `found "-", expected integer.`},
	{"SELECT a FROM demo ORDER BY ^1", `found "1", expected column or alias.`},
	{"SELECT a BETWEEN 1 ^OR 2 FROM demo", `found "OR", expected AND.`},
	{"SELECT a IS ^5 FROM demo", `found "5", expected NULL.`},
	{"SELECT a IN (^) FROM demo", `found ")", expected expression.`},
	{"SELECT a[0^ FROM demo", `found "FROM", expected ].`},
	{"SELECT a[^3:1] FROM demo", "colon start value can't be greater than end value"},
	{"SELECT CASE ^END FROM demo", `found "END", expected expression.`},
	{"SELECT CASE a ^END FROM demo", `found "END", expected WHEN.`},
	{"SELECT CASE WHEN a > 1 THEN 2 ^FROM demo", `found "FROM", expected END.`},
	{"SELECT CASE WHEN ^1 THEN 2 END FROM demo", "invalid CASE expression, WHEN expression must be a bool condition"},
	{"SELECT CASE WHEN ^a + 1 THEN 2 END FROM demo", "invalid CASE expression, WHEN expression must be a bool condition"},
	{"SELECT ^TUMBLINGWINDOW(ss, 1) FROM demo", "tumblingwindow can only be used in GROUP BY"},

	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(^5, 1)", "The 1st argument for tumblingwindow is expecting timer literal expression. One value of [dd|hh|mi|ss|ms]."},
	{`SELECT a FROM demo GROUP BY TUMBLINGWINDOW(^"ss", 1)`, "The 1st argument for tumblingwindow is expecting timer literal expression."},
	{"SELECT a FROM demo GROUP BY ^TUMBLINGWINDOW(ss, 1, 2)", "The arguments for tumblingwindow should be 2."},
	{"SELECT a FROM demo GROUP BY ^TUMBLINGWINDOW()", "The arguments for tumblingwindow should be 2."},
	{"SELECT a FROM demo GROUP BY ^HOPPINGWINDOW(ss, 1)", "The arguments for hoppingwindow should be 3."},
	{"SELECT a FROM demo GROUP BY ^SESSIONWINDOW(ss, 1)", "The arguments for sessionwindow should be 3."},
	{"SELECT a FROM demo GROUP BY ^SLIDINGWINDOW(ss)", "The arguments for slidingwindow should be 2 or 3."},
	{"SELECT a FROM demo GROUP BY ^COUNTWINDOW(1, 2, 3)", "The arguments for countwindow should be 1 or 2."},
	{"SELECT a FROM demo GROUP BY ^STATEWINDOW()", "The arguments for statewindow should be 1 or 2."},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(ss, ^1.5)", "The 2nd argument for tumblingwindow is expecting integer literal expression."},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(ss, ^ss)", "The 2nd argument for tumblingwindow is expecting integer literal expression."},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(ss, ^0)", "The 2nd argument for tumblingwindow should be greater than 0."},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(ss, ^-1)", "The 2nd argument for tumblingwindow should be greater than 0."},
	{"SELECT a FROM demo GROUP BY HOPPINGWINDOW(ss, 5, ^0)", "The 3rd argument for hoppingwindow should be greater than 0."},
	{"SELECT a FROM demo GROUP BY SESSIONWINDOW(ss, 5, ^0)", "The 3rd argument for sessionwindow should be greater than 0."},
	{"SELECT a FROM demo GROUP BY COUNTWINDOW(^0)", "The 1st argument for countwindow should be greater than 0."},
	{"SELECT a FROM demo GROUP BY COUNTWINDOW(2, ^3)", "The second parameter value 3 should be less than the first parameter 2."},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(dd, ^999999999999)", "tumblingwindow of more than 366000 DD is too long"},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(ss, 1), ^COUNTWINDOW(2)", "countwindow: a statement can have only one window, it has tumblingwindow already"},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(ss, 1) ^WINDOW TUMBLING (SIZE 5 SECOND)", "a statement can have only one window"},
	{"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(ss, 1) FILTER (^a > 1)", `found "a", expected WHERE.`},
	{"SELECT a FROM demo WINDOW ^TUBMLING (SIZE 5 SECOND)", `did you mean "TUMBLING"?`},
	{"SELECT a FROM demo WINDOW TUMBLING (^5 SECOND)", `found "5", expected SIZE.`},
	{"SELECT a FROM demo WINDOW TUMBLING (SIZE 5 ^SECONT)", `did you mean "SECONDS"?`},
	{"SELECT a FROM demo WINDOW TUMBLING (SIZE ^0 SECOND)", "tumblingwindow: length should be greater than 0"},
	{"SELECT a FROM demo WINDOW HOPPING (SIZE 5 SECOND^)", `found ")", expected ADVANCE BY.`},

	{"CREATE ^VIEW demo", `found "VIEW", expected STREAM, TABLE.`},
	{"CREATE ^STREM demo ()", `did you mean "STREAM"?`},
	{"CREATE STREAM ^1 ()", `found "1", expected stream name.`},
	{"CREATE STREAM demo ^WITH (DATASOURCE=\"x\")", "expected lparen after stream name."},
	{"CREATE STREAM demo ()^", `found "EOF", expected WITH.`},
	{"CREATE STREAM demo (a ^INT) WITH ()", `found "INT", expect valid stream field types(BIGINT | FLOAT | STRING | DATETIME | BOOLEAN | BYTEA | ARRAY | STRUCT). did you mean "BIGINT"?`},
	{"CREATE STREAM demo (a ^FLOTA) WITH ()", `did you mean "FLOAT"?`},
	{"CREATE STREAM demo (a BIGINT, ^a FLOAT) WITH ()", `column "a" is declared twice`},
	{"CREATE STREAM demo (^from STRING) WITH ()", "a reserved word is a name only in backticks: `from`"},
	{`CREATE STREAM demo () WITH (^FOO="x")`, `found "FOO", ` + createError},
	{`CREATE STREAM demo () WITH (^DATASOURC="x")`, createError + ` did you mean "DATASOURCE"?`},
	{`CREATE STREAM demo () WITH (DATASOURCE=^'x')`, "option values are written in double quotes"},
	{`CREATE STREAM demo () WITH (DATASOURCE=^5)`, `found "5", expected string in double quotes`},
	{`CREATE STREAM demo () WITH (DATASOURCE^ "x")`, `found "x", expected =.`},
	{`CREATE STREAM demo () WITH (KEY="x", ^key="y")`, "option KEY is given twice"},
	{`CREATE STREAM demo () WITH (SHARED=^"yes")`, `option SHARED must be TRUE or FALSE, not "yes"`},
	{`CREATE STREAM demo () WITH (RETAIN_SIZE=^"many")`, `option RETAIN_SIZE must be a whole number, not "many"`},
	{`CREATE STREAM demo () WITH (KEY="x"^`, `found "EOF", unknown option keys`},
	{"SHOW ^STREAM", `did you mean "STREAMS"?`},
	{"DROP STREAM^", `found "EOF", expected stream name.`},
	{"DESCRIBE TABLE t ^x", `found "x", expected EOF.`},
}

func TestRefusedStatementsSayWhatAndWhere(t *testing.T) {
	for _, c := range refused {
		off := strings.LastIndex(c.sql, "^")
		sql := c.sql[:off] + c.sql[off+1:]
		if rest := sql[off:]; strings.HasPrefix(rest, " ") { // the place is the next token
			off += len(rest) - len(strings.TrimLeft(rest, " "))
		}
		_, err := Statement(sql)
		var e *diag.Error
		switch {
		case !errors.As(err, &e):
			t.Errorf("%s\nwas accepted, error is %v", c.sql, err)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s\nsays %s\nwant %s", c.sql, err, c.want)
		case e.Off != off || e.SQL != sql || e.Code != diag.Parse:
			t.Errorf("%s\nis refused at %d, want %d; %v", c.sql, e.Off, off, e)
		}
	}
}

func TestExprRefusesTextBehindTheExpression(t *testing.T) {
	for _, text := range []string{"", "a b", "a;", "a,b", "*", "SELECT"} {
		if e, err := Expr(text); err == nil {
			t.Errorf("%q was read as %s", text, e)
		}
	}
}
