// Package virtual plays EdgeX devices: it publishes the events that a device
// service would publish for devices of some profiles, with values that move in
// waves between the limits of each resource. The demo of `make run` reads them.
//
//	profiles, err := edgex.ReadDir("res/demo/profiles")
//	err = virtual.Run(ctx, func(topic string, payload []byte) error { return broker.Publish(topic, payload) }, profiles, clock.Wall)
package virtual

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/sinks/edgex/event"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

const (
	service          = "device-virtual" // the device service the topics speak of
	devicesOfProfile = 2
	interval         = time.Second // between two events of one device's source
)

// Run publishes until ctx ends or publish fails; it returns that error. There
// are two devices of each profile; each sends an event a second for each of its
// profile's read commands, or for each resource if there are none. Topics are
// EdgeX's: edgex/events/device/<service>/<profile>/<device>/<source>.
func Run(ctx context.Context, publish func(topic string, payload []byte) error, profiles []edgex.Profile, clk clock.Clock) error {
	sources := sourcesOf(profiles)
	if len(sources) == 0 {
		return errors.New("virtual devices: no profile has a readable resource")
	}
	for i := 0; ; i = (i + 1) % len(sources) {
		topic, payload, err := sources[i].message(clk.Now())
		if err != nil {
			return fmt.Errorf("virtual device %q: %w", sources[i].device, err)
		}
		if err := publish(topic, payload); err != nil {
			return fmt.Errorf("virtual device %q: %w", sources[i].device, err)
		}
		tick, stop := clk.After(interval / time.Duration(len(sources)))
		select {
		case <-tick:
		case <-ctx.Done():
			stop()
			return ctx.Err()
		}
	}
}

// source is what one event of a device is made of.
type source struct {
	device, profile, name string
	phase                 float64 // of all waves of the device, 0 to 1
	waves                 []wave
}

// sourcesOf goes round the devices, so that those of one profile do not send
// one after the other.
func sourcesOf(profiles []edgex.Profile) (all []source) {
	for n := range devicesOfProfile {
		for i := range profiles {
			p := &profiles[i]
			for _, s := range commands(p) {
				s.device = fmt.Sprintf("%s-%02d", strings.ToLower(p.Name), n+1)
				s.profile = p.Name
				s.phase = float64(n) / devicesOfProfile
				all = append(all, s)
			}
		}
	}
	return all
}

func commands(p *edgex.Profile) (all []source) {
	waves := map[string]wave{}
	for _, r := range p.DeviceResources {
		if strings.Contains(r.Properties.ReadWrite, "R") {
			waves[r.Name] = waveOf(&r)
		}
	}
	for _, c := range p.DeviceCommands {
		s := source{name: c.Name}
		for _, op := range c.ResourceOperations {
			if w, ok := waves[op.DeviceResource]; ok && strings.Contains(c.ReadWrite, "R") {
				s.waves = append(s.waves, w)
			}
		}
		if len(s.waves) > 0 {
			all = append(all, s)
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, r := range p.DeviceResources {
		if w, ok := waves[r.Name]; ok {
			all = append(all, source{name: r.Name, waves: []wave{w}})
		}
	}
	return all
}

func (s *source) message(now time.Time) (topic string, payload []byte, err error) {
	e := event.Event{ID: uuid.NewString(), Device: s.device, Profile: s.profile, Source: s.name, Origin: now.UnixNano()}
	for i := range s.waves {
		w := &s.waves[i]
		e.Readings = append(e.Readings, event.Reading{
			ID: uuid.NewString(), Resource: w.resource, ValueType: w.valueType, Units: w.units, Value: w.at(now, s.phase),
		})
	}
	request, err := e.AppendRequest(nil, uuid.NewString())
	if err != nil {
		return "", nil, err
	}
	topic = strings.Join([]string{"edgex/events/device", service, s.profile, s.device, s.name}, "/")
	return topic, event.AppendEnvelope(nil, request, event.JSON, uuid.NewString()), nil
}
