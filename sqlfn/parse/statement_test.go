package parse

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// canonical are statements and how they print; "" if they print as written.
var canonical = []struct{ sql, want string }{
	{"select a from demo", "SELECT a FROM demo"},
	{"SELECT a, b AS c, count(*) FROM demo;", "SELECT a, b AS c, count(*) FROM demo"},
	{"SELECT a FROM demo; and anything \" behind it", "SELECT a FROM demo"},
	{"SELECT -- rest\n a /* and\n so on */ FROM demo", "SELECT a FROM demo"},
	{"SELECT *, a + 1 AS b FROM demo", ""},
	{"SELECT s.*, t.* EXCEPT(x) FROM s INNER JOIN t ON s.a = t.a GROUP BY TUMBLINGWINDOW(SS, 1)", ""},
	{"SELECT * EXCEPT(a, `b-c`) REPLACE(a * 2 AS c, b AS d) FROM demo", ""},
	{"SELECT a + 1 AS x INVISIBLE, x * 2 AS y FROM demo", ""},
	{"SELECT DISTINCT a, b FROM demo", ""},
	{"SELECT distinct FROM demo", "SELECT `distinct` FROM demo"},
	{"SELECT distinct, a FROM demo", "SELECT `distinct`, a FROM demo"},
	{"SELECT distinct.x, a FROM distinct", "SELECT `distinct`.x, a FROM `distinct`"},
	{"SELECT count(distinct a) AS n FROM demo", "SELECT count(DISTINCT a) AS n FROM demo"},
	{"SELECT count(distinct) FROM demo", "SELECT count(`distinct`) FROM demo"},
	{"SELECT * FROM topic/a/+/b/# WHERE a>1", "SELECT * FROM `topic/a/+/b/#` WHERE a > 1"},
	{"SELECT * FROM /a/1b/order", "SELECT * FROM `/a/1b/order`"},
	{"SELECT * FROM `my-stream` AS s", ""},
	{"SELECT `from`, `中文`, `hello world`, `ss`, `null`, `is`, `window`, `1a`, `_a` FROM demo", ""},
	{"SELECT timestamp, type, key, count, create, stream, with, bigint FROM demo", ""},
	{"SELECT voltage, current FROM inverter_metrics WHERE voltage < 200 OR voltage > 250", ""},
	{"SELECT frame FROM camera_stream WHERE detect_defect(frame) = true", "SELECT frame FROM camera_stream WHERE detect_defect(frame) = TRUE"},
	{"SELECT a FROM demo WHERE a <> 1 AND b ! = 2 AND c < = 3 AND d > = 4", "SELECT a FROM demo WHERE a != 1 AND b != 2 AND c <= 3 AND d >= 4"},
	{"SELECT a FROM demo WHERE NOT (a = 1 OR b)", ""},
	{"SELECT a FROM demo WHERE a IS NULL AND b IS NOT NULL AND NULL IS NULL", ""},
	{"SELECT a FROM demo WHERE a IN (1, 2) AND b NOT IN arr AND c LIKE \"a%\" AND d NOT LIKE p", ""},
	{"SELECT a FROM demo WHERE a BETWEEN 1 AND 2 AND b NOT BETWEEN (c + 1) AND -d", ""},
	{"SELECT a[0], a[:], a[1:], a[:2], a[-2:-1], a[] AS x, a[i + 1] FROM demo", "SELECT a[0], a[:], a[1:], a[:2], a[-2:-1], a[:] AS x, a[i + 1] FROM demo"},
	{"SELECT o->k, o.k, o.k.z, o.k->z[0].y, (o).k, f(x).y, (a + b)->c FROM demo", ""},
	{"SELECT (a+b)*c, a+(b*c), a-(b-c), (a-b)-c, -(-a), -(a+b), (NOT a) = b FROM demo", "SELECT (a + b) * c, a + b * c, a - (b - c), a - b - c, -(-a), -(a + b), (NOT a) = b FROM demo"},
	{"SELECT 1.0, 100.0, 1e3, .5, -0.0 FROM demo", "SELECT 1.0, 100.0, 1000.0, 0.5, -0.0 FROM demo"},
	{"SELECT CASE a WHEN 1 THEN 'x' WHEN 2 THEN \"y\" END, CASE WHEN a > 1 AND b THEN 1 ELSE NULL END FROM demo",
		`SELECT CASE a WHEN 1 THEN "x" WHEN 2 THEN "y" END, CASE WHEN a > 1 AND b THEN 1 ELSE NULL END FROM demo`},
	{"SELECT CASE WHEN isNull(a) THEN 0 WHEN flag THEN 1 END FROM demo", ""},
	{"SELECT lag(a) over (partition by b, c when d > 1), latest(a) OVER (WHEN a > 1) FROM demo",
		"SELECT lag(a) OVER (PARTITION BY b, c WHEN d > 1), latest(a) OVER (WHEN a > 1) FROM demo"},
	{"SELECT lag(a) OVER (PARTITION BY b, WHEN d) FROM demo", "SELECT lag(a) OVER (PARTITION BY b WHEN d) FROM demo"},
	{"SELECT now() FROM demo", ""},
	{"SELECT meta(*), meta(s.key), meta(a->b), changed_cols(\"p\", TRUE, *), collect(* EXCEPT(a)) FROM s", ""},
	{"SELECT avg(t) FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)", "SELECT avg(t) FROM demo GROUP BY TUMBLINGWINDOW(SS, 10)"},
	{"SELECT avg(t) FROM demo GROUP BY tumblingwindow(SS, 10), device, a+1", "SELECT avg(t) FROM demo GROUP BY device, a + 1, TUMBLINGWINDOW(SS, 10)"},
	{"SELECT a FROM demo GROUP BY HOPPINGWINDOW(MI, 10, 5) FILTER (WHERE a > 1)", ""},
	{"SELECT a FROM demo GROUP BY SLIDINGWINDOW(MS, 10) OVER (WHEN a > 1)", ""},
	{"SELECT a FROM demo GROUP BY SLIDINGWINDOW(DD, 10, 0) OVER (WHEN a > 1) FILTER(WHERE b)", "SELECT a FROM demo GROUP BY SLIDINGWINDOW(DD, 10, 0) FILTER (WHERE b) OVER (WHEN a > 1)"},
	{"SELECT a FROM demo GROUP BY SESSIONWINDOW(HH, 10, 1)", ""},
	{"SELECT a FROM demo GROUP BY COUNTWINDOW(5)", ""},
	{"SELECT a FROM demo GROUP BY COUNTWINDOW(5, 5) FILTER (WHERE a > 1)", ""},
	{"SELECT a FROM demo GROUP BY STATEWINDOW(a > 1, b = 0) OVER (PARTITION BY k, l)", ""},
	{"SELECT a FROM demo GROUP BY STATEWINDOW(a)", ""},
	{"SELECT a FROM demo GROUP BY countwindow", ""},
	{"SELECT a, b AS x FROM demo GROUP BY a, COUNTWINDOW(5) HAVING count(*) > 1 ORDER BY a, x DESC, a->b LIMIT 3", ""},
	{"SELECT a FROM demo ORDER BY a desc b asc c LIMIT 0", "SELECT a FROM demo ORDER BY a DESC, b, c LIMIT 0"},
	{"SELECT * FROM a INNER JOIN b AS c ON a.x = c.x LEFT JOIN d ON TRUE RIGHT JOIN e ON FALSE FULL JOIN f ON 1 = 1 CROSS JOIN g INNER JOIN h GROUP BY TUMBLINGWINDOW(SS, 1)", ""},
	{"SELECT COUNT(*) as car_count, direction FROM traffic_stream WINDOW TUMBLING (SIZE 5 SECOND) GROUP BY direction",
		"SELECT COUNT(*) AS car_count, direction FROM traffic_stream GROUP BY direction, TUMBLINGWINDOW(SS, 5)"},
	{"SELECT a FROM demo GROUP BY a WINDOW HOPPING (SIZE 1 MINUTE, ADVANCE BY 5 SECONDS)", "SELECT a FROM demo GROUP BY a, HOPPINGWINDOW(SS, 60, 5)"},
	{"SELECT a FROM demo WINDOW SLIDING (SIZE 5 ms) WHERE a > 1", "SELECT a FROM demo WHERE a > 1 GROUP BY SLIDINGWINDOW(MS, 5)"},
	{"SELECT a FROM demo WHERE a > 1 window session (5 second)", "SELECT a FROM demo WHERE a > 1 GROUP BY SESSIONWINDOW(SS, 31536000, 5)"},
	{"SELECT a FROM demo AS window WINDOW TUMBLING (SIZE 1 day)", "SELECT a FROM demo AS `window` GROUP BY TUMBLINGWINDOW(DD, 1)"},
	{"SELECT `left`(a), \"quo\\\"te\", 'single' FROM demo", "SELECT `left`(a), \"quo\\\"te\", \"single\" FROM demo"},

	{"create stream demo () with (datasource=\"a/b\" format=\"JSON\")", `CREATE STREAM demo () WITH (DATASOURCE="a/b", FORMAT="JSON")`},
	{"CREATE STREAM demo (a bigint, b ARRAY(STRUCT(x float, y STRING)), o struct(), c DateTime, d boolean, e BYTEA, `from` STRING) WITH (SHARED=TRUE, STRICT_VALIDATION=\"False\", TEMP=\"true\", TIMESTAMP=\"ts\", timestamp_format=\"yyyy\",);",
		"CREATE STREAM demo (a BIGINT, b ARRAY(STRUCT(x FLOAT, y STRING)), o STRUCT(), c DATETIME, d BOOLEAN, e BYTEA, `from` STRING) WITH (SHARED=\"true\", STRICT_VALIDATION=\"false\", TIMESTAMP=\"ts\", TIMESTAMP_FORMAT=\"yyyy\", TEMP=\"true\")"},
	{"CREATE TABLE t () WITH (DATASOURCE=\"f\", FORMAT=\"delimited\", KEY=\"k\", CONF_KEY=\"c\", TYPE=\"file\", RETAIN_SIZE=\"3\", SCHEMAID=\"a.b\", EXTRA=\"{}\", VERSION=\"1\", KIND=\"lookup\", DELIMITER=\"\\t\")",
		"CREATE TABLE t () WITH (DATASOURCE=\"f\", FORMAT=\"delimited\", KEY=\"k\", CONF_KEY=\"c\", TYPE=\"file\", RETAIN_SIZE=\"3\", SCHEMAID=\"a.b\", EXTRA=\"{}\", VERSION=\"1\", KIND=\"lookup\", DELIMITER=\"\\t\")"},
	{"CREATE STREAM demo () WITH ()", ""},
	{"show streams", "SHOW STREAMS"},
	{"SHOW TABLES;", "SHOW TABLES"},
	{"describe stream demo", "DESCRIBE STREAM demo"},
	{"EXPLAIN TABLE `a-b`", ""},
	{"DROP TABLE demo", ""},
}

