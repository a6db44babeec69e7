package builtin

import (
	"errors"
	"fmt"
	"time"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/timefmt"
	"github.com/edgesluice/sluice/sqlfn/value"
)

const oneTS = `[{"ts":1577934245123,"none":null}]`

// at is an example over one row with the column ts.
func at(expr, want string) fn.Example { return on(oneTS, expr, want) }

func nows() []*fn.Func {
	of := func(name string, aliases []string, layout string, fraction bool, en, zh, want string) *fn.Func {
		f := &fn.Func{Name: name, Aliases: aliases, Sig: "() -> string", Mark: 'B', Volatile: true, NoLit: true,
			Doc: param.T(en, zh), Examples: []fn.Example{eg(name+"()", `"`+want+`"`)}}
		if fraction {
			f.Sig = "(digits? int) -> string"
			f.Check = checkFraction
			f.Examples = append(f.Examples, eg(name+"(3)", `"`+want+`.123"`), eg(name+"(7)", "error: the fraction of a second has 0 to 6 digits, not 7"), eg(name+"(null)", "null"))
		}
		f.Eval = func(c *fn.Ctx, args []value.Value) (value.Value, error) {
			l := layout
			if len(args) > 0 {
				if err := checkFraction(args); err != nil {
					return null, err
				}
				if n, _ := args[0].AsInt(); n > 0 {
					l += ".000000"[:n+1]
				}
			}
			return value.OfString(c.Now().In(location(c)).Format(l)), nil
		}
		return f
	}
	return []*fn.Func{
		of("now", []string{"current_timestamp", "local_time", "local_timestamp"}, time.DateTime, true,
			"Date and time now, with digits of a second's fraction.", "当前日期时间，digits 为秒的小数位数。", "2020-01-02 03:04:05"),
		of("cur_date", []string{"current_date"}, time.DateOnly, false, "The date now.", "当前日期。", "2020-01-02"),
		of("cur_time", []string{"current_time"}, time.TimeOnly, true, "The time of day now, with digits of a second's fraction.", "当前时间，digits 为秒的小数位数。", "03:04:05"),
	}
}

func checkFraction(args []value.Value) error {
	if len(args) == 0 || args[0].IsNull() {
		return nil
	}
	n, err := fn.ToInt(args[0])
	if err == nil && (n < 0 || n > 6) {
		err = fmt.Errorf("the fraction of a second has 0 to 6 digits, not %d", n)
	}
	return err
}

func timeTexts() []*fn.Func {
	return []*fn.Func{
		{Name: "format_time", Sig: "(t datetime, pattern string) -> string", Mark: 'A', NoLit: true,
			Doc: param.T("t written by the pattern: yyyy MM dd HH mm ss SSS and more.", "按 pattern 格式化时间 t:yyyy MM dd HH mm ss SSS 等。"),
			Examples: []fn.Example{at(`format_time(ts, "yyyy-MM-dd HH:mm:ssSSS XXX")`, `"2020-01-02 03:04:05.123 +00:00"`), at(`format_time(none, "yyyy")`, "null"),
				at(`format_time(ts, "yyy")`, "error: invalid time format yyy for Y/y")},
			Check: func(args []value.Value) error {
				_, err := timefmt.Compile(args[1].String())
				return err
			},
			NewEval: func() fn.EvalFunc {
				layout := last[*timefmt.Layout]{build: timefmt.Compile}
				return func(c *fn.Ctx, args []value.Value) (value.Value, error) {
					l, err := layout.of(args[1])
					if err != nil {
						return null, err
					}
					t, err := local(c, args[0])
					if err != nil {
						return null, err
					}
					return value.OfString(l.Format(t)), nil
				}
			}},
	}
}

