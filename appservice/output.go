package appservice

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/edgesluice/sluice/appservice/config"
)

// output is where the log goes. In the demonstration it is a file, the SDK's
// lines included, so that the terminal shows results.
func (s *service) output(cfg *config.Config) (io.Writer, error) {
	if !cfg.Demo {
		return s.stdout, nil
	}
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return nil, fmt.Errorf("Sluice.DataDir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(cfg.DataDir, "sluice.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, fmt.Errorf("log of the demonstration: %w", err)
	}
	os.Stdout = f // the SDK's logger writes there; ours and the results have their own writers
	return f, nil
}
