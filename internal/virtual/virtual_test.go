package virtual

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos/requests"
	"github.com/edgexfoundry/go-mod-messaging/v3/pkg/types"

	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/sources/edgex/wire"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

type message struct {
	topic   string
	payload []byte
}

var errEnough = errors.New("enough")

// play returns the events of some seconds.
func play(t *testing.T, profiles []edgex.Profile, seconds int) (all []message) {
	t.Helper()
	clk := clock.NewVirtual(time.UnixMilli(1_700_000_000_000))
	end := clk.Now().Add(time.Duration(seconds) * time.Second)
	err := Run(t.Context(), func(topic string, payload []byte) error {
		all = append(all, message{topic, payload})
		if !clk.Now().Before(end) {
			return errEnough
		}
		return nil
	}, profiles, advancing{clk})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	return all
}

// advancing is a clock that moves on whenever somebody waits for it.
type advancing struct{ *clock.Virtual }

func (a advancing) After(d time.Duration) (<-chan time.Time, func()) {
	tick, stop := a.Virtual.After(d)
	a.Set(a.Now().Add(d))
	return tick, stop
}

func demoProfiles(t *testing.T) []edgex.Profile {
	t.Helper()
	ps, err := edgex.ReadDir("../../res/demo/profiles")
	if err != nil || len(ps) < 2 {
		t.Fatal(len(ps), err)
	}
	return ps
}

func TestTheDemoPublishesEventsThatEdgeXAccepts(t *testing.T) {
	profiles := demoProfiles(t)
	byName := map[string]*edgex.Profile{}
	for i := range profiles {
		byName[profiles[i].Name] = &profiles[i]
	}
	devices := map[string]int{}
	all := play(t, profiles, 20)
	for _, m := range all {
		var env types.MessageEnvelope
		var req requests.AddEventRequest
		if err := json.Unmarshal(m.payload, &env); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(env.Payload, &req); err != nil {
			t.Fatalf("%v: %s", err, env.Payload)
		}
		e := req.Event
		if want := "edgex/events/device/device-virtual/" + e.ProfileName + "/" + e.DeviceName + "/" + e.SourceName; m.topic != want {
			t.Fatalf("topic %s, want %s", m.topic, want)
		}
		if len(e.Readings) != len(byName[e.ProfileName].DeviceResources) {
			t.Fatalf("%d readings of %s", len(e.Readings), e.ProfileName)
		}
		devices[e.DeviceName]++
	}
	if len(devices) != 4 || devices["press-line-01"] < 20 || len(all) > 85 {
		t.Errorf("events of each device in 20 s: %v", devices)
	}
}

func TestTheDemoCrossesItsThresholdsWithinTenSeconds(t *testing.T) {
	var hot, cold int
	schema := &row.Schema{Open: true}
	d := wire.New(wire.Config{Schema: schema})
	for _, m := range play(t, demoProfiles(t), 10) {
		var b row.Batch
		if err := d.Decode(m.payload, &b); err != nil {
			t.Fatal(err)
		}
		r := b.Rows[0]
		temp, ok := r.Rest.Lookup("Temperature")
		if !ok {
			continue
		}
		if temp.Float() > 60 {
			hot++
		} else {
			cold++
		}
		vibration, _ := r.Rest.Lookup("Vibration")
		spectrum, _ := r.Rest.Lookup("Spectrum")
		running, _ := r.Rest.Lookup("Running")
		pressure, _ := r.Rest.Lookup("Pressure")
		if vibration.Kind() != value.Floats || vibration.Len() != 32 || spectrum.Kind() != value.Ints || spectrum.Len() != 16 ||
			running.Kind() != value.Bool || pressure.Kind() != value.Int || temp.Float() < 20 || temp.Float() > 90 {
			t.Fatalf("row %v", r.Rest)
		}
	}
	if hot < 3 || cold < 3 {
		t.Errorf("%d above 60 degrees, %d not", hot, cold)
	}
}

func TestEveryValueTypeCanBePlayed(t *testing.T) {
	var p edgex.Profile
	p.Name = "all"
	for _, typ := range strings.Fields("Bool String Int8 Uint8 Int64 Uint64 Float32 Float64 Binary Object BoolArray StringArray Int8Array Uint64Array Float32Array") {
		p.DeviceResources = append(p.DeviceResources, edgex.Resource{Name: typ, Properties: edgex.ResourceProperties{ValueType: typ, ReadWrite: "R"}})
	}
	d := wire.New(wire.Config{Warn: func(w wire.Warning) { t.Error(w) }})
	seen := map[string]bool{}
	for _, m := range play(t, []edgex.Profile{p}, 3) {
		var b row.Batch
		if err := d.Decode(m.payload, &b); err != nil {
			t.Fatal(err)
		}
		seen[b.Rows[0].Rest.Members()[0].Name] = true
	}
	if len(seen) != len(p.DeviceResources) {
		t.Errorf("only %v", seen)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Run(ctx, func(string, []byte) error { n++; cancel(); return nil }, demoProfiles(t), clock.Wall)
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%v after %d events", err, n)
	}
	if err := Run(t.Context(), nil, nil, clock.Wall); err == nil {
		t.Error("no profiles, no error")
	}
}