func timeShifts() []*fn.Func {
	return []*fn.Func{
		{Name: "date_calc", Sig: "(t datetime, d string) -> string", Mark: 'B', NoLit: true,
			Doc: param.T(`t moved by a duration such as "1h30m" or "-10s"; its units are h, m, s, ms, us and ns.`,
				`将 t 平移一段时间，例如 "1h30m" 或 "-10s"；单位为 h、m、s、ms、us、ns。`),
			Examples: []fn.Example{at(`date_calc(ts, "1h30m")`, `"2020-01-02 04:34:05"`), at(`date_calc(ts, "-5s")`, `"2020-01-02 03:04:00"`),
				at(`date_calc(none, "1h")`, "null"), at(`date_calc(ts, "1d")`, `error: time: unknown unit "d" in duration "1d"`)},
			Check: func(args []value.Value) error {
				if args[1].IsNull() {
					return nil
				}
				_, err := time.ParseDuration(args[1].Str())
				return err
			},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				t, err := local(c, args[0])
				if err != nil {
					return null, err
				}
				d, err := time.ParseDuration(args[1].String())
				return value.OfString(t.Add(d).Format(time.DateTime)), err
			}},
		{Name: "date_diff", Sig: "(t datetime, u datetime) -> int", Mark: 'B', NoLit: true,
			Doc:      param.T("The time from t to u in nanoseconds.", "从 t 到 u 的时间（纳秒）。"),
			Examples: []fn.Example{on(`[{"a":1000,"b":2000}]`, "date_diff(a, b)", "1000000000"), on(`[{"a":1000,"b":null}]`, "date_diff(a, b)", "null")},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				t, err := local(c, args[0])
				if err != nil {
					return null, err
				}
				u, err := local(c, args[1])
				return value.OfInt(u.Sub(t).Nanoseconds()), err
			}},
		{Name: "convert_tz", Sig: "(t datetime, zone string) -> datetime", Mark: 'C', NoLit: true,
			Doc: param.T(`t in another time zone, such as "Asia/Shanghai".`, `将 t 转换到另一时区，例如 "Asia/Shanghai"。`),
			Examples: []fn.Example{at(`convert_tz(ts, "Asia/Shanghai")`, `"2020-01-02T11:04:05.123+08:00"`), at(`convert_tz(none, "UTC")`, "null"),
				at(`convert_tz(ts, "Bad/Zone")`, "error: unknown time zone Bad/Zone")},
			NewEval: func() fn.EvalFunc {
				zone := last[*time.Location]{build: time.LoadLocation}
				return func(c *fn.Ctx, args []value.Value) (value.Value, error) {
					loc, err := zone.of(args[1])
					if err != nil {
						return null, err
					}
					t, err := local(c, args[0])
					return value.OfTime(t.In(loc)), err
				}
			}},
		{Name: "to_seconds", Sig: "(t datetime) -> int", Mark: 'C', NoLit: true,
			Doc:      param.T("t in seconds since 1970.", "t 距 1970 年的秒数。"),
			Examples: []fn.Example{at("to_seconds(ts)", "1577934245"), at("to_seconds(none)", "null")},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				t, err := local(c, args[0])
				return value.OfInt(t.Unix()), err
			}},
	}
}

// local is an argument as a time in the rule's zone.
func local(c *fn.Ctx, v value.Value) (time.Time, error) {
	loc := location(c)
	t, err := Time(v, loc)
	if err != nil {
		return t, err
	}
	return t.In(loc), nil
}

func intField(name string, mark byte, of func(time.Time) int, en, zh, want string, aliases ...string) *fn.Func {
	return &fn.Func{Name: name, Aliases: aliases, Sig: "(t datetime) -> int", Mark: mark, NoLit: true, Nulls: fn.SeesNull, Doc: param.T(en, zh),
		Examples: []fn.Example{at(name+"(ts)", want), at(name+"(none)", "error: unsupported type to convert to timestamp <nil>")},
		Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
			t, err := local(c, args[0])
			return value.OfInt(int64(of(t))), err
		}}
}

