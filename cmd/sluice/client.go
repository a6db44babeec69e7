package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// restError is an error answer of the service.
type restError struct {
	Code    int    `json:"error"`
	Message string `json:"message"`
	Detail  string `json:"detail"`
}

func (e *restError) Error() string {
	if e.Detail != "" {
		return strings.TrimRight(e.Message, "\n") + "\n" + e.Detail
	}
	return e.Message
}

// connect says where the command goes, as users of this tool are used to.
func (c *cli) connect() { c.line("Connecting to %s... ", c.address()) }

func (c *cli) address() string {
	s := strings.TrimSuffix(c.server, "/")
	return strings.TrimPrefix(s, "http://")
}

func (c *cli) base() string {
	if strings.HasPrefix(c.server, "https://") {
		return strings.TrimSuffix(c.server, "/")
	}
	return "http://" + c.address()
}

// call asks the service and returns the body of a good answer. body is sent as
// JSON unless it is a string, which is sent as it is.
func (c *cli) call(method, path string, body any) ([]byte, error) {
	resp, err := c.open(context.Background(), method, path, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// open is call for answers that are read as they come.
func (c *cli) open(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var rd io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		rd = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		rd = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base()+path, rd)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("Failed to connect the server, please start the server. (%w)", err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return nil, asError(resp.Status, text)
}

// asError reads an error answer: JSON, or plain text of some paths.
func asError(status string, text []byte) error {
	e := &restError{}
	if json.Unmarshal(text, e) == nil && e.Message != "" {
		return e
	}
	if s := strings.TrimSpace(string(text)); s != "" {
		return &restError{Message: s}
	}
	return errors.New("the server answered " + status)
}

// indented lays JSON out by two blanks; other text stays as it is.
func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, bytes.TrimSpace(text), "", "  ") != nil {
		return strings.TrimRight(string(text), "\n")
	}
	return b.String()
}
