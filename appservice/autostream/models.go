package autostream

import (
	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/devicemodel/kubeedge"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// DeviceModels are those of the streams of KubeEdge device models.
func DeviceModels(models []devicemodel.Model) []Model {
	all := make([]Model, len(models))
	for i := range models {
		all[i] = DeviceModel(&models[i])
	}
	return all
}

// DeviceModel is the model of the stream of a KubeEdge device model: its
// properties, behind the device they are of and the time of the twin, which is
// the event time too. A property of one of these names wins.
func DeviceModel(m *devicemodel.Model) Model {
	o := kubeedge.Options(m.Name)
	with := *m
	with.Properties = nil
	if m.Property("deviceId") == nil {
		with.Properties = append(with.Properties, devicemodel.Property{Name: "deviceId", Type: value.Type{Kind: value.String}, Readable: true,
			Description: "device as topics name it"})
	}
	if m.Property("timestamp") == nil {
		o.Timestamp = "timestamp"
		with.Properties = append(with.Properties, devicemodel.Property{Name: "timestamp", Type: value.Type{Kind: value.Int}, Unit: "ms", Readable: true,
			Description: "when the values were taken"})
	}
	with.Properties = append(with.Properties, m.Properties...)
	return Model{Kind: KubeEdge, Model: with, Options: o}
}
