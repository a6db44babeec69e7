package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/clients/logger"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/common"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"
)

func TestTheExampleAveragesHotReadings(t *testing.T) {
	functions, err := pipeline()
	if err != nil {
		t.Fatal(err)
	}
	ctx := pkg.NewAppFuncContextForTest("example", logger.NewMockClient())
	answered := make(chan bool, 1)
	send := func(temperature float64) bool {
		e := dtos.NewEvent("oven", "oven-1", "Temperature")
		if err := e.AddSimpleReading("Temperature", common.ValueTypeFloat64, temperature); err != nil {
			t.Error(err)
		}
		var data any = e
		for _, f := range functions {
			ok, out := f(ctx, data)
			if err, failed := out.(error); failed {
				t.Error(err)
			}
			if !ok {
				return false
			}
			data = out
		}
		return true
	}
	if send(20) {
		t.Error("a cold reading came through")
	}
	go func() { answered <- send(40) }() // it opens the window, so it returns at its end
	select {
	case ok := <-answered:
		if !ok {
			t.Fatal("no answer")
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the window did not end")
	}
	var got dtos.Event
	if err := json.Unmarshal(ctx.ResponseData(), &got); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, r := range got.Readings {
		values[r.ResourceName] = r.Value
	}
	if values["Temperature"] != "4e+01" || values["Fahrenheit"] != "1.04e+02" || values["Readings"] != "1" || got.DeviceName != "oven-1" {
		t.Errorf("answer %s", ctx.ResponseData())
	}
}
