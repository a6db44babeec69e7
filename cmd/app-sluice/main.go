// Command app-sluice is the EdgeX application service: streams, rules and
// their REST API.
//
//	app-sluice --configDir res --profile standalone
package main

import (
	"os"

	"github.com/edgesluice/sluice/appservice"
)

func main() { os.Exit(appservice.Main(os.Args, os.Stdout, os.Stderr)) }
