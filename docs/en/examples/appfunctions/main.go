// Command appfunctions is an EdgeX application service of one's own whose
// pipeline is made of Sluice's functions: it reads device events from the
// MessageBus, keeps the hot ones, averages them per device over five seconds
// and publishes the averages as events to edgex/oven-averages.
//
//	cd docs/en/examples/appfunctions && EDGEX_SECURITY_SECRET_STORE=false go run .
//
// It needs an MQTT MessageBus on localhost:1883; see README.md beside it.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg"
	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"

	"github.com/edgesluice/sluice/appservice"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	service, ok := pkg.NewAppService("app-oven-averages")
	if !ok {
		return fmt.Errorf("the service did not start, its log says why")
	}
	functions, err := pipeline()
	if err != nil {
		return err
	}
	if err := service.SetDefaultFunctionsPipeline(functions...); err != nil {
		return err
	}
	return service.Run()
}

// pipeline compiles the SQL once, when the service starts.
func pipeline() ([]interfaces.AppFunction, error) {
	hot, err := appservice.Filter("Temperature > 30")
	if err != nil {
		return nil, err
	}
	average, err := appservice.Window("TUMBLINGWINDOW(ss, 5)",
		"avg(Temperature) AS Temperature, count(*) AS Readings", "meta(deviceName)")
	if err != nil {
		return nil, err
	}
	fahrenheit, err := appservice.Project("Temperature, Temperature * 1.8 + 32 AS Fahrenheit, Readings")
	if err != nil {
		return nil, err
	}
	return []interfaces.AppFunction{hot, average, fahrenheit, publish}, nil
}

// publish makes the result the answer of the pipeline: the SDK sends it to
// Trigger.PublishTopic.
func publish(ctx interfaces.AppFunctionContext, data any) (bool, any) {
	answer, err := json.Marshal(data)
	if err != nil {
		return false, err
	}
	ctx.SetResponseData(answer)
	return true, data
}
