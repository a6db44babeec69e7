package demo

import (
	"log/slog"
	"net"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// broker is an MQTT broker inside the process.
type broker struct {
	server   *mqtt.Server
	listener net.Listener
}

// newBroker serves everybody who reaches the listener.
func newBroker(l net.Listener, log *slog.Logger) (*broker, error) {
	s := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(quiet{log.Handler()}), SysTopicResendInterval: 60})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return nil, err
	}
	if err := s.AddListener(listeners.NewNet("demo", l)); err != nil {
		return nil, err
	}
	if err := s.Serve(); err != nil {
		return nil, err
	}
	return &broker{s, l}, nil
}

// publish sends a message to all subscribers.
func (b *broker) publish(topic string, payload []byte) error {
	return b.server.Publish(topic, payload, false, 0)
}

// subscribe calls handle for messages that match the filter, one at a time.
func (b *broker) subscribe(filter string, id int, handle func(topic string, payload []byte)) error {
	return b.server.Subscribe(filter, id, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) {
		handle(pk.TopicName, pk.Payload)
	})
}

// close takes no more clients and parts with those there are. The library's own
// Close may wait for ever for a client that connects at the same moment.
func (b *broker) close() error {
	err := b.listener.Close()
	for _, c := range b.server.Clients.GetAll() {
		if !c.Net.Inline {
			c.Stop(packets.ErrServerShuttingDown)
		}
	}
	return err
}
