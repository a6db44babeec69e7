package appservice

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg"
	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/clients/logger"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/common"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"
	"github.com/google/go-cmp/cmp"

	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

func appContext() interfaces.AppFunctionContext {
	return pkg.NewAppFuncContextForTest("test", logger.NewMockClient())
}

// reading is resource, value type and value in one.
type reading struct {
	name, typ string
	val       any
}

func newEvent(t *testing.T, rs ...reading) dtos.Event {
	t.Helper()
	e := dtos.NewEvent("oven", "oven-1", "all")
	for _, r := range rs {
		switch r.typ {
		case common.ValueTypeBinary:
			e.AddBinaryReading(r.name, r.val.([]byte), "image/png")
		case common.ValueTypeObject:
			e.AddObjectReading(r.name, r.val)
		default:
			if err := e.AddSimpleReading(r.name, r.typ, r.val); err != nil {
				t.Fatal(err)
			}
		}
	}
	return e
}

// values shows readings as name:type=value.
func values(t *testing.T, x any) []string {
	t.Helper()
	e, ok := x.(dtos.Event)
	if !ok {
		t.Fatalf("got %T %v, want an event", x, x)
	}
	var out []string
	for _, r := range e.Readings {
		v := r.Value
		if r.ObjectValue != nil {
			b, _ := json.Marshal(r.ObjectValue)
			v = string(b)
		}
		if r.BinaryValue != nil {
			v = string(r.BinaryValue) + " " + r.MediaType
		}
		out = append(out, r.ResourceName+":"+r.ValueType+"="+v)
	}
	return out
}

func must(t *testing.T) func(fn interfaces.AppFunction, err error) interfaces.AppFunction {
	return func(fn interfaces.AppFunction, err error) interfaces.AppFunction {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return fn
	}
}

func TestFilterPassesTheEventUnchangedOrEndsThePipeline(t *testing.T) {
	e := newEvent(t, reading{"Temperature", common.ValueTypeFloat64, 31.5}, reading{"Spectrum", common.ValueTypeInt32Array, []int32{1, 2, 3}})
	for _, tt := range []struct {
		where string
		pass  bool
	}{
		{"Temperature > 30", true},
		{"Temperature > 32", false},
		{"Spectrum[2] = 3 AND cardinality(Spectrum) = 3", true},
		{"meta(deviceName) = 'oven-1'", true},
		{"meta(deviceName) = 'oven-2'", false},
		{"Missing > 1", false},
	} {
		ok, out := must(t)(Filter(tt.where))(appContext(), e)
		if ok != tt.pass {
			t.Errorf("%s: %v, want %v (%v)", tt.where, ok, tt.pass, out)
		}
		if ok {
			if diff := cmp.Diff(e, out); diff != "" {
				t.Errorf("%s changed the event: %s", tt.where, diff)
			}
		}
	}
}

func TestEveryValueTypeGoesThroughProjectUnchanged(t *testing.T) {
	for _, tt := range []struct {
		typ  string
		val  any
		want string
	}{
		{common.ValueTypeBool, true, "true"},
		{common.ValueTypeString, "a \"b\"", "a \"b\""},
		{common.ValueTypeUint8, uint8(255), "255"},
		{common.ValueTypeUint16, uint16(65535), "65535"},
		{common.ValueTypeUint32, uint32(math.MaxUint32), "4294967295"},
		{common.ValueTypeUint64, uint64(math.MaxUint64), "18446744073709551615"},
		{common.ValueTypeInt8, int8(-128), "-128"},
		{common.ValueTypeInt16, int16(-32768), "-32768"},
		{common.ValueTypeInt32, int32(math.MinInt32), "-2147483648"},
		{common.ValueTypeInt64, int64(math.MinInt64), "-9223372036854775808"},
		{common.ValueTypeFloat32, float32(1.5), "1.5e+00"},
		{common.ValueTypeFloat64, 0.25, "2.5e-01"},
		{common.ValueTypeFloat64, math.NaN(), "NaN"},
		{common.ValueTypeFloat64, math.Inf(-1), "-Inf"},
		{common.ValueTypeBoolArray, []bool{true, false}, "[true, false]"},
		{common.ValueTypeStringArray, []string{"a", "b"}, `["a","b"]`},
		{common.ValueTypeUint8Array, []uint8{0, 255}, "[0, 255]"},
		{common.ValueTypeUint64Array, []uint64{1, math.MaxUint64}, "[1, 18446744073709551615]"},
		{common.ValueTypeInt16Array, []int16{-1, 2}, "[-1, 2]"},
		{common.ValueTypeFloat32Array, []float32{1.5, -2}, "[1.5e+00, -2e+00]"},
		{common.ValueTypeFloat64Array, []float64{0.5}, "[5e-01]"},
		{common.ValueTypeBinary, []byte("\x01\x02"), "\x01\x02 image/png"},
		{common.ValueTypeObject, map[string]any{"a": map[string]any{"b": 1.0}}, `{"a":{"b":1}}`},
	} {
		t.Run(tt.typ, func(t *testing.T) {
			ok, out := must(t)(Project("x"))(appContext(), newEvent(t, reading{"x", tt.typ, tt.val}))
			if !ok {
				t.Fatalf("stopped: %v", out)
			}
			if got := values(t, out); len(got) != 1 || got[0] != "x:"+tt.typ+"="+tt.want {
				t.Errorf("got %q, want %q", got, "x:"+tt.typ+"="+tt.want)
			}
		})
	}
}

