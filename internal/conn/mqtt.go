// Package conn holds the network clients that sources and sinks share.
//
//	client, release, err := conn.MQTT(conn.MQTTConfig{Server: "tcp://127.0.0.1:1883"}, log)
//	if err != nil { ... }
//	defer release()
//	defer client.Watch(status)()
//	stop, err := client.Subscribe("devices/+/state", 1, func(m conn.MQTTMessage) bool { ...; return true })
//	err = client.Publish(ctx, "alerts", []byte(`{"a":1}`), 1, false)
//
// A broker that is away is no error: clients connect in the background, again
// and again, and tell their watchers how it goes.
package conn

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// ErrDown is what publishing returns while the connection is away. Trying
// again later makes sense.
var ErrDown = errors.New("not connected")

// MQTTConfig says which broker to talk to and as whom.
type MQTTConfig struct {
	Server            string // tcp://host:1883; also ssl tls mqtts ws wss mqtt unix, or without scheme
	ClientID          string // "" makes a unique one, sluice-<random>
	Username          string
	Password          string
	Version           string // 3.1.1 (default) or 3.1
	TLS               TLS
	KeepAlive         time.Duration // 0: 30 s
	ConnectTimeout    time.Duration // 0: 5 s
	PersistentSession bool          // ask the broker to keep subscriptions and messages over a break; needs ClientID
	Name              string        // configurations with different names never share a connection
}

// Status is told how a connection goes; sources.Status and sinks.Status fit.
type Status interface {
	Connecting()
	Connected()
	Disconnected(err error)
}

// MQTTMessage is a received message. Payload is never written again.
type MQTTMessage struct {
	Topic     string
	Payload   []byte
	QoS       byte
	Retained  bool
	Duplicate bool
	ID        uint16 // packet identifier; 0 at qos 0

	link *mqttConn
	seq  uint64
}

// MQTTHandler takes the messages of one subscription, in order, one at a time.
// It may block: then the broker is not read from any more, and keep-alive goes
// on. It returns true when it is done with the message, which is then
// acknowledged to the broker; or false, then it calls Ack or Nack later, from
// any goroutine. Acknowledgements reach the broker in the order of arrival.
type MQTTHandler func(m MQTTMessage) (done bool)

// MQTTClient is a connection to a broker, shared by all who asked for the same
// MQTTConfig.
type MQTTClient struct{}

// MQTT returns the client for a configuration and a function that gives it
// back; the last one to do so closes it. It does not wait for the broker. An
// error means that the configuration cannot work.
func MQTT(cfg MQTTConfig, log *slog.Logger) (*MQTTClient, func(), error) { panic("soon") }

// Watch tells s the present state and every change, until the returned
// function is called.
func (c *MQTTClient) Watch(s Status) (stop func()) { panic("soon") }

// Subscribe hands messages that match the filter to handle until the returned
// function is called. It does not wait for the broker; the subscription is
// made again after every reconnect. Subscriptions of one client may overlap:
// each one gets each of its messages once.
func (c *MQTTClient) Subscribe(filter string, qos byte, handle MQTTHandler) (stop func(), err error) {
	panic("soon")
}

// Publish sends a message and waits until the broker has it (qos 1, 2) or
// until it is handed to the connection (qos 0). ErrDown: there is no
// connection.
func (c *MQTTClient) Publish(ctx context.Context, topic string, payload []byte, qos byte, retained bool) error {
	panic("soon")
}

// PublishAsync sends a message and calls done once, from another goroutine or
// before it returns, when the broker has it; done must not block. Messages
// reach the broker in the order of the calls. It blocks while too many are
// under way. When it returns an error done is not called. Messages under way
// while the connection breaks are sent again after the reconnect.
// The payload must not be written until done was called.
func (c *MQTTClient) PublishAsync(ctx context.Context, topic string, payload []byte, qos byte, retained bool, done func(error)) error {
	panic("soon")
}

// Ping waits until the client is connected; when ctx ends first it returns why
// it is not.
func (c *MQTTClient) Ping(ctx context.Context) error { panic("soon") }

// Ack tells the broker that the message is safe.
func (m MQTTMessage) Ack() { panic("soon") }

// Nack gives the message up without telling the broker, which then sends it
// again in a later session of a PersistentSession.
func (m MQTTMessage) Nack() { panic("soon") }

type mqttConn struct{}
