// Package config holds what the service can be told, typed, with the origin of
// every value. Later layers win: defaults, the file of the profile, the
// configuration provider or a mounted ConfigMap, the environment.
//
//	c, err := config.Load(config.Sources{File: "res/standalone/configuration.yaml", Environ: os.Environ()})
//	c.RestPort                       // 59720
//	c.Origin("Sluice.RestPort")      // "environment SLUICE_RESTPORT"
//	c.SourceDefaults("mqtt")         // {"server": "tcp://127.0.0.1:1883"}
//
// A Config does not change once it is loaded; a change makes a new one.
package config

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/edgesluice/sluice/sqlfn/param"
)

// Config is everything the service can be told.
type Config struct {
	RestIP      string
	RestPort    int
	KuiperPort  int // second listener with the same routes; 0: off
	RestCert    string
	RestKey     string
	DataDir     string
	EtcDir      string // Kuiper's etc folder with mqtt_source.yaml, sources/, connections/
	ConfigMap   string // mounted file or folder that is followed at run time
	Secrets     string // folder of secrets
	Timezone    string
	Location    *time.Location
	IgnoreCase  bool
	LogLevel    string
	Demo        bool
	DemoPort    int
	HTTPPush    HTTPPush
	Rule        map[string]any // options of rules that do not set them
	Pipeline    Pipeline
	Profiles    Profiles
	Service     Service
	Bus         Bus
	Registry    Registry
	TriggerType string
	PublishTo   string // Trigger.PublishTopic

	// Content declares streams, rules and more (package declared).
	Content map[string]any

	sources     map[string]any
	connections map[string]any
	insecure    map[string]any

	mounted  Mounted
	set      *param.Set
	settings map[string]*Setting // by key in lower case
	drivers  drivers
	warnings []string
}

// HTTPPush is where the httppush source listens.
type HTTPPush struct {
	IP   string
	Port int
}

// Pipeline is the function pipeline that runs under one of the SDK's own
// triggers.
type Pipeline struct {
	Order     string         // names of functions, in order
	Functions map[string]any // name -> parameters
}

// Profiles says of which device profiles and models there are streams.
type Profiles struct {
	CoreMetadata bool   // ask core-metadata and follow its events
	Folder       string // of EdgeX device profiles
	Models       string // folder of KubeEdge device models and devices
	Name         param.Template
	Include      []string
	Exclude      []string
	CatchAll     string // name of the stream with the events of all devices
	Every        time.Duration
}

// Service is the SDK's own web server.
type Service struct {
	Host, BindAddr string
	Port           int
}

// Registry is where services are registered, used with the flag -r.
type Registry struct {
	Host string
	Port int
}

// Bus is the EdgeX MessageBus.
type Bus struct {
	Disabled             bool
	Type, Protocol, Host string
	Port                 int
	AuthMode, Secret     string
	Prefix               string // base of all topics, edgex
	Optional             map[string]any
}

// Setting is one value and where it came from.
type Setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
	secret bool
}

