// Package all registers every sink. Programs import it for that effect.
package all

import (
	_ "github.com/edgesluice/sluice/sinks/edgex"
	_ "github.com/edgesluice/sluice/sinks/file"
	_ "github.com/edgesluice/sluice/sinks/kubeedge"
	_ "github.com/edgesluice/sluice/sinks/log"
	_ "github.com/edgesluice/sluice/sinks/memory"
	_ "github.com/edgesluice/sluice/sinks/mqtt"
	_ "github.com/edgesluice/sluice/sinks/nop"
	_ "github.com/edgesluice/sluice/sinks/rest"
)
