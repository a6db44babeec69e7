// Package redis reads from a Redis server: as a lookup table the value stored
// under the join's key, as a stream the messages of channels.
//
//	CREATE TABLE devices (id STRING, name STRING) WITH (TYPE="redis", KIND="lookup", DATASOURCE="0", CONF_KEY="edge")
//	CREATE STREAM news () WITH (TYPE="redisSub", CONF_KEY="edge")
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sources.Register(&sources.Driver{
		Name:     "redis",
		Doc:      param.T("The JSON stored in Redis under the value of the join.", "以连接键的值为键，保存在 Redis 中的 JSON。"),
		NewTable: func() sources.Table { return &Table{} },
	})
	sources.Register(&sources.Driver{
		Name: "redissub",
		Doc:  param.T("Messages published on channels of Redis.", "发布到 Redis 频道的消息。"),
		New:  func() sources.Source { return &subscriber{} },
	})
}

const maxDB = 15

// server is where Redis is.
type server struct {
	addr, username, password string
	secure                   bool
	tls                      conn.TLS
}

func (s *server) params(p *param.Set, addr string, alias param.Opt) {
	p.String(&s.addr, addr, "127.0.0.1:6379", param.T("address of the server, host:port", "服务器地址 host:port"), param.Connection(), alias)
	p.String(&s.username, "username", "", param.T("user", "用户名"), param.Connection())
	p.String(&s.password, "password", "", param.T("password", "密码"), param.Connection(), param.Secret())
	p.Bool(&s.secure, "useTls", false, param.T("connect with TLS", "使用 TLS 连接"), param.Connection())
	s.tls.Params(p)
}

func (s *server) client(db int) (*redis.Client, error) {
	var secure *tls.Config
	if s.secure {
		var err error
		if secure, err = s.tls.Config(); err != nil {
			return nil, err
		}
	}
	return redis.NewClient(&redis.Options{Addr: s.addr, Username: s.username, Password: s.password, DB: db, TLSConfig: secure, ContextTimeoutEnabled: true}), nil
}

// Table is a lookup table. DATASOURCE is the number of the database; the one
// key of the join is the Redis key.
type Table struct {
	server
	dataType string
	client   *redis.Client
}

// Params implements sources.Table.
func (t *Table) Params(p *param.Set) {
	t.params(p, "addr", param.Alias("address"))
	p.String(&t.dataType, "dataType", "string", param.T("what is stored under a key: string, a JSON object, or list, of JSON objects", "键下存储的内容：string 为一个 JSON 对象，list 为多个"), param.OneOf("string", "list"))
}

// Open implements sources.Table.
func (t *Table) Open(_ context.Context, env sources.Env) error {
	db, err := database(env.Datasource)
	if err != nil {
		return err
	}
	t.client, err = t.server.client(db)
	return err
}

func database(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	db, err := strconv.Atoi(text)
	if err != nil || db < 0 || db > maxDB {
		return 0, fmt.Errorf("DATASOURCE %q is not a database of Redis, write a number from 0 to %d", text, maxDB)
	}
	return db, nil
}

var errOneKey = errors.New("redis has one key: join by one equality")

// Lookup implements sources.Table.
func (t *Table) Lookup(ctx context.Context, q sources.Query) ([]value.Value, error) {
	if len(q.Keys) != 1 {
		return nil, errOneKey
	}
	key := q.Values[0].String()
	texts, err := t.texts(ctx, key)
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := make([]value.Value, len(texts))
	for i, text := range texts {
		if found[i], err = value.ParseJSON([]byte(text), value.JSONOptions{}); err != nil || found[i].Kind() != value.Object {
			return nil, fmt.Errorf("what is stored under key %q is no JSON object", key)
		}
	}
	return found, nil
}

func (t *Table) texts(ctx context.Context, key string) ([]string, error) {
	if t.dataType == "list" {
		return t.client.LRange(ctx, key, 0, -1).Result()
	}
	text, err := t.client.Get(ctx, key).Result()
	return []string{text}, err
}

// Close implements sources.Table.
func (t *Table) Close() error { return t.client.Close() }

// subscriber is the stream of messages on channels.
type subscriber struct {
	server
	db       int
	channels []string
}

// Params implements sources.Source.
func (s *subscriber) Params(p *param.Set) {
	s.params(p, "address", param.Alias("addr"))
	p.Int(&s.db, "db", 0, param.T("number of the database", "数据库编号"), param.Min(0), param.Max(maxDB), param.Connection())
	p.Strings(&s.channels, "channels", nil, param.T("channels to subscribe to; without any, DATASOURCE is the channel", "订阅的频道；省略时以 DATASOURCE 为频道"))
}

// Run implements sources.Source.
func (s *subscriber) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	channels := s.channels
	if len(channels) == 0 && env.Datasource != "" {
		channels = []string{env.Datasource}
	}
	if len(channels) == 0 {
		return errors.New("redisSub source: no channel, set channels or DATASOURCE")
	}
	client, err := s.client(s.db)
	if err != nil {
		return err
	}
	defer client.Close()
	sub := client.Subscribe(ctx, channels...)
	defer sub.Close()
	defer context.AfterFunc(ctx, func() { sub.Close() })() // a read does not look at ctx
	for range channels {
		if _, err := sub.Receive(ctx); err != nil {
			return err
		}
	}
	env.Status.Connected()
	for {
		m, err := sub.ReceiveMessage(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := deliver(sources.Message{Payload: []byte(m.Payload), Meta: channel(m.Channel)}); err != nil {
			return err
		}
	}
}

// Ping implements sources.Pinger.
func (s *subscriber) Ping(ctx context.Context, _ sources.Env) error {
	client, err := s.client(s.db)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Ping(ctx).Err()
}

// channel is what is known of a message.
func channel(name string) row.Meta {
	return row.ObjectMeta{Obj: value.OfSorted([]value.Member{{Name: "channel", Val: value.OfString(name)}})}
}
