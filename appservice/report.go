package appservice

import (
	"github.com/edgesluice/sluice/appservice/autostream"
	"github.com/edgesluice/sluice/appservice/metrics"
)

// profilesReport is what GET / says of device profiles.
type profilesReport struct {
	autostream.Report
	CoreMetadata *autostream.LinkState `json:"coreMetadata,omitempty"`
}

// report is what GET / shows of the service beside Kuiper's members: nothing of
// what is neither configured nor there.
func (s *service) report() map[string]any {
	cfg, all := s.cfg.Load(), map[string]any{}
	p := profilesReport{Report: s.engine.streams.Report(autostream.EdgeX)}
	if s.listed() {
		state := s.link.Load().State()
		p.CoreMetadata = &state
	}
	if s.listed() || cfg.Profiles.Folder != "" || !p.Empty() {
		all["deviceProfiles"] = p
	}
	if m := s.engine.streams.Report(autostream.KubeEdge); cfg.Profiles.Models != "" || !m.Empty() {
		all["deviceModels"] = m
	}
	if cfg.ConfigMap != "" || len(cfg.Content) > 0 {
		r := s.engine.declared.Report()
		r.Problems = append(r.Problems, cfg.Mounted().Problems...)
		all["configMap"] = r
	}
	return all
}

// gauges are what GET /metrics shows of the service.
func (s *service) gauges() []metrics.Gauge {
	r := s.engine.streams.Report(autostream.EdgeX)
	all := []metrics.Gauge{
		{Name: "sluice_device_profile_streams", Help: "Streams made of device profiles.", Value: float64(r.Streams)},
		{Name: "sluice_device_profile_problems", Help: "Device profiles or resources that could not become streams or columns.", Value: float64(len(r.Problems))},
	}
	m := s.engine.streams.Report(autostream.KubeEdge)
	all = append(all,
		metrics.Gauge{Name: "sluice_device_model_streams", Help: "Streams made of KubeEdge device models.", Value: float64(m.Streams)},
		metrics.Gauge{Name: "sluice_device_model_problems", Help: "KubeEdge device models or properties that could not become streams or columns.", Value: float64(len(m.Problems))})
	if cfg := s.cfg.Load(); cfg.ConfigMap != "" || len(cfg.Content) > 0 {
		r := s.engine.declared.Report()
		all = append(all,
			metrics.Gauge{Name: "sluice_configmap_entries", Help: "Streams, rules and others that the ConfigMap declares.", Value: float64(r.Entries)},
			metrics.Gauge{Name: "sluice_configmap_problems", Help: "Files and entries of the ConfigMap that are not in force.", Value: float64(len(r.Problems) + len(cfg.Mounted().Problems))})
	}
	if s.listed() {
		up := 0.0
		if s.link.Load().State().State == autostream.Connected {
			up = 1
		}
		all = append(all, metrics.Gauge{Name: "sluice_core_metadata_up", Help: "1 if core-metadata answered when it was last asked.", Value: up})
	}
	return all
}