func textField(name string, mark byte, of func(time.Time) string, en, zh, want string) *fn.Func {
	return &fn.Func{Name: name, Sig: "(t datetime) -> string", Mark: mark, NoLit: true, Nulls: fn.SeesNull, Doc: param.T(en, zh),
		Examples: []fn.Example{at(name+"(ts)", `"`+want+`"`), at(name+"(none)", "error: unsupported type to convert to timestamp <nil>")},
		Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
			t, err := local(c, args[0])
			return value.OfString(of(t)), err
		}}
}

func calendar() []*fn.Func {
	return []*fn.Func{
		textField("day_name", 'B', func(t time.Time) string { return t.Weekday().String() }, "The name of the weekday.", "星期的英文名。", "Thursday"),
		textField("month_name", 'B', func(t time.Time) string { return t.Month().String() }, "The name of the month.", "月份的英文名。", "January"),
		textField("last_day", 'C', func(t time.Time) string {
			return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		}, "The last day of t's month.", "t 所在月份的最后一天。", "2020-01-31"),
		intField("month", 'B', func(t time.Time) int { return int(t.Month()) }, "The month, 1 to 12.", "月份，1 到 12。", "1"),
		intField("day", 'B', time.Time.Day, "The day of the month, from 1.", "月内第几天，从 1 开始。", "2", "day_of_month"),
		intField("day_of_week", 'B', func(t time.Time) int { return int(t.Weekday()) }, "The day of the week, Sunday being 0.", "星期几，星期日为 0。", "4"),
		intField("day_of_year", 'C', time.Time.YearDay, "The day of the year, from 1.", "年内第几天，从 1 开始。", "2"),
	}
}

func clockFields() []*fn.Func {
	return []*fn.Func{
		intField("hour", 'B', time.Time.Hour, "The hour, 0 to 23.", "小时，0 到 23。", "3"),
		intField("minute", 'B', time.Time.Minute, "The minute, 0 to 59.", "分钟，0 到 59。", "4"),
		intField("second", 'B', time.Time.Second, "The second, 0 to 59.", "秒，0 到 59。", "5"),
		intField("microsecond", 'C', func(t time.Time) int { return t.Nanosecond() / 1000 }, "The microseconds of the second.", "秒内的微秒数。", "123000"),
	}
}

func epochs() []*fn.Func {
	return []*fn.Func{
		{Name: "from_days", Sig: "(n int) -> string", Mark: 'C',
			Doc: param.T("The date of day n, day 1 being 1970-01-01.", "第 n 天的日期，第 1 天为 1970-01-01。"),
			Examples: []fn.Example{eg("from_days(5)", `"1970-01-05"`), eg("from_days(null)", "null"),
				on(`[{"x":1.5}]`, "from_days(x)", "error: expect int type but got float64(1.5)")},
			Eval: fn.Try1(func(n int64) (string, error) {
				if n < minDays || n > maxDays {
					return "", errors.New("from_days takes days of the years 0 to 9999")
				}
				return time.Unix((n-1)*86400, 0).UTC().Format(time.DateOnly), nil
			})},
		{Name: "from_unix_time", Sig: "(n int) -> string", Mark: 'C',
			Doc: param.T("Date and time n seconds after 1970.", "1970 年之后 n 秒的日期时间。"),
			Examples: []fn.Example{eg("from_unix_time(5)", `"1970-01-01 00:00:05"`), eg("from_unix_time(null)", "null"),
				on(`[{"x":1.5}]`, "from_unix_time(x)", "error: expect int type but got float64(1.5)")},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				n, err := fn.ToInt(args[0])
				if err == nil && (n < minDays*86400 || n > maxDays*86400) {
					err = errors.New("from_unix_time takes seconds of the years 0 to 9999")
				}
				if err != nil {
					return null, err
				}
				return value.OfString(time.Unix(n, 0).In(location(c)).Format(time.DateTime)), nil
			}},
	}
}

// The days from 1970 to the ends of the years 0 and 9999.
const minDays, maxDays = -719_526, 2_932_895