// Params declares every key. A dot separates levels, as in the file.
func (c *Config) Params(p *param.Set) {
	c.declareSluice(p)
	p.String(&c.Service.Host, "Service.Host", "localhost", param.T("name under which other services reach this one", "其他服务访问本服务的主机名"))
	p.Int(&c.Service.Port, "Service.Port", 59721, param.T("port of the EdgeX routes /api/v3/..", "EdgeX 接口 /api/v3/.. 的端口"), port()...)
	p.String(&c.Service.BindAddr, "Service.ServerBindAddr", "", param.T("address to listen on instead of Service.Host", "监听地址，缺省为 Service.Host"))
	p.String(&c.LogLevel, "Writable.LogLevel", "INFO", param.T("TRACE, DEBUG, INFO, WARN or ERROR", "日志级别"), param.OneOf("TRACE", "DEBUG", "INFO", "WARN", "ERROR"))
	p.Object(&c.insecure, "Writable.InsecureSecrets", nil, param.T("secrets when there is no secret store", "无密钥库时的密钥"), param.Secret())
	p.String(&c.TriggerType, "Trigger.Type", "sluice", param.T("sluice, or one of the SDK's triggers: edgex-messagebus, external-mqtt, http", "触发器类型"))
	p.String(&c.PublishTo, "Trigger.PublishTopic", "", param.T("where the answer of Sluice.Pipeline goes", "流水线结果的主题"))
	p.String(&c.Registry.Host, "Registry.Host", "", param.T("host of the registry", "注册中心主机"))
	p.Int(&c.Registry.Port, "Registry.Port", 8500, param.T("port of the registry", "注册中心端口"), port()...)
	b := &c.Bus
	p.Bool(&b.Disabled, "MessageBus.Disabled", false, param.T("leave the SDK's own bus client out", "不使用 SDK 的总线客户端"))
	p.String(&b.Type, "MessageBus.Type", "mqtt", param.T("kind of bus", "总线类型"), param.OneOf("mqtt", "redis", "nats-core", "nats-jetstream"))
	p.String(&b.Protocol, "MessageBus.Protocol", "tcp", param.T("tcp, ssl, redis ...", "协议"))
	p.String(&b.Host, "MessageBus.Host", "", param.T("host of the bus", "总线主机"))
	p.Int(&b.Port, "MessageBus.Port", 1883, param.T("port of the bus", "总线端口"), port()...)
	p.String(&b.AuthMode, "MessageBus.AuthMode", "none", param.T("none, usernamepassword, clientcert or cacert", "认证方式"))
	p.String(&b.Secret, "MessageBus.SecretName", "", param.T("name of the secret with the credentials", "凭据的密钥名"))
	p.String(&b.Prefix, "MessageBus.BaseTopicPrefix", "edgex", param.T("first level of all topics", "主题前缀"))
	p.Object(&b.Optional, "MessageBus.Optional", nil, param.T("ClientId, Qos, KeepAlive ...", "客户端选项"))
}

func (c *Config) declareSluice(p *param.Set) {
	p.String(&c.RestIP, "Sluice.RestIP", "127.0.0.1", param.T("address the REST API listens on, 0.0.0.0 for all", "REST 监听地址"))
	p.Int(&c.RestPort, "Sluice.RestPort", 59720, param.T("port of the REST API", "REST 端口"), port()...)
	p.Int(&c.KuiperPort, "Sluice.KuiperPort", 0, param.T("second port of the REST API for Kuiper clients, 0 for none", "供 Kuiper 客户端使用的第二个端口，0 为关闭"), port()...)
	p.String(&c.RestCert, "Sluice.RestTLS.CertFile", "", param.T("certificate of the REST API", "REST 证书"))
	p.String(&c.RestKey, "Sluice.RestTLS.KeyFile", "", param.T("key of the certificate", "REST 证书私钥文件"))
	p.String(&c.DataDir, "Sluice.DataDir", "data", param.T("folder of streams, rules and state", "数据目录"))
	p.String(&c.EtcDir, "Sluice.EtcDir", "", param.T("folder with Kuiper's mqtt_source.yaml, sources/, connections/", "Kuiper 配置目录"))
	p.String(&c.ConfigMap, "Sluice.ConfigMap", "", param.T("mounted file or folder: its values win over the file, its streams, rules and models are made; followed", "挂载的文件或目录：其中的配置优先，其中的流、规则和模型会被创建，运行时跟踪"))
	p.String(&c.Secrets, "Sluice.SecretsFolder", "", param.T("folder with a folder for each secret and a file for each entry, as Kubernetes mounts them", "密钥目录：每个密钥一个目录，每个条目一个文件，与 Kubernetes 挂载方式相同"))
	p.Object(&c.Content, "Sluice.Content", nil, param.T("streams, tables, rules, confKeys, profiles, models ... as in files of the ConfigMap", "流、表、规则、confKeys、profiles、models 等，与 ConfigMap 文件相同"))
	p.String(&c.Timezone, "Sluice.Timezone", "Local", param.T("time zone of windows and date functions", "时区"))
	p.Bool(&c.IgnoreCase, "Sluice.IgnoreCase", false, param.T("column names match in any case", "列名不区分大小写"))
	p.Bool(&c.Demo, "Sluice.Demo", false, param.T("virtual devices on a broker inside the service", "内置演示"))
	p.Int(&c.DemoPort, "Sluice.DemoPort", 18830, param.T("port of that broker", "演示代理端口"), port()...)
	p.String(&c.HTTPPush.IP, "Sluice.HTTPPush.IP", "0.0.0.0", param.T("address the httppush source listens on", "httppush 监听地址"))
	p.Int(&c.HTTPPush.Port, "Sluice.HTTPPush.Port", 10081, param.T("port the httppush source listens on", "httppush 端口"), port()...)
	c.declareProfiles(p)
	p.Object(&c.Rule, "Sluice.Rule", nil, param.T("options of rules that do not set them: qos, bufferLength ...", "规则缺省选项"))
	p.Object(&c.sources, "Sluice.Sources", nil, param.T("conf keys by source: Sources.mqtt.default.server", "数据源配置"))
	p.Object(&c.connections, "Sluice.Connections", nil, param.T("shared connections: Connections.mqtt.cloud.server", "共享连接"))
	p.String(&c.Pipeline.Order, "Sluice.Pipeline.ExecutionOrder", "", param.T("functions to run, in order: Filter, Window, Project, SQL", "流水线函数顺序"))
	p.Object(&c.Pipeline.Functions, "Sluice.Pipeline.Functions", nil, param.T("parameters by function name", "流水线函数参数"))
}

