package appservice

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sources/edgex/wire"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// tap hands events that came by one of the SDK's triggers to the streams. They
// are found under the topic they have on a MessageBus:
//
//	CREATE STREAM all () WITH (TYPE="memory", DATASOURCE="edgex/events/device/#")
type tap struct {
	mu     sync.Mutex // the SDK calls from many goroutines
	decode *wire.Decoder
	space  *topic.Space
}

func newTap(space *topic.Space) *tap { return &tap{decode: wire.New(wire.Config{}), space: space} }

// take is the first function of the pipeline; the event goes on to the next.
func (t *tap) take(_ interfaces.AppFunctionContext, data any) (bool, any) {
	e, ok := data.(dtos.Event)
	if !ok {
		return false, errors.New("no event received")
	}
	b, err := json.Marshal(e)
	if err != nil {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	batch := row.Batch{Schema: &row.Schema{Open: true}}
	if err := t.decode.Decode(b, &batch); err != nil {
		return false, err
	}
	t.space.Publish(topic.Message{Topic: topicOf(&e), Batch: batch})
	return true, e
}

func topicOf(e *dtos.Event) string {
	return strings.Join([]string{"edgex/events/device", serviceKey, e.ProfileName, e.DeviceName, e.SourceName}, "/")
}
