package appservice

import (
	"encoding/json"
	"errors"
	"reflect"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	"github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap/container"
	"github.com/edgexfoundry/go-mod-bootstrap/v3/di"
	"github.com/edgexfoundry/go-mod-configuration/v3/configuration"
)

// inside returns the container with the parts of the SDK. There is no method
// for it, but every context the SDK builds carries it in a public field.
func inside(svc interfaces.ApplicationService) (*di.Container, error) {
	ctx := reflect.Indirect(reflect.ValueOf(svc.BuildContext("", "")))
	if ctx.Kind() != reflect.Struct || !ctx.FieldByName("Dic").IsValid() {
		return nil, errors.New("the SDK's context has no container")
	}
	dic, ok := ctx.FieldByName("Dic").Interface().(*di.Container)
	if !ok {
		return nil, errors.New("the SDK's container has another type")
	}
	return dic, nil
}

// sdkConfiguration returns the SDK's configuration as a tree of plain values.
// The SDK itself shows it only by REST, behind a token in secure mode.
func sdkConfiguration(svc interfaces.ApplicationService) (map[string]any, error) {
	dic, err := inside(svc)
	if err != nil {
		return nil, err
	}
	cfg := container.ConfigurationFrom(dic.Get)
	if cfg == nil {
		return nil, errors.New("the SDK's container has no configuration")
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	return tree, json.Unmarshal(b, &tree)
}

// configClient returns the client of the configuration provider. The SDK's own
// way to listen for changes drops the first one it is told, which is a real
// one when the value changed while the service started.
func configClient(svc interfaces.ApplicationService) (configuration.Client, error) {
	dic, err := inside(svc)
	if err != nil {
		return nil, err
	}
	client := container.ConfigClientFrom(dic.Get)
	if client == nil {
		return nil, errors.New("the SDK has no client of the configuration provider")
	}
	return client, nil
}