func (c *Config) declareProfiles(p *param.Set) {
	f := &c.Profiles
	p.Bool(&f.CoreMetadata, "Sluice.Profiles.CoreMetadata", true, param.T("make a stream of each device profile that core-metadata has, and follow its changes", "为 core-metadata 中的每个设备配置文件建立流并跟踪其变化"))
	p.String(&f.Folder, "Sluice.Profiles.Folder", "", param.T("folder of device profiles (.yaml, .json) that become streams too; followed", "设备配置文件目录，其中每个文件也成为流，运行时跟踪"))
	p.String(&f.Models, "Sluice.Profiles.Models", "", param.T("folder of KubeEdge device models and devices, or deviceProfile.json; followed", "KubeEdge 设备模型和设备目录或 deviceProfile.json，运行时跟踪"))
	p.Template(&f.Name, "Sluice.Profiles.Name", "{{.Name}}", param.T("template of the streams' names: .Name .Manufacturer .Model .Labels .Kind", "流名称模板"))
	p.Strings(&f.Include, "Sluice.Profiles.Include", nil, param.T("patterns of profile names: press-*; none: all", "要建立流的名称模式，空为全部"))
	p.Strings(&f.Exclude, "Sluice.Profiles.Exclude", nil, param.T("patterns of profile names that get no stream", "不建立流的名称模式"))
	p.String(&f.CatchAll, "Sluice.Profiles.CatchAll", "", param.T("name of one stream with the events of all devices, for example edgex", "包含所有设备事件的流的名称，例如 edgex"))
	p.Duration(&f.Every, "Sluice.Profiles.Every", 10*time.Minute, param.T("how often core-metadata's list is read again", "重新读取 core-metadata 列表的间隔"), param.Min(1000))
	p.Check(f.check)
}

// check refuses patterns that match nothing.
func (f *Profiles) check() error {
	for _, pattern := range append(slices.Clone(f.Include), f.Exclude...) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("Sluice.Profiles: pattern %q: %w", pattern, err)
		}
	}
	return nil
}

func port() []param.Opt { return []param.Opt{param.Min(0), param.Max(65535)} }
