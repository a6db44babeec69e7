// Package rest is the sink that calls an HTTP service with each result.
//
//	{"rest": {"url": "https://host/alarms/{{.device}}", "method": "post", "sendSingle": true,
//	          "headers": {"Authorization": "Bearer {{.token}}"}}}
//
// Answers 2xx mean that the service has the result. After 5xx, 408, 429 and
// errors of the network the result is sent again, other answers refuse it.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "rest",
		Doc:  param.T("Calls an HTTP service with each result.", "用每个结果调用 HTTP 服务。"),
		New:  func() sinks.Sink { return &sink{} },
	})
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

type sink struct {
	url          param.Template
	method       param.Template
	bodyType     string
	headers      map[string]any
	formData     map[string]any
	fileField    string
	timeout      time.Duration
	responseType string
	debug        bool
	tls          conn.TLS

	header  map[string]*param.Template
	form    map[string]*param.Template
	client  *http.Client
	release func()
	env     sinks.Env
}

// Params implements sinks.Sink.
func (s *sink) Params(p *param.Set) {
	p.Template(&s.url, "url", "", param.T("address to call", "调用的地址"), param.Required(), param.Connection())
	p.Template(&s.method, "method", "POST", param.T("HTTP method", "HTTP 方法"))
	p.String(&s.bodyType, "bodyType", "json", param.T("what the body is: none, text, json, html, xml, javascript, form, binary, formdata", "请求体类型"))
	p.Object(&s.headers, "headers", nil, param.T("HTTP headers", "HTTP 头"))
	p.Object(&s.formData, "formData", nil, param.T("further fields of a body of type formdata", "formdata 请求体的其他字段"))
	p.String(&s.fileField, "fileFieldName", "file", param.T("field of the result in a body of type formdata", "formdata 请求体中结果的字段名"))
	p.Duration(&s.timeout, "timeout", 5*time.Second, param.T("how long to wait for the answer", "等待应答的时间"), param.Min(0))
	p.String(&s.responseType, "responseType", "code", param.T("where the answer says that all is well: status code, or member code of a JSON body", "在何处判断应答成功：状态码或 JSON 体的 code"), param.OneOf("code", "body"))
	p.Bool(&s.debug, "debugResp", false, param.T("log the answers", "将应答写入日志"))
	s.tls.Params(p)
	s.tls.Insecure = true // as in Kuiper, whose rules talk to gateways with certificates of their own
	p.Check(s.check)
}

func (s *sink) check() error {
	if s.method.Static() {
		s.method.Text = strings.ToUpper(s.method.Text)
		if !slices.Contains(methods, s.method.Text) {
			return fmt.Errorf("Not supported HTTP method %s.", s.method.Text)
		}
	}
	s.bodyType = strings.ToLower(s.bodyType)
	if _, ok := contentTypes[s.bodyType]; !ok {
		return fmt.Errorf("Invalid body type value %s.", s.bodyType)
	}
	if s.url.Static() {
		if _, err := parseURL(s.url.Text); err != nil {
			return err
		}
	}
	var err error
	if s.header, err = templates("headers", s.headers); err != nil {
		return err
	}
	if s.form, err = templates("formData", s.formData); err != nil {
		return err
	}
	_, err = s.tls.Config()
	return err
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.ParseRequestURI(text)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = fmt.Errorf("url %q: write http://host/path or https://host/path", u.Redacted())
	}
	return u, err
}

func templates(name string, m map[string]any) (map[string]*param.Template, error) {
	ts := make(map[string]*param.Template, len(m))
	for k, v := range m {
		t, err := param.NewTemplate("sink", fmt.Sprint(v))
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, k, err)
		}
		ts[k] = &t
	}
	return ts, nil
}

// Connect implements sinks.Sink. There is nothing to connect before the first
// result.
func (s *sink) Connect(_ context.Context, env sinks.Env) error {
	var err error
	s.env = env
	s.client, s.release, err = clients.open(s.tls)
	return err
}

// Ping implements sinks.Pinger: the host takes connections.
func (s *sink) Ping(ctx context.Context, _ sinks.Env) error {
	if !s.url.Static() {
		return nil
	}
	client, release, err := clients.open(s.tls)
	if err != nil {
		return err
	}
	defer release()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.url.Text, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return brief(err, req)
	}
	return resp.Body.Close()
}

// Close implements sinks.Sink.
func (s *sink) Close() error {
	if s.release != nil {
		s.release()
		s.release = nil
	}
	return nil
}

// Write implements sinks.Sink.
func (s *sink) Write(ctx context.Context, p sinks.Payload) error {
	ctx, cancel := s.limited(ctx)
	defer cancel()
	req, err := s.request(ctx, &p)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return sinks.Retryable(brief(err, req))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return sinks.Retryable(brief(err, req))
	}
	if s.debug {
		s.env.Log.Info("rest sink: answer", "status", resp.StatusCode, "body", string(answer))
	}
	return s.judge(req, resp.StatusCode, answer)
}

func (s *sink) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.timeout)
}

// judge tells whether an answer means that the service has the result.
func (s *sink) judge(req *http.Request, status int, answer []byte) error {
	code := status
	if s.responseType == "body" && status/100 == 2 {
		var body struct{ Code *float64 }
		if err := json.Unmarshal(answer, &body); err != nil || body.Code == nil {
			return fmt.Errorf("rest sink: %s %s answered without a code in its body", req.Method, req.URL.Host)
		}
		code = int(*body.Code)
	}
	if code/100 == 2 {
		return nil
	}
	err := fmt.Errorf("rest sink: %s %s answered %d: %.200s", req.Method, req.URL.Host, code, answer)
	if code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout {
		return sinks.Retryable(err)
	}
	return err
}

// brief takes the URL, which may hold secrets, out of an error.
func brief(err error, req *http.Request) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("rest sink: %s %s: %w", req.Method, req.URL.Host, err)
}

// request makes the request for a payload.
func (s *sink) request(ctx context.Context, p *sinks.Payload) (*http.Request, error) {
	fill := filler(p)
	address, err := fill(&s.url)
	if err != nil {
		return nil, err
	}
	u, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	method, err := fill(&s.method)
	if err != nil {
		return nil, err
	}
	if method = strings.ToUpper(method); !slices.Contains(methods, method) {
		return nil, fmt.Errorf("Not supported HTTP method %s.", method)
	}
	var body []byte
	contentType := ""
	if method != http.MethodGet && method != http.MethodHead && s.bodyType != "none" {
		if body, contentType, err = s.body(p, fill); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for k, t := range s.header {
		v, err := fill(t)
		if err != nil {
			return nil, err
		}
		if http.CanonicalHeaderKey(k) == "Host" {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	return req, nil
}

// filler returns a function that fills in templates from the payload's rows.
func filler(p *sinks.Payload) func(*param.Template) (string, error) {
	var data any
	return func(t *param.Template) (string, error) {
		if t.Static() {
			return t.Text, nil
		}
		if data == nil {
			data = p.Value().Any()
		}
		return t.Eval(data)
	}
}
