// Package testserver starts the real servers that tests talk to, on free
// loopback ports, and stops them when the test ends.
//
//	broker := testserver.Mosquitto(t)
//	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + broker.Addr))
//	broker.Stop(); ...; broker.Start()
//
// A server that is not installed skips the test; with SLUICE_TEST_SERVERS=all
// it fails the test.
package testserver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a server process.
type Server struct {
	Addr string // host:port
	Port int

	t            testing.TB
	argv         []string
	unprivileged bool // it refuses to be root
	mu           sync.Mutex
	cmd          *exec.Cmd
	out          *output
}

// output keeps what the server prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Mosquitto starts an MQTT broker; lines are added to its configuration.
func Mosquitto(t testing.TB, lines ...string) *Server {
	t.Helper()
	bin := find(t, "mosquitto", "/usr/sbin/mosquitto")
	port := freePort(t)
	conf := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", port)
	if os.Getuid() == 0 {
		conf += "user root\n" // else it gives up root's rights, and with them the test's folders
	}
	for _, l := range lines {
		conf += l + "\n"
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, port, bin, "-c", file)
}

// Redis starts a Redis server without persistence; args are added to its
// command line.
func Redis(t testing.TB, args ...string) *Server {
	t.Helper()
	bin := find(t, "redis-server")
	port := freePort(t)
	args = append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)
	return start(t, port, append([]string{bin}, args...)...)
}

func find(t testing.TB, names ...string) string {
	t.Helper()
	for _, n := range names {
		if bin, err := exec.LookPath(n); err == nil {
			return bin
		}
	}
	if os.Getenv("SLUICE_TEST_SERVERS") == "all" {
		t.Fatalf("%s is not installed", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// freePort finds a port below the range that the system gives to outgoing
// connections: those could take it between the test's look and the server's.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 15000 + rand.IntN(17000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port found")
	return 0
}

func start(t testing.TB, port int, argv ...string) *Server {
	t.Helper()
	s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), Port: port, t: t, argv: argv}
	t.Cleanup(s.Stop)
	s.Start()
	return s
}

// Start starts a stopped server again, on the same port, and waits until it
// takes connections.
func (s *Server) Start() {
	s.t.Helper()
	s.mu.Lock()
	s.out = &output{}
	s.cmd = exec.Command(s.argv[0], s.argv[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if s.unprivileged {
		s.cmd.SysProcAttr, s.cmd.Dir = unprivileged(s.t), "/"
	}
	err := s.cmd.Start()
	s.mu.Unlock()
	if err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(15 * time.Second); ; {
		c, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s does not answer on %s: %v\n%s", s.argv[0], s.Addr, err, s.out)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Stop ends the server and waits for it.
func (s *Server) Stop() {
	s.mu.Lock()
	cmd := s.cmd
	s.cmd = nil
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
	cmd.Wait()
	late.Stop()
}
