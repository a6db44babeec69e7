package appservice

import (
	"io"

	"github.com/edgesluice/sluice/appservice/config"
)

// output is where the log goes.
func (s *service) output(cfg *config.Config) (io.Writer, error) { return s.stdout, nil }
