//go:build include_nats_messaging

package conn

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/edgexfoundry/go-mod-messaging/v3/messaging"
	"github.com/edgexfoundry/go-mod-messaging/v3/pkg/types"
)

// natsBus is a bus on NATS through EdgeX's own client, which knows the headers
// that stand for the envelope there. NATS reconnects by itself once it was
// there; until then the bus tries.
type natsBus struct {
	cfg types.MessageBusConfig
	log *slog.Logger
	ctx context.Context

	up       chan struct{} // closed when client is set
	mu       sync.Mutex
	client   messaging.MessageClient
	watchers map[*Status]Status
	err      error
}

func openNATS(cfg BusConfig, log *slog.Logger) (Bus, func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	optional := map[string]string{}
	for _, k := range optionalKeys { // EdgeX's client compares with case
		for name, v := range cfg.Optional {
			if strings.EqualFold(name, k) {
				optional[k] = v
			}
		}
	}
	b := &natsBus{
		cfg: types.MessageBusConfig{
			Broker: types.HostInfo{Host: cfg.Host, Port: cfg.Port, Protocol: cfg.Protocol}, Type: cfg.Type, Optional: optional,
		},
		log: log, ctx: ctx, up: make(chan struct{}), watchers: map[*Status]Status{},
	}
	go b.connect()
	return b, sync.OnceFunc(func() {
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.client != nil {
			b.client.Disconnect()
		}
	}), nil
}

func (b *natsBus) connect() {
	for pause := firstPause; b.ctx.Err() == nil; pause = min(2*pause, lastPause) {
		client, err := messaging.NewMessageClient(b.cfg)
		if err == nil {
			err = client.Connect()
		}
		b.note(client, err)
		if err == nil {
			close(b.up)
			return
		}
		select {
		case <-time.After(pause):
		case <-b.ctx.Done():
		}
	}
}

func (b *natsBus) note(client messaging.MessageClient, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	if err == nil {
		b.client = client
	}
	for s := range maps.Values(b.watchers) {
		b.tell(s)
	}
}

func (b *natsBus) tell(s Status) {
	switch {
	case b.client != nil:
		s.Connected()
	case b.err != nil:
		s.Disconnected(b.err)
	default:
		s.Connecting()
	}
}

func (b *natsBus) Watch(s Status) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := &s
	b.watchers[key] = s
	b.tell(s)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, key)
	}
}

func (b *natsBus) Ping(ctx context.Context) error {
	select {
	case <-b.up:
		return nil
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.err != nil {
			return b.err
		}
		return ctx.Err()
	}
}

// Subscribe delivers the content of envelopes, which the decoder takes as they
// are; the correlation id, a header in NATS, is lost.
func (b *natsBus) Subscribe(filter string, handle func(BusMessage)) (func(), error) {
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if b.Ping(ctx) != nil {
			return
		}
		messages, errs := make(chan types.MessageEnvelope), make(chan error, 16)
		if err := b.client.Subscribe([]types.TopicChannel{{Topic: filter, Messages: messages}}, errs); err != nil {
			b.note(nil, err)
			return
		}
		defer b.client.Unsubscribe(filter)
		for {
			select {
			case env := <-messages:
				handle(BusMessage{Topic: env.ReceivedTopic, Payload: env.Payload})
			case err := <-errs:
				b.log.Warn("nats message lost", "topic", filter, "error", err)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

func (b *natsBus) Publish(ctx context.Context, topic string, payload []byte) error {
	b.mu.Lock()
	client := b.client
	b.mu.Unlock()
	if client == nil {
		return ErrDown
	}
	var env types.MessageEnvelope
	if err := json.Unmarshal(payload, &env); err != nil {
		return fmt.Errorf("nats message is not an envelope: %w", err)
	}
	if err := client.Publish(env, topic); err != nil {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	return nil
}

func (b *natsBus) PublishAsync(ctx context.Context, topic string, payload []byte, done func(error)) error {
	done(b.Publish(ctx, topic, payload))
	return nil
}

// Flush and Drain have nothing to do: PublishAsync does not gather.
func (b *natsBus) Flush()                      {}
func (b *natsBus) Drain(context.Context) error { return nil }
