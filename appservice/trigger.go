package appservice

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	"github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap"
)

// trigger is the custom trigger "sluice". It delivers nothing: streams read the
// bus themselves, in order, and rules come and go at run time, which the SDK's
// pipelines cannot. It is there because the SDK must have one to run.
type trigger struct{}

func newTrigger(interfaces.TriggerConfig) (interfaces.Trigger, error) { return trigger{}, nil }

// Initialize implements interfaces.Trigger.
func (trigger) Initialize(*sync.WaitGroup, context.Context, <-chan interfaces.BackgroundMessage) (bootstrap.Deferred, error) {
	return nil, nil
}

// customConfig is the section Sluice as the SDK loads it and pushes it to the
// configuration provider. Its values are checked by package config.
type customConfig struct {
	Sluice map[string]any
	mask   bool // set when the SDK has pushed it: what GET /api/v3/config shows
}

// UpdateFromRaw implements interfaces.UpdatableConfig.
func (c *customConfig) UpdateFromRaw(raw any) bool {
	from, ok := raw.(*customConfig)
	if ok {
		c.Sluice = from.Sluice
	}
	return ok
}

// MarshalJSON is used for the push, and then for showing: only the second hides
// what may contain passwords.
func (c *customConfig) MarshalJSON() ([]byte, error) {
	shown := c.Sluice
	if c.mask {
		shown = make(map[string]any, len(c.Sluice))
		for k, v := range c.Sluice {
			if k != "Sources" && k != "Connections" {
				shown[k] = v
			}
		}
	}
	return json.Marshal(map[string]any{"Sluice": shown})
}
