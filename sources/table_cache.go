package sources

import (
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// cacheProps is the block "lookup" of a lookup table.
type cacheProps struct {
	on      bool
	ttl     time.Duration
	missing bool
	size    int
}

func (c *cacheProps) params(p *param.Set) {
	var seconds float64
	p.Bool(&c.on, "cache", false, param.T("remember answers", "缓存查询结果"))
	p.Float(&seconds, "cacheTtl", 60, param.T("seconds for which an answer is remembered", "缓存有效的秒数"), param.Min(0))
	p.Bool(&c.missing, "cacheMissingKey", true, param.T("also remember that there is no row", "同时缓存未找到的键"))
	p.Int(&c.size, "cacheSize", 10000, param.T("answers that are remembered, the last used ones", "缓存的查询结果数量，保留最近使用的"), param.Min(1))
	p.Check(func() error {
		c.ttl = time.Duration(seconds * float64(time.Second))
		return nil
	})
}

// tableCache remembers the answers of a lookup table for some time.
type tableCache struct {
	cacheProps
	clock        clock.Clock
	hits, misses atomic.Int64

	mu      sync.Mutex
	answers *lru.LRU[string, answer]
}

type answer struct {
	rows  []value.Value
	until int64 // ms
}

func newTableCache(c cacheProps, clk clock.Clock) *tableCache {
	if !c.on || c.ttl == 0 {
		return nil
	}
	answers, err := lru.NewLRU[string, answer](c.size, nil)
	if err != nil {
		panic(err) // the size was checked
	}
	return &tableCache{cacheProps: c, clock: clk, answers: answers}
}

// key tells questions apart.
func (c *tableCache) key(q Query) string {
	var key []byte
	for i, k := range q.Keys {
		key = value.AppendKey(value.AppendKey(key, value.OfString(k)), q.Values[i])
	}
	key = append(key, '|')
	for _, f := range q.Fields {
		key = value.AppendKey(key, value.OfString(f))
	}
	return string(key)
}

func (c *tableCache) find(key string) ([]value.Value, bool) {
	now := clock.MS(c.clock.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers.Get(key)
	if ok && a.until > now {
		c.hits.Add(1)
		return a.rows, true
	}
	c.misses.Add(1)
	return nil, false
}

func (c *tableCache) keep(key string, rows []value.Value) {
	if len(rows) == 0 && !c.missing {
		return
	}
	until := clock.MS(c.clock.Now().Add(c.ttl))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers.Add(key, answer{rows, until})
}

// Cached returns how many questions the cache has answered and how many it
// could not.
func (t *LookupTable) Cached() (hits, misses int64) {
	if t.cache == nil {
		return 0, 0
	}
	return t.cache.hits.Load(), t.cache.misses.Load()
}
