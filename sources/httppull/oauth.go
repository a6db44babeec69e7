package httppull

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/param"
)

// oauth says how a token is got and renewed. Its members are values for the
// templates of the service: {"Authorization": "Bearer {{.access_token}}"}.
type oauth struct {
	access, refresh grant
	expire          string
}

type grant struct {
	url     string
	body    string
	headers map[string]any
}

// token is the answer of the access or refresh address.
type token struct {
	members map[string]any
	until   int64 // ms; 0: for ever
}

func (o *oauth) bind(props map[string]any) error {
	var access, refresh map[string]any
	p := param.New("oAuth")
	p.Object(&access, "access", nil, param.T("", ""), param.Required())
	p.Object(&refresh, "refresh", nil, param.T("", ""))
	if err := p.Bind(props); err != nil {
		return err
	}
	a := param.New("oAuth access")
	o.access.params(a, param.Required())
	a.String(&o.expire, "expire", "", param.T("", ""))
	if err := a.Bind(access); err != nil {
		return err
	}
	if refresh == nil {
		return nil
	}
	r := param.New("oAuth refresh")
	o.refresh.params(r)
	return r.Bind(refresh)
}

func (g *grant) params(p *param.Set, opts ...param.Opt) {
	p.String(&g.url, "url", "", param.T("", ""), opts...)
	p.String(&g.body, "body", "", param.T("", ""))
	p.Object(&g.headers, "headers", nil, param.T("", ""))
}

// valid returns the members of a token that has not expired.
func (s *service) valid(ctx context.Context, now int64) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.token
	if t.members != nil && (t.until == 0 || now < t.until) {
		return t.members, nil
	}
	if t.members != nil && s.auth.refresh.url != "" {
		if members, err := s.grant(ctx, s.auth.refresh, t.members); err == nil {
			renewed := maps.Clone(t.members) // an answer may leave out what stays
			maps.Copy(renewed, members)
			*t = token{renewed, s.auth.until(renewed, now)}
			return renewed, nil
		}
	}
	members, err := s.grant(ctx, s.auth.access, s.state)
	if err != nil {
		return nil, err
	}
	*t = token{members, s.auth.until(members, now)}
	return members, nil
}

// until is when a token expires: expire is a number of seconds, or a template
// that gives one out of the token. Nine tenths of it are used.
func (o *oauth) until(members map[string]any, now int64) int64 {
	text := o.expire
	if t, err := param.NewTemplate("expire", text); err == nil {
		if text, err = t.Eval(members); err != nil {
			return 0
		}
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || seconds <= 0 {
		return 0
	}
	return now + int64(seconds*900)
}

func (s *service) grant(ctx context.Context, g grant, vars map[string]any) (map[string]any, error) {
	body, err := param.NewTemplate("oAuth body", g.body)
	if err != nil {
		return nil, err
	}
	text, err := body.Eval(vars)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	headers, err := headerTemplates(g.headers)
	if err != nil {
		return nil, err
	}
	for k, t := range headers {
		v, err := t.Eval(vars)
		if err != nil {
			return nil, err
		}
		req.Header.Set(k, v)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", g.url, resp.Status)
	}
	var members map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&members); err != nil {
		return nil, fmt.Errorf("%s: %w", g.url, err)
	}
	return members, nil
}
