// Package all registers every source. Programs import it for that effect.
package all

import (
	_ "github.com/edgesluice/sluice/sources/edgex"
	_ "github.com/edgesluice/sluice/sources/file"
	_ "github.com/edgesluice/sluice/sources/httppull"
	_ "github.com/edgesluice/sluice/sources/httppush"
	_ "github.com/edgesluice/sluice/sources/kubeedge"
	_ "github.com/edgesluice/sluice/sources/memory"
	_ "github.com/edgesluice/sluice/sources/mqtt"
	_ "github.com/edgesluice/sluice/sources/redis"
	_ "github.com/edgesluice/sluice/sources/simulator"
	_ "github.com/edgesluice/sluice/sources/sql"
)
