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
func dial(ctx context.Context, u *url.URL, config *tls.Config, timeout time.Duration) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}
	switch u.Scheme {
	case "ws", "wss":
		v := *u
		v.User = nil
		return mqtt.NewWebsocket(v.String(), config, timeout, nil, &mqtt.WebsocketOptions{})
	case "unix":
		return d.DialContext(ctx, "unix", u.Host+u.Path)
	case "tcp", "mqtt":
		return d.DialContext(ctx, "tcp", u.Host)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, "tcp", u.Host)
}
