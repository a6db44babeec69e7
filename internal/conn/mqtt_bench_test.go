package conn

import (
	"bytes"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/internal/testserver"
)

const benchPayload = `{"deviceId":"device-042","temperature":31.25,"humidity":64,"ts":1700000000000,"voltage":3.301,"seq":1234567}`

// cpu is the CPU time this process has used, in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkMQTT compares with paho as it comes: CPU seconds of this process
// for a million messages through mosquitto. Wall-clock time is the broker's.
func BenchmarkMQTT(b *testing.B) {
	broker := testserver.Mosquitto(b, "max_inflight_messages 0", "set_tcp_nodelay true")
	for qos := range byte(2) {
		for _, run := range []struct {
			name string
			f    func(b *testing.B, addr string, qos byte)
		}{
			{"publish/conn", publishConn}, {"publish/paho", publishPaho},
			{"subscribe/conn", subscribeConn}, {"subscribe/paho", subscribePaho},
		} {
			b.Run(fmt.Sprintf("%s/qos=%d", run.name, qos), func(b *testing.B) { run.f(b, broker.Addr, qos) })
		}
	}
}

func measured(b *testing.B, f func()) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	f()
	b.ReportMetric((cpu()-before)*1e6/float64(b.N), "cpu-s/M")
}

func publishConn(b *testing.B, addr string, qos byte) {
	c, release, err := MQTT(MQTTConfig{Server: addr}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	if err := c.Ping(b.Context()); err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	done := func(err error) {
		if err != nil {
			b.Error(err)
		}
		wg.Done()
	}
	measured(b, func() {
		wg.Add(b.N)
		for i := range b.N {
			if err := c.Queue(b.Context(), "bench", []byte(benchPayload), qos, false, done); err != nil {
				b.Fatal(err)
			}
			if i%32 == 0 {
				c.Flush()
			}
		}
		c.Flush()
		wg.Wait()
	})
}

func publishPaho(b *testing.B, addr string, qos byte) {
	c := benchPaho(b, addr)
	measured(b, func() {
		under := make(chan mqtt.Token, flightWindow)
		done := make(chan struct{})
		go func() {
			for token := range under {
				token.Wait()
			}
			close(done)
		}()
		for range b.N {
			under <- c.Publish("bench", qos, false, []byte(benchPayload))
		}
		close(under)
		<-done
	})
}

func subscribeConn(b *testing.B, addr string, qos byte) {
	c, release, err := MQTT(MQTTConfig{Server: addr}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	var n atomic.Int64
	all := make(chan struct{})
	if _, err := c.Subscribe("bench", qos, func(MQTTMessage) bool {
		if n.Add(1) == int64(b.N) {
			close(all)
		}
		return true
	}); err != nil {
		b.Fatal(err)
	}
	if err := c.Ping(b.Context()); err != nil {
		b.Fatal(err)
	}
	measured(b, func() { feed(b, addr, qos); <-all })
}

func subscribePaho(b *testing.B, addr string, qos byte) {
	c := benchPaho(b, addr)
	var n atomic.Int64
	all := make(chan struct{})
	c.Subscribe("bench", qos, func(mqtt.Client, mqtt.Message) {
		if n.Add(1) == int64(b.N) {
			close(all)
		}
	}).Wait()
	measured(b, func() { feed(b, addr, qos); <-all })
}

func benchPaho(b *testing.B, addr string) mqtt.Client {
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + addr))
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		b.Fatal(token.Error())
	}
	b.Cleanup(func() { c.Disconnect(100) })
	return c
}

// feed publishes b.N messages from another process.
func feed(b *testing.B, addr string, qos byte) {
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.Command("mosquitto_pub", "-p", port, "-t", "bench", "-q", fmt.Sprint(qos), "-l")
	cmd.Stdin = bytes.NewReader(bytes.Repeat([]byte(benchPayload+"\n"), b.N))
	if err := cmd.Start(); err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { _ = cmd.Wait() })
}
