//go:build !include_nats_messaging

package conn

import (
	"errors"
	"log/slog"
)

func openNATS(BusConfig, *slog.Logger) (Bus, func(), error) {
	return nil, nil, errors.New("this build has no NATS, build with -tags include_nats_messaging")
}