func TestStatementsPrintInCanonicalForm(t *testing.T) {
	for _, c := range canonical {
		want := c.want
		if want == "" {
			want = c.sql
		}
		st, err := Statement(c.sql)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if got := st.String(); got != want {
			t.Errorf("%s\nprints %s\nwant   %s", c.sql, got, want)
		}
		again, err := Statement(want)
		if err != nil || again.String() != want {
			t.Errorf("%s\nis read again as %v, %v", want, again, err)
		}
	}
}

func TestWindowClauseMakesTheSameWindowAsTheFunction(t *testing.T) {
	sel, err := Select("SELECT a FROM demo WINDOW HOPPING (SIZE 10 SECOND, ADVANCE BY 5 SECOND)")
	if err != nil {
		t.Fatal(err)
	}
	want := ast.Window{Pos: 19, Kind: ast.Hopping, Unit: "SS", Size: 10, Second: 5, HasSecond: true}
	if w := *sel.Window; w.String() != want.String() || w.Pos != want.Pos || !w.HasSecond {
		t.Errorf("window is %+v, want %+v", w, want)
	}
}

func TestCreateFillsTheOptions(t *testing.T) {
	st, err := Statement(`CREATE TABLE t (a ARRAY(BIGINT)) WITH (Datasource="x", KIND="lookup", retain_size="10", SHARED=true)`)
	if err != nil {
		t.Fatal(err)
	}
	c := st.(*ast.Create)
	want := ast.Options{Datasource: "x", Kind: "lookup", RetainSize: "10", Shared: "true"}
	if !c.Table || c.Name != "t" || c.Options != want {
		t.Errorf("%+v, want options %+v", c, want)
	}
	if !c.Cols[0].Type.Equal(value.ArrayOf(value.Type{Kind: value.Int})) {
		t.Errorf("column a is %s", c.Cols[0].Type)
	}
}
