package conn

import (
	"fmt"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// MQTTParams are the properties by which sources and sinks name a broker.
type MQTTParams struct {
	server   string
	servers  []string
	version  any
	selector string
	cfg      MQTTConfig
	clean    bool
}

// Params declares the properties. server is the default address; without one
// the property is required.
func (m *MQTTParams) Params(p *param.Set, server string) {
	opts := []param.Opt{param.Connection()}
	if server == "" {
		opts = append(opts, param.Required())
	}
	p.String(&m.server, "server", server, param.T("address of the broker", "服务器地址"), opts...)
	p.Any(&m.version, "protocolVersion", "3.1.1", param.T("MQTT version, 3.1.1 or 3.1", "MQTT 协议版本，3.1.1 或 3.1"), param.Connection())
	p.String(&m.cfg.ClientID, "clientid", "", param.T("client id, by default a random one", "客户端 ID，默认随机生成"), param.Connection())
	p.String(&m.cfg.Username, "username", "", param.T("user name", "用户名"), param.Connection())
	p.String(&m.cfg.Password, "password", "", param.T("password", "密码"), param.Connection(), param.Secret())
	p.String(&m.selector, "connectionSelector", "", param.T("name of a connection to share", "要共享的连接名称"))
	m.cfg.TLS.Params(p)
	p.Check(m.check)
}

// SourceParams declares what only those who subscribe have.
func (m *MQTTParams) SourceParams(p *param.Set) {
	p.Strings(&m.servers, "servers", nil, param.T("addresses of the broker, the first one counts", "服务器地址列表，使用第一个"), param.Connection())
	p.Bool(&m.clean, "cleanSession", true, param.T("false: the broker keeps messages over a break, needs clientid", "false：断线期间由服务器保留消息，需要 clientid"), param.Connection())
	p.Check(func() error { m.cfg.PersistentSession = !m.clean; return nil })
}

func (m *MQTTParams) check() error {
	switch v := fmt.Sprint(m.version); v {
	case "", "4", "3.1.1":
		m.cfg.Version = "3.1.1"
	case "3", "3.1":
		m.cfg.Version = "3.1"
	default:
		return diag.New(diag.Exec, "unsupported protocol version %s", v).WithHint("the supported ones are 3.1.1 and 3.1")
	}
	return nil
}

// Config returns the configuration. Those with a client id or a selector share
// one connection with all who have the same; the others share it under name.
func (m *MQTTParams) Config(name string) MQTTConfig {
	cfg := m.cfg
	cfg.Server = m.server
	if len(m.servers) > 0 && (m.server == "" || m.server == DefaultMQTTServer) {
		cfg.Server = strings.Trim(m.servers[0], "[] ")
	}
	switch {
	case m.selector != "":
		cfg.Name = "connection " + m.selector
	case cfg.ClientID == "":
		cfg.Name = name
	}
	return cfg
}

// DefaultMQTTServer is where sources look for a broker unless told otherwise.
const DefaultMQTTServer = "tcp://127.0.0.1:1883"
