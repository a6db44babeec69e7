package conn

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/edgesluice/sluice/internal/testserver"
)

// pair is a certificate and its key, PEM.
type pair struct{ cert, key string }

// issue makes a certificate; a nil signer makes a certificate authority.
func issue(t *testing.T, name string, signer *pair) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: signer == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, parentKey := c, key
	if signer != nil {
		block, _ := pem.Decode([]byte(signer.cert))
		keyBlock, _ := pem.Decode([]byte(signer.key))
		if parent, err = x509.ParseCertificate(block.Bytes); err != nil {
			t.Fatal(err)
		}
		if parentKey, err = x509.ParseECPrivateKey(keyBlock.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{
		cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		key:  string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})),
	}
}

func (p *pair) files(t *testing.T) (cert, key string) {
	return writeFile(t, "cert.pem", p.cert), writeFile(t, "key.pem", p.key)
}

func TestTLSConnectionsAreCheckedOnBothSides(t *testing.T) {
	ca, stranger := issue(t, "test CA", nil), issue(t, "other CA", nil)
	server, client, other := issue(t, "127.0.0.1", ca), issue(t, "client", ca), issue(t, "client", stranger)
	caFile, _ := ca.files(t)
	serverCert, serverKey := server.files(t)
	clientCert, clientKey := client.files(t)
	tlsLines := []string{"cafile " + caFile, "certfile " + serverCert, "keyfile " + serverKey}
	open := testserver.Mosquitto(t, tlsLines...)
	mutual := testserver.Mosquitto(t, append(tlsLines, "require_certificate true")...)
	for _, tt := range []struct {
		name   string
		broker *testserver.Server
		scheme string
		tls    TLS
		err    string
	}{
		{"right CA from a file", open, "ssl", TLS{CAFile: caFile}, ""},
		{"right CA as PEM", open, "tls", TLS{CARaw: ca.cert}, ""},
		{"right CA as base64 of PEM", open, "mqtts", TLS{CARaw: base64.StdEncoding.EncodeToString([]byte(ca.cert))}, ""},
		{"no verification", open, "ssl", TLS{Insecure: true}, ""},
		{"newest version", open, "ssl", TLS{CAFile: caFile, MinVersion: "tls1.3"}, ""},
		{"wrong CA", open, "ssl", TLS{CARaw: stranger.cert}, "certificate signed by unknown authority"},
		{"no CA", open, "ssl", TLS{}, "certificate signed by unknown authority"},
		{"no TLS", open, "tcp", TLS{}, "EOF|reset"},
		{"client certificate from files", mutual, "ssl", TLS{CAFile: caFile, CertFile: clientCert, KeyFile: clientKey}, ""},
		{"client certificate as PEM", mutual, "ssl", TLS{CAFile: caFile, CertRaw: client.cert, KeyRaw: client.key}, ""},
		{"no client certificate", mutual, "ssl", TLS{CAFile: caFile}, "certificate required|reset"},
		{"client certificate of a stranger", mutual, "ssl", TLS{CAFile: caFile, CertRaw: other.cert, KeyRaw: other.key}, "unknown certificate authority|reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tries(t, MQTTConfig{Server: tt.scheme + "://" + tt.broker.Addr, TLS: tt.tls}, tt.err)
		})
	}
}

// tries connects, subscribes and publishes; want is a pattern of the error, ""
// for success. It returns what was logged.
func tries(t *testing.T, cfg MQTTConfig, want string) string {
	t.Helper()
	var text lines
	c, release, err := MQTT(cfg, slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	states := &recorder{}
	defer c.Watch(states)()
	if want != "" {
		eventually(t, "no error", func() bool {
			all := states.all()
			return strings.HasPrefix(all[len(all)-1], "disconnected: ")
		})
		if all := states.all(); !regexp.MustCompile(want).MatchString(all[len(all)-1]) {
			t.Fatalf("%s, want %q", all[len(all)-1], want)
		}
		return text.String()
	}
	box := newInbox()
	if _, err := c.Subscribe("there/and/back", 1, box.handle); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Publish(ctx, "there/and/back", []byte("hello"), 1, false); err != nil {
		t.Fatal(err)
	}
	same(t, box.wait(t, 1), []string{"hello"})
	return text.String()
}

// lines is a buffer for log lines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestPasswordsAreAskedForAndNeverShown(t *testing.T) {
	file := writeFile(t, "passwd", "")
	if out, err := exec.Command("mosquitto_passwd", "-b", file, "ann", "s3cr3t-word").CombinedOutput(); err != nil {
		t.Skipf("mosquitto_passwd: %v %s", err, out)
	}
	broker := testserver.Mosquitto(t, "password_file "+file, "allow_anonymous false")
	for _, tt := range []struct {
		name, server, user, password, err string
	}{
		{"right password", broker.Addr, "ann", "s3cr3t-word", ""},
		{"right password in the address", "tcp://ann:s3cr3t-word@" + broker.Addr, "", "", ""},
		{"wrong password", broker.Addr, "ann", "s3cr3t-work", "not Authorized"},
		{"wrong password in the address", "tcp://ann:s3cr3t-work@" + broker.Addr, "", "", "not Authorized"},
		{"no password", broker.Addr, "", "", "not Authorized"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logged := tries(t, MQTTConfig{Server: tt.server, Username: tt.user, Password: tt.password}, tt.err)
			if strings.Contains(logged, "s3cr3t") || !strings.Contains(logged, broker.Addr) {
				t.Errorf("the log must name the broker and no password:\n%s", logged)
			}
		})
	}
}

func TestWebSocketConnections(t *testing.T) {
	ca := issue(t, "test CA", nil)
	server := issue(t, "127.0.0.1", ca)
	cert, err := tls.X509KeyPair([]byte(server.cert), []byte(server.key))
	if err != nil {
		t.Fatal(err)
	}
	broker := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	defer broker.Close()
	plain := listeners.NewWebsocket(listeners.Config{ID: "ws", Address: freeAddr(t)})
	secure := listeners.NewWebsocket(listeners.Config{ID: "wss", Address: freeAddr(t),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err := errors.Join(broker.AddHook(new(gate), nil), broker.AddListener(plain), broker.AddListener(secure), broker.Serve()); err != nil {
		t.Fatal(err)
	}
	tries(t, MQTTConfig{Server: "ws://" + plain.Address() + "/mqtt"}, "")
	tries(t, MQTTConfig{Server: "wss://" + secure.Address(), TLS: TLS{CARaw: ca.cert}}, "")
	tries(t, MQTTConfig{Server: "wss://" + secure.Address()}, "certificate signed by unknown authority")
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestUnixSocketConnections(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "mqtt.sock")
	testserver.Mosquitto(t, "listener 0 "+socket)
	if _, err := os.Stat(socket); err != nil {
		t.Skip("this mosquitto has no unix sockets:", err)
	}
	tries(t, MQTTConfig{Server: "unix://" + socket}, "")
}
