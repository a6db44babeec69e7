package appservice

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	bootstrap "github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap/config"
	"github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap/environment"
	"github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap/flags"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/clients/logger"
)

// command is the command line after EdgeX's own rules: flags, and environment
// variables that replace them.
type command struct {
	dir      string // of configurations
	file     string // configuration.yaml of the profile, or its URL
	common   string // common configuration, if given by -cc
	provider string // host:port of the configuration provider, "" without one
	registry bool
	secure   bool // a secret store is in use

	version, show, demo bool
}

const ownUsage = `    -s/--skipVersionCheck            Indicates the service should skip the Core Service's version compatibility check.
    -sk/--serviceKey                 Overrides the service key, app-sluice
Sluice Options:
    --version                        Print the version and stop
    --show-config                    Print every setting with its value and origin, and stop
    --demo                           The same as SLUICE_DEMO=true: virtual devices, two rules, results on the terminal
`

// readCommand takes our flags out of args, for the SDK stops at flags it does
// not know, and reads the others as the SDK will. It returns what is left.
func readCommand(args []string, getenv func(string) string) (command, []string) {
	var c command
	rest := make([]string, 0, len(args))
	own := map[string]*bool{"version": &c.version, "show-config": &c.show, "demo": &c.demo}
	for _, a := range args {
		if set := own[strings.TrimLeft(a, "-")]; set != nil && strings.HasPrefix(a, "-") {
			*set = true
			continue
		}
		rest = append(rest, a)
	}
	f := flags.NewWithUsage(ownUsage)
	var skip bool
	var key string
	for _, n := range []string{"s", "skipVersionCheck"} {
		f.FlagSet.BoolVar(&skip, n, false, "")
	}
	for _, n := range []string{"sk", "serviceKey"} {
		f.FlagSet.StringVar(&key, n, "", "")
	}
	f.Parse(append([]string(nil), rest...))

	quiet := logger.NewMockClient()
	c.dir = environment.GetConfigDir(quiet, f.ConfigDirectory())
	c.file = bootstrap.GetConfigFileLocation(quiet, f)
	c.common = environment.GetCommonConfigFileName(quiet, f.CommonConfig())
	c.provider = providerAddress(f.ConfigProviderUrl(), getenv("EDGEX_CONFIG_PROVIDER"))
	c.registry = f.UseRegistry()
	if v := getenv("EDGEX_USE_REGISTRY"); v != "" {
		c.registry = v == "true"
	}
	c.secure = getenv("EDGEX_SECURITY_SECRET_STORE") != "false"
	return c, rest
}

// providerAddress returns host:port of consul.http://host:port. The
// environment wins over the flag; "none" turns the provider off.
func providerAddress(flag, env string) string {
	if env == "none" {
		return ""
	}
	if env != "" {
		flag = env
	}
	_, address, ok := strings.Cut(flag, ".")
	if !ok {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = "8500"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// defaultInsecure sets EDGEX_SECURITY_SECRET_STORE to false where nothing of
// EdgeX is around: unset, the SDK takes it for "true" and waits for a token.
func (c *command) defaultInsecure(alone bool) error {
	const name = "EDGEX_SECURITY_SECRET_STORE"
	if _, set := os.LookupEnv(name); set || !alone {
		return nil
	}
	c.secure = false
	if err := os.Setenv(name, "false"); err != nil {
		return fmt.Errorf("environment %s: %w", name, err)
	}
	return nil
}
