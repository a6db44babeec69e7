package httppull

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

var contentTypes = map[string]string{
	"none": "", "text": "text/plain", "json": "application/json", "html": "text/html",
	"xml": "application/xml", "javascript": "application/javascript", "form": "application/x-www-form-urlencoded",
}

// service is an HTTP service and how it is called. Templates in url, body and
// headers see the members of the OAuth token, the states, and PullTime and
// LastPullTime in ms.
type service struct {
	url, method, body, bodyType string
	headers                     map[string]any
	responseType                string
	timeout                     time.Duration
	oauth                       map[string]any
	states                      map[string]any
	tls                         conn.TLS

	auth      oauth
	templates struct {
		url, body param.Template
		headers   map[string]*param.Template
	}
	client *http.Client
	clock  clock.Clock

	mu       sync.Mutex
	token    token
	state    map[string]any
	lastPull int64
}

func (s *service) params(p *param.Set) {
	p.String(&s.url, "url", "http://localhost", param.T("address to call; DATASOURCE is appended", "调用的地址，后接 DATASOURCE"), param.Connection())
	p.String(&s.method, "method", "get", param.T("HTTP method", "HTTP 方法"))
	p.String(&s.body, "body", "", param.T("body to send", "发送的请求体"))
	p.String(&s.bodyType, "bodyType", "none", param.T("what the body is: none, text, json, html, xml, javascript, form", "请求体类型"))
	p.Object(&s.headers, "headers", nil, param.T("HTTP headers", "HTTP 头"), param.Connection())
	p.String(&s.responseType, "responseType", "code", param.T("where the answer says that all is well: status code, or member code of a JSON body", "在何处判断应答成功：状态码或 JSON 体的 code"), param.OneOf("code", "body"))
	p.Duration(&s.timeout, "timeout", 5*time.Second, param.T("how long to wait for an answer", "等待应答的时间"), param.Min(1))
	p.Object(&s.oauth, "oAuth", nil, param.T("OAuth: access {url, body, expire} and refresh {url, headers, body}", "OAuth：access {url, body, expire} 与 refresh {url, headers, body}"), param.Alias("oauth"), param.Connection(), param.Secret())
	p.Object(&s.states, "states", nil, param.T("values for templates; a member of the answer with the name of one takes its place", "模板可用的值；应答中同名成员会替换它"))
	s.tls.Params(p)
	s.tls.Insecure = true // as in Kuiper, whose rules talk to gateways with certificates of their own
	p.Check(s.check)
}

func (s *service) check() error {
	s.method = strings.ToUpper(s.method)
	if !slices.Contains([]string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"}, s.method) {
		return fmt.Errorf("Not supported HTTP method %s.", s.method)
	}
	s.bodyType = strings.ToLower(s.bodyType)
	if _, ok := contentTypes[s.bodyType]; !ok {
		return fmt.Errorf("Not valid body type value %s.", s.bodyType)
	}
	if s.oauth != nil {
		if err := s.auth.bind(s.oauth); err != nil {
			return err
		}
	}
	_, err := s.tls.Config()
	return err
}

func (s *service) open(env sources.Env) error {
	var err error
	where := s.url + env.Datasource
	if s.templates.url, err = param.NewTemplate("url", where); err != nil {
		return err
	}
	if u, err := url.Parse(where); s.templates.url.Static() && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("url %q: write http://host/path or https://host/path", where)
	}
	if s.templates.body, err = param.NewTemplate("body", s.body); err != nil {
		return err
	}
	if s.templates.headers, err = headerTemplates(s.headers); err != nil {
		return err
	}
	tls, err := s.tls.Config()
	if err != nil {
		return err
	}
	s.client = &http.Client{Timeout: s.timeout, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tls, TLSHandshakeTimeout: s.timeout,
		DialContext: (&net.Dialer{Timeout: s.timeout}).DialContext, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
	}}
	s.clock, s.state = env.Clock, maps.Clone(s.states)
	return nil
}

func headerTemplates(m map[string]any) (map[string]*param.Template, error) {
	ts := make(map[string]*param.Template, len(m))
	for k, v := range m {
		t, err := param.NewTemplate("headers "+k, fmt.Sprint(v))
		if err != nil {
			return nil, err
		}
		ts[k] = &t
	}
	return ts, nil
}

func (s *service) close() { s.client.CloseIdleConnections() }

// call makes one call and returns the body of a good answer.
func (s *service) call(ctx context.Context) ([]byte, error) { return s.callWith(ctx, nil) }

// callWith is call with more values for the templates.
func (s *service) callWith(ctx context.Context, more map[string]any) ([]byte, error) {
	now := clock.MS(s.clock.Now())
	s.mu.Lock()
	vars := map[string]any{"PullTime": now, "LastPullTime": s.lastPull}
	maps.Copy(vars, s.state)
	s.mu.Unlock()
	maps.Copy(vars, more)
	if s.auth.access.url != "" {
		tok, err := s.valid(ctx, now)
		if err != nil {
			return nil, fmt.Errorf("oAuth: %w", err)
		}
		maps.Copy(vars, tok)
	}
	req, err := s.request(ctx, vars)
	if err != nil {
		return nil, err
	}
	body, err := s.send(req)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastPull = now
	s.remember(body)
	return body, nil
}

func (s *service) request(ctx context.Context, vars map[string]any) (*http.Request, error) {
	where, err := s.templates.url.Eval(vars)
	if err != nil {
		return nil, err
	}
	text, err := s.templates.body.Eval(vars)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if s.bodyType != "none" && text != "" {
		body = strings.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, s.method, where, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentTypes[s.bodyType])
	}
	for k, t := range s.templates.headers {
		v, err := t.Eval(vars)
		if err != nil {
			return nil, err
		}
		req.Header.Set(k, v)
	}
	return req, nil
}

// send returns the body of an answer that says that all is well.
func (s *service) send(req *http.Request) ([]byte, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, fmt.Errorf("http return code: %d", resp.StatusCode)
	}
	if s.responseType != "body" {
		return body, nil
	}
	var said struct{ Code *float64 }
	if err := json.Unmarshal(body, &said); err != nil || said.Code == nil {
		return nil, fmt.Errorf("the answer has no number code")
	}
	if *said.Code < 200 || *said.Code > 299 {
		return nil, fmt.Errorf("http status code %v in the answer", *said.Code)
	}
	return body, nil
}

// remember takes the states out of an answer; s.mu is held.
func (s *service) remember(body []byte) {
	if len(s.state) == 0 {
		return
	}
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	if d.Decode(&members) != nil {
		return
	}
	for name := range s.state {
		if v, ok := members[name]; ok {
			s.state[name] = v
		}
	}
}
