package appservice

import (
	_ "github.com/edgesluice/sluice/sinks/edgex"
	_ "github.com/edgesluice/sluice/sinks/file"
	_ "github.com/edgesluice/sluice/sinks/mqtt"
	_ "github.com/edgesluice/sluice/sources/edgex"
	_ "github.com/edgesluice/sluice/sources/file"
	_ "github.com/edgesluice/sluice/sources/mqtt"
	_ "github.com/edgesluice/sluice/sources/simulator"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
)
