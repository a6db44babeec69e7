package conn

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// Bus is an EdgeX MessageBus: publish and subscribe by topics in MQTT's
// spelling (levels with /, wildcards + and #), whatever carries them.
//
//	bus, release, err := conn.OpenBus(conn.BusConfig{Type: "redis", Host: "edgex-redis"}, log)
//	defer release()
//	stop, err := bus.Subscribe("edgex/events/device/#", func(m conn.BusMessage) { ... })
type Bus interface {
	// Subscribe hands messages to handle, in order, one at a time, until the
	// returned function is called. It does not wait for the far side; the
	// subscription is made again after every reconnect.
	Subscribe(filter string, handle func(BusMessage)) (stop func(), err error)
	// Publish sends a message. ErrDown: there is no connection.
	Publish(ctx context.Context, topic string, payload []byte) error
	// PublishAsync takes a message and calls done once, possibly before it
	// returns; when it returns an error itself, done is not called. Messages
	// may gather until Flush.
	PublishAsync(ctx context.Context, topic string, payload []byte, done func(error)) error
	// Flush sends what PublishAsync gathered. Errors go to the done functions.
	Flush()
	// Drain waits until the bus has all messages taken so far.
	Drain(ctx context.Context) error
	// Watch tells s the present state and every change, until the returned
	// function is called.
	Watch(s Status) (stop func())
	// Ping waits until the bus answers or tells why it does not.
	Ping(ctx context.Context) error
}

// BusMessage is a received message. Payload is never written again. Ack, if
// there is one, must be called once: nil when the message is safe.
type BusMessage struct {
	Topic   string
	Payload []byte
	Ack     func(error)
}

// BusConfig says where a bus is and how to use it.
type BusConfig struct {
	Type     string // mqtt redis nats-core nats-jetstream
	Protocol string // empty: that of the type
	Host     string
	Port     int
	Optional map[string]string // the keys of EdgeX's MessageBus.Optional, lower case
}

// OpenBus returns a connection to a bus, shared where the carrier can share,
// and a function that gives it back. It does not wait for the far side.
func OpenBus(cfg BusConfig, log *slog.Logger) (Bus, func(), error) {
	o, err := cfg.options()
	if err != nil {
		return nil, nil, err
	}
	switch cfg.Type {
	case "mqtt":
		client, release, err := MQTT(cfg.mqtt(o), log)
		if err != nil {
			return nil, nil, err
		}
		return &mqttBus{client, o.qos, o.retained}, release, nil
	case "redis":
		client, release, err := Redis(cfg.redis(o), log)
		if err != nil {
			return nil, nil, err
		}
		return &redisBus{client}, release, nil
	case "nats-core", "nats-jetstream":
		return openNATS(cfg, log)
	}
	return nil, nil, fmt.Errorf("type %q is not a message bus, use mqtt, redis, nats-core or nats-jetstream", cfg.Type)
}

func (c BusConfig) mqtt(o busOptions) MQTTConfig {
	return MQTTConfig{
		Server:   c.address(),
		ClientID: o.clientID, Username: o.username, Password: o.password, TLS: o.tls,
		KeepAlive: o.keepAlive, ConnectTimeout: o.connectTimeout,
		PersistentSession: o.clientID != "" && !o.cleanSession,
	}
}

func (c BusConfig) redis(o busOptions) RedisConfig {
	return RedisConfig{
		Address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Username: o.username, Password: o.password,
		UseTLS: c.Protocol == "rediss" || c.Protocol == "ssl" || c.Protocol == "tls", TLS: o.tls, ConnectTimeout: o.connectTimeout,
	}
}

func (c BusConfig) address() string {
	return c.Protocol + "://" + net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}

// busOptions are the entries of Optional that we know.
type busOptions struct {
	clientID, username, password string
	qos                          byte
	retained, cleanSession       bool
	keepAlive, connectTimeout    time.Duration
	tls                          TLS
}

// optionalKeys are all the keys EdgeX documents, also those that only matter to
// another carrier: its common configuration lists them side by side.
var optionalKeys = strings.Fields(`ClientId Username Password Qos KeepAlive Retained CleanSession AutoReconnect ConnectTimeout
	SkipCertVerify CertFile KeyFile CaFile CertPEMBlock KeyPEMBlock CaPEMBlock ConnectionPayload AuthMode SecretName
	Format Durable Subject Deliver QueueGroup CredentialsFile NKeySeedFile RetryOnFailedConnect AutoProvision
	DefaultPubRetryAttempts ExactlyOnce Topic`)

func (c BusConfig) options() (o busOptions, err error) {
	o.cleanSession = true
	for key, text := range c.Optional {
		if text == "" {
			continue
		}
		if e := o.set(key, text); e != nil && err == nil {
			err = fmt.Errorf("optional %s %q: %w", key, text, e)
		}
	}
	return o, err
}

