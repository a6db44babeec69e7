package edgex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sources/sourcetest"
)

// The exam is on Redis, which tells how many listen; the MQTT client has its
// own exam.
func TestExam(t *testing.T) {
	server := testserver.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { client.Close() })
	sourcetest.Run(t, sourcetest.Exam{
		Driver:     "edgex",
		Props:      map[string]any{"type": "redis", "server": "127.0.0.1", "port": server.Port},
		Datasource: "edgex/events/device/#",
		Bad: []sourcetest.Refusal{
			{Props: map[string]any{"type": "zero"}, Want: "ZeroMQ"},
			{Props: map[string]any{"optional": map[string]any{"Pasword": "x"}}, Want: `did you mean "Password"?`},
		},
		Feed: func(text string) error {
			var row struct{ N json.Number }
			if err := json.Unmarshal([]byte(text), &row); err != nil {
				return err
			}
			event := fmt.Sprintf(`{"deviceName":"d","profileName":"p","sourceName":"n","readings":[{"resourceName":"n","valueType":"Int64","value":"%s"}]}`, row.N)
			listeners, err := client.Publish(context.Background(), "edgex.events.device.d", event).Result()
			if err == nil && listeners == 0 {
				err = errors.New("nobody listens")
			}
			return err
		},
		Break: server.Stop, Mend: server.Start,
	})
}