func TestProjectTypesWhatItComputes(t *testing.T) {
	e := newEvent(t, reading{"n", common.ValueTypeInt16, int16(300)}, reading{"u", common.ValueTypeUint8, uint8(200)},
		reading{"a", common.ValueTypeInt32Array, []int32{1, 2, 3}}, reading{"f", common.ValueTypeFloat32, float32(2)})
	ok, out := must(t)(Project("n * 1000 AS n, u + 1 AS u, a[0:2] AS a, f * 2 AS twice, n > 1 AS big, 'x' AS s, meta(deviceName) AS dev"))(appContext(), e)
	if !ok {
		t.Fatal(out)
	}
	want := []string{"a:Int32Array=[1, 2]", "big:Bool=true", "dev:String=oven-1", "n:Int64=300000", "s:String=x", "twice:Float64=4e+00", "u:Uint8=201"}
	if diff := cmp.Diff(want, values(t, out)); diff != "" {
		t.Error(diff)
	}
	got := out.(dtos.Event)
	if got.DeviceName != e.DeviceName || got.ProfileName != e.ProfileName || got.SourceName != e.SourceName || got.Origin != e.Origin || got.Id == e.Id {
		t.Errorf("the event's head is %+v", got)
	}
}

func TestFunctionsChain(t *testing.T) {
	pipeline := []interfaces.AppFunction{
		must(t)(Filter("T > 10")),
		must(t)(Window("COUNTWINDOW(2)", "avg(T) AS T, count(*) AS n")),
		must(t)(Project("T * 10 AS T, n")),
		respond,
	}
	ctx := appContext()
	run := func(v float64) (ok bool, data any) {
		data = newEvent(t, reading{"T", common.ValueTypeFloat64, v})
		for _, fn := range pipeline {
			if ok, data = fn(ctx, data); !ok {
				return false, data
			}
		}
		return true, data
	}
	for _, v := range []float64{5, 20, 7} {
		if ok, out := run(v); ok || out != nil {
			t.Errorf("%v came through: %v", v, out)
		}
	}
	ok, out := run(30)
	if !ok {
		t.Fatal(out)
	}
	if diff := cmp.Diff([]string{"T:Float64=2.5e+02", "n:Int64=2"}, values(t, out)); diff != "" {
		t.Error(diff)
	}
	var answer dtos.Event
	if err := json.Unmarshal(ctx.ResponseData(), &answer); err != nil || answer.Readings[0].Value != "2.5e+02" || ctx.ResponseContentType() != common.ContentTypeJSON {
		t.Errorf("answer %s %v", ctx.ResponseData(), err)
	}
}