func (o *busOptions) set(key, text string) (err error) {
	switch key {
	case "clientid":
		o.clientID = text
	case "username":
		o.username = text
	case "password":
		o.password = text
	case "qos":
		var n uint64
		if n, err = strconv.ParseUint(text, 10, 8); err == nil && n > 2 {
			err = fmt.Errorf("the value could be only 0 or 1 or 2")
		}
		o.qos = byte(n)
	case "retained":
		o.retained, err = strconv.ParseBool(text)
	case "cleansession":
		o.cleanSession, err = strconv.ParseBool(text)
	case "skipcertverify":
		o.tls.Insecure, err = strconv.ParseBool(text)
	case "keepalive":
		o.keepAlive, err = seconds(text)
	case "connecttimeout":
		o.connectTimeout, err = seconds(text)
	case "certfile":
		o.tls.CertFile = text
	case "keyfile":
		o.tls.KeyFile = text
	case "cafile":
		o.tls.CAFile = text
	case "certpemblock":
		o.tls.CertRaw = text
	case "keypemblock":
		o.tls.KeyRaw = text
	case "capemblock":
		o.tls.CARaw = text
	}
	return err
}

// seconds reads a number of seconds, EdgeX's way, or a duration.
func seconds(text string) (time.Duration, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	return time.ParseDuration(text)
}

// BusParams binds the properties of a bus under the names that Kuiper's edgex
// source and sink have.
type BusParams struct {
	cfg      BusConfig
	server   string
	port     any
	optional map[string]any
}

// Params declares the properties.
func (b *BusParams) Params(p *param.Set) {
	p.String(&b.cfg.Type, "type", "mqtt", param.T("kind of the MessageBus", "消息总线的类型"), param.Connection(),
		param.OneOf("mqtt", "redis", "nats-core", "nats-jetstream", "zero"))
	p.String(&b.cfg.Protocol, "protocol", "", param.T("protocol of the address: tcp, ssl, ws, redis, rediss, nats", "地址的协议"), param.Connection())
	p.String(&b.cfg.Host, "host", "", param.T("host of the bus, wins over server", "消息总线主机，优先于 server"), param.Connection())
	p.String(&b.server, "server", "localhost", param.T("host of the bus", "消息总线主机"), param.Connection())
	p.Any(&b.port, "port", nil, param.T("port of the bus: 1883 for mqtt, 6379 for redis, 4222 for nats", "消息总线端口"), param.Connection())
	p.Object(&b.optional, "optional", nil, param.T("options of the bus client as in EdgeX: ClientId, Username, Password, Qos, ...", "与 EdgeX 相同的客户端选项"),
		param.Connection(), param.Secret())
	p.Check(b.bind)
}

// Config returns the bound configuration.
func (b *BusParams) Config() BusConfig { return b.cfg }

func (b *BusParams) bind() error {
	c := &b.cfg
	c.Type = strings.ToLower(c.Type)
	if c.Type == "zero" {
		return fmt.Errorf("invalid type zero: EdgeX gave up ZeroMQ, use mqtt, redis, nats-core or nats-jetstream")
	}
	if c.Host == "" {
		c.Host = b.server
	}
	protocol, port := "tcp", 1883
	switch c.Type {
	case "redis":
		protocol, port = "redis", 6379
	case "nats-core", "nats-jetstream":
		protocol, port = "nats", 4222
	}
	if scheme, rest, ok := strings.Cut(c.Host, "://"); ok {
		protocol, c.Host = scheme, rest
	}
	if c.Protocol == "" {
		c.Protocol = protocol
	}
	if host, p, err := net.SplitHostPort(c.Host); err == nil {
		c.Host = host
		b.port = p
	}
	var err error
	if c.Port, err = portOf(b.port, port); err != nil {
		return err
	}
	if err := b.bindOptional(); err != nil {
		return err
	}
	_, err = c.options()
	return err
}

func portOf(x any, def int) (int, error) {
	if x == nil || x == "" {
		return def, nil
	}
	n, err := strconv.Atoi(fmt.Sprint(x))
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("invalid port %v: the value must be from 1 to 65535", x)
	}
	return n, nil
}

func (b *BusParams) bindOptional() error {
	b.cfg.Optional = map[string]string{}
	for key, x := range b.optional {
		if !knownOption(key) {
			return fmt.Errorf("optional has no key %q, %s", key, orList(diag.DidYouMean(key, optionalKeys)))
		}
		if x != nil {
			b.cfg.Optional[strings.ToLower(key)] = fmt.Sprint(x)
		}
	}
	return nil
}

func knownOption(key string) bool {
	for _, k := range optionalKeys {
		if strings.EqualFold(k, key) {
			return true
		}
	}
	return false
}

func orList(hint string) string {
	if hint == "" {
		return "it has " + strings.Join(optionalKeys, ", ")
	}
	return hint
}

// mqttBus is a bus on an MQTT broker.
type mqttBus struct {
	*MQTTClient
	qos      byte
	retained bool
}

func (b *mqttBus) Subscribe(filter string, handle func(BusMessage)) (func(), error) {
	return b.MQTTClient.Subscribe(filter, b.qos, func(m MQTTMessage) bool {
		msg := BusMessage{Topic: m.Topic, Payload: m.Payload, Ack: m.Settle()}
		handle(msg)
		return msg.Ack == nil
	})
}

func (b *mqttBus) Publish(ctx context.Context, topic string, payload []byte) error {
	return b.MQTTClient.Publish(ctx, topic, payload, b.qos, b.retained)
}

func (b *mqttBus) PublishAsync(ctx context.Context, topic string, payload []byte, done func(error)) error {
	return b.Queue(ctx, topic, payload, b.qos, b.retained, done)
}
