package sinks

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// RetryableError is an error of the far side that may pass: the payload stays
// in the queue and is written again.
type RetryableError struct{ Err error }

// Error implements error.
func (e *RetryableError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RetryableError) Unwrap() error { return e.Err }

// Retryable marks an error as one that may pass; nil stays nil.
func Retryable(err error) error {
	if err == nil {
		return nil
	}
	return &RetryableError{err}
}

// IsRetryable tells whether writing the same payload again may succeed: the
// error was marked by Retryable, or it is one of the network or of time.
func IsRetryable(err error) bool {
	var marked *RetryableError
	var network net.Error
	var own interface{ Retryable() bool }
	switch {
	case errors.As(err, &marked), errors.As(err, &network):
		return true
	case errors.As(err, &own):
		return own.Retryable()
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded)
}

// The pauses between attempts to reach the far side.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// pauses are the growing pauses of one run of failures.
type pauses struct{ next time.Duration }

// draw returns how long to wait now.
func (p *pauses) draw() time.Duration {
	d := max(p.next, firstPause)
	p.next = min(2*d, lastPause)
	return d/2 + rand.N(d)
}

func (p *pauses) reset() { p.next = 0 }