func TestTheCallThatOpensAWindowOfTimeReturnsAtItsEnd(t *testing.T) {
	start := time.UnixMilli(1_000_000)
	v := clock.NewVirtual(start)
	f, err := newFunction("Window", windowQuery("TUMBLINGWINDOW(ss, 5)", "sum(T) AS T", []string{"meta(deviceName)"}), v)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		ok  bool
		out any
	}
	first := make(chan answer, 1)
	go func() {
		ok, out := f.query(appContext(), newEvent(t, reading{"T", common.ValueTypeFloat64, 1.0}))
		first <- answer{ok, out}
	}()
	eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.waiting })
	other := newEvent(t, reading{"T", common.ValueTypeFloat64, 5.0})
	other.DeviceName = "oven-2"
	for _, e := range []dtos.Event{newEvent(t, reading{"T", common.ValueTypeFloat64, 2.0}), other} {
		if ok, out := f.query(appContext(), e); ok || out != nil {
			t.Fatalf("a later call returned %v", out)
		}
	}
	now := start
	eventually(t, func() bool {
		now = now.Add(time.Second)
		v.Set(now)
		return len(first) == 1
	})
	got := <-first
	list, ok := got.out.([]dtos.Event)
	if !got.ok || !ok || len(list) != 2 {
		t.Fatalf("got %v", got)
	}
	sums := map[string]bool{}
	for _, e := range list {
		sums[values(t, e)[0]] = true
	}
	if !sums["T:Float64=3e+00"] || !sums["T:Float64=5e+00"] {
		t.Errorf("sums %v", sums)
	}
}

func TestFunctionsSayWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func() (interfaces.AppFunction, error)
		want string
	}{
		{"a condition that does not parse", func() (interfaces.AppFunction, error) { return Filter("T >") }, "function Filter"},
		{"an unknown function", func() (interfaces.AppFunction, error) { return Project("averag(T)") }, "averag"},
		{"a join", func() (interfaces.AppFunction, error) {
			return SQL("SELECT * FROM a INNER JOIN b ON a.x = b.x GROUP BY TUMBLINGWINDOW(ss, 1)")
		}, "cannot be joined"},
	} {
		if _, err := tt.make(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	filter := must(t)(Filter("T > 1"))
	for _, data := range []any{nil, []byte("x"), 5} {
		ok, out := filter(appContext(), data)
		if err, isErr := out.(error); ok || !isErr || !strings.Contains(err.Error(), "function Filter") {
			t.Errorf("%T: %v %v", data, ok, out)
		}
	}
}

func TestThePipelineOfTheConfigurationIsBuilt(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    config.Pipeline
		n    int
		err  string
	}{
		{"nothing", config.Pipeline{}, 0, ""},
		{"all four", config.Pipeline{Order: "FilterHot, Project,window,SQL", Functions: map[string]any{
			"FilterHot": map[string]any{"Where": "T > 1"}, "Project": map[string]any{"Fields": "T"},
			"Window": map[string]any{"Window": "COUNTWINDOW(2)", "Fields": "avg(T) AS T", "GroupBy": "meta(deviceName), a"},
			"SQL":    map[string]any{"Query": "SELECT * FROM e"}}}, 4, ""},
		{"no entry", config.Pipeline{Order: "Filter"}, 0, "no entry under Functions"},
		{"an unknown function", config.Pipeline{Order: "Sort", Functions: map[string]any{"Sort": map[string]any{}}}, 0, "must begin with Filter"},
		{"a missing parameter", config.Pipeline{Order: "Filter", Functions: map[string]any{"Filter": map[string]any{}}}, 0, "Where"},
		{"a misspelt parameter", config.Pipeline{Order: "Filter", Functions: map[string]any{"Filter": map[string]any{"Whre": "x"}}}, 0, `did you mean "Where"`},
		{"wrong SQL", config.Pipeline{Order: "Filter", Functions: map[string]any{"Filter": map[string]any{"Where": "(("}}}, 0, "function Filter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fns, err := configured(tt.p)
			switch {
			case tt.err == "" && err != nil:
				t.Fatal(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Fatalf("error %v, want %q", err, tt.err)
			case len(fns) != tt.n:
				t.Fatalf("%d functions, want %d", len(fns), tt.n)
			}
		})
	}
}

// eventually waits until cond holds.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !cond() {
		select {
		case <-deadline:
			t.Fatal("timed out")
		case <-time.After(2 * time.Millisecond):
		}
	}
}
