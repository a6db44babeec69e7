package appservice

// What the service can read, write and decode.
import (
	_ "github.com/edgesluice/sluice/sinks/all"
	_ "github.com/edgesluice/sluice/sources/all"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
)
