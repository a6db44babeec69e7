package conn

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// parseServer reads a broker address. Its errors do not repeat the address,
// which may hold a password.
func parseServer(server string) (*url.URL, error) {
	if server == "" {
		return nil, fmt.Errorf("server is empty, write an address such as tcp://127.0.0.1:1883")
	}
	if !strings.Contains(server, "://") {
		server = "tcp://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("server is not an address such as tcp://127.0.0.1:1883")
	}
	port := ""
	switch u.Scheme {
	case "tcp", "mqtt":
		port = "1883"
	case "ssl", "tls", "mqtts", "mqtt+ssl", "tcps":
		port = "8883"
	case "ws", "wss":
		return u, nil
	case "unix":
		return u, nil
	default:
		return nil, fmt.Errorf("server has unknown scheme %q, use one of tcp, ssl, ws, wss", u.Scheme)
	}
	if u.Hostname() == "" {
		u.Host = "127.0.0.1" + u.Host
	}
	if u.Port() == "" {
		u.Host += ":" + port
	}
	return u, nil
}

// dial opens the connection to a broker: a socket, TLS or WebSocket over it.
// The socket is nil if it is out of reach.
func dial(ctx context.Context, u *url.URL, config *tls.Config, timeout time.Duration) (net.Conn, *socket, error) {
	switch u.Scheme {
	case "ws", "wss":
		v := *u
		v.User = nil
		c, err := mqtt.NewWebsocket(v.String(), config, timeout, nil, &mqtt.WebsocketOptions{})
		return c, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d := &net.Dialer{KeepAlive: 15 * time.Second}
	if u.Scheme == "unix" {
		c, err := d.DialContext(ctx, "unix", u.Host+u.Path)
		return c, nil, err
	}
	c, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, nil, err
	}
	sock := newSocket(c)
	if sock != nil {
		c = sock
	}
	if u.Scheme == "tcp" || u.Scheme == "mqtt" {
		return c, sock, nil
	}
	config = config.Clone()
	config.ServerName = u.Hostname()
	t := tls.Client(c, config)
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, nil, err
	}
	return t, sock, nil
}
