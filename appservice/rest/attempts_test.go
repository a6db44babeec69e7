package rest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
)

func TestConnectionsAreTriedInTheBackground(t *testing.T) {
	var a attempts
	release, tried := make(chan error), make(chan string, 10)
	try := func(_ context.Context, typ string, _ map[string]any) error {
		tried <- typ
		return <-release
	}
	now := time.UnixMilli(1_700_000_000_000)
	conn := catalog.Connection{ID: "c", Type: "mqtt"}
	for range 3 { // nobody waits, and one attempt at a time is enough
		if status, err := a.last(conn, now, try); status != "connecting" || err != "" {
			t.Errorf("at first: %s %s", status, err)
		}
	}
	<-tried
	release <- errors.New("refused")
	status, text := "", ""
	for deadline := time.Now().Add(5 * time.Second); status != "disconnected" && time.Now().Before(deadline); {
		status, text = a.last(conn, now, try)
	}
	if status != "disconnected" || text != "refused" {
		t.Errorf("after the attempt: %s %s", status, text)
	}
	select {
	case <-tried:
		t.Error("tried again at once")
	default:
	}
	a.last(conn, now.Add(attemptEvery), try)
	<-tried
	close(release)
	if status, _ := a.last(catalog.Connection{ID: "c", Type: "edgex"}, now, try); status != "connecting" {
		t.Errorf("a changed connection is %s", status)
	}
}
