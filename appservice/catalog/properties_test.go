package catalog

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// layered is a source and sink with a property that has another spelling.
type layered struct {
	server, topic string
	qos           int
}

func (l *layered) Params(p *param.Set) {
	p.String(&l.server, "server", "", param.T("", ""), param.Alias("servers"))
	p.String(&l.topic, "topic", "", param.T("", ""))
	p.Int(&l.qos, "qos", 0, param.T("", ""))
}

func (l *layered) Run(ctx context.Context, _ sources.Env, _ func(sources.Message) error) error {
	<-ctx.Done()
	return ctx.Err()
}

type layeredSink struct{ layered }

func (l *layeredSink) Connect(context.Context, sinks.Env) error   { return nil }
func (l *layeredSink) Write(context.Context, sinks.Payload) error { return nil }
func (l *layeredSink) Close() error                               { return nil }

func init() {
	sources.Register(&sources.Driver{Name: "layered", New: func() sources.Source { return &layered{} }})
	sinks.Register(&sinks.Driver{Name: "layered", New: func() sinks.Sink { return &layeredSink{} }})
}

func layeredCatalog(t *testing.T) *Catalog {
	c := open(t, kv.NewMemory(), Config{Defaults: func(string) map[string]any {
		return map[string]any{"server": "default", "qos": 0, "topic": "default"}
	}})
	c.PutConfKey(Sources, "layered", "ck", map[string]any{"Servers": "confkey", "connectionSelector": "con"})
	c.PutConfKey(Sources, "layered", "plain", map[string]any{"qos": 1})
	c.PutConfKey(Conns, "layered", "old", map[string]any{"server": "connection 1.x"})
	c.PutConfKey(Sinks, "layered", "res", map[string]any{"server": "resource", "qos": 2})
	c.CreateConnection(Connection{ID: "con", Type: "layered", Props: map[string]any{"QOS": 2.0}})
	return c
}

func TestLaterLayersOfSourcePropertiesWin(t *testing.T) {
	c := layeredCatalog(t)
	for _, test := range []struct {
		name, with string
		want       map[string]any
	}{
		{"defaults", ``, map[string]any{"server": "default", "qos": 0, "topic": "default"}},
		{"confkey", `, CONF_KEY="plain"`, map[string]any{"server": "default", "qos": 1, "topic": "default"}},
		{"alias_and_connection", `, CONF_KEY="ck"`, map[string]any{"server": "confkey", "qos": 2.0, "topic": "default", "connectionSelector": "con"}},
		{"extra", `, CONF_KEY="ck", EXTRA="{\"TOPIC\":\"extra\",\"qos\":1}"`, map[string]any{"server": "confkey", "qos": 1.0, "topic": "extra", "connectionSelector": "con"}},
		{"selector_in_extra", `, EXTRA="{\"connectionSelector\":\"layered.old\"}"`, map[string]any{"server": "connection 1.x", "qos": 0, "topic": "default", "connectionSelector": "layered.old"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			exec(t, c, `CREATE STREAM `+test.name+` () WITH (TYPE="Layered", DATASOURCE="x"`+test.with+`)`)
			spec, err := c.Source(test.name)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(spec.Props, test.want) {
				t.Errorf("got  %v\nwant %v", spec.Props, test.want)
			}
		})
	}
}

func TestWhatASourceRefersToMustExist(t *testing.T) {
	c := layeredCatalog(t)
	for _, test := range []struct{ with, want string }{
		{`TYPE="layered", CONF_KEY="plane"`, `conf key plane of source layered not found, did you mean "plain"?`},
		{`TYPE="layerd"`, `source layerd is not defined, did you mean "layered"?`},
		{`TYPE="layered", EXTRA="{\"connectionSelector\":\"cons\"}"`, `connection cons not existed, did you mean "con"?`},
	} {
		exec(t, c, `CREATE STREAM x () WITH (`+test.with+`)`)
		if _, err := c.Source("x"); errText(err) != test.want {
			t.Errorf("%s\ngot  %v\nwant %s", test.with, err, test.want)
		}
		exec(t, c, `DROP STREAM x`)
	}
	if _, err := c.Source("nosuch"); !strings.HasPrefix(errText(err), "fail to get stream nosuch, please check if stream is created") {
		t.Errorf("unknown stream: %v", err)
	}
}

func TestSinkPropertiesComeFromResourceAndConnection(t *testing.T) {
	c := layeredCatalog(t)
	props, conn, err := c.SinkProps("LAYERED", map[string]any{"resourceId": "res", "connectionSelector": "con", "topic": "t"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"server": "resource", "qos": 2.0, "topic": "t", "connectionSelector": "con"}
	if conn != "con" || !reflect.DeepEqual(props, want) {
		t.Errorf("got %q %v, want con %v", conn, props, want)
	}
	if _, _, err := c.SinkProps("nosink", nil); errText(err) != "sink nosink is not defined" {
		t.Errorf("unknown sink: %v", err)
	}
}

func TestTheCompilerSeesDeclaredColumns(t *testing.T) {
	c := empty(t)
	exec(t, c, `CREATE STREAM demo (a BIGINT, b FLOAT) WITH (DATASOURCE="x", TIMESTAMP="a", TIMESTAMP_FORMAT="f", STRICT_VALIDATION="true")`)
	exec(t, c, `CREATE TABLE look () WITH (DATASOURCE="x", TYPE="memory", KIND="lookup", KEY="id")`)
	s, err := c.Stream("demo")
	if err != nil {
		t.Fatal(err)
	}
	if s.Table || s.Lookup || !s.Strict || s.Timestamp != "a" || s.TimestampFormat != "f" || s.Schema.Open || !reflect.DeepEqual(s.Schema.Names(), []string{"a", "b"}) {
		t.Errorf("demo is %+v, columns %v", s, s.Schema)
	}
	s, err = c.Stream("look")
	if err != nil || !s.Table || !s.Lookup || !s.Schema.Open {
		t.Errorf("look is %+v, %v", s, err)
	}
}

func TestSecretsAreRevealedToDriversOnly(t *testing.T) {
	c := open(t, kv.NewMemory(), Config{Secret: func(name, key string) (string, error) {
		if name == "b" && key == "p" {
			return "s3cret", nil
		}
		return "", errors.New("it is not there")
	}})
	in := map[string]any{"a": "secret://b/p", "m": map[string]any{"x": []any{"secret://b/p", 7}}, "t": "text"}
	got, err := c.Reveal(in)
	if err != nil || fmt.Sprint(got) != "map[a:s3cret m:map[x:[s3cret 7]] t:text]" || in["a"] != "secret://b/p" {
		t.Errorf("%v %v", got, err)
	}
	for ref, want := range map[string]string{
		"secret://b/q": "property pw: secret b/q: it is not there", "secret://b": "property pw: secret://b is not a secret, write secret://name/key", "secret:///x": "is not a secret",
	} {
		if _, err := c.Reveal(map[string]any{"pw": ref}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, err := empty(t).Reveal(in); err == nil || !strings.Contains(err.Error(), "there are no secrets") {
		t.Error(err)
	}
}
