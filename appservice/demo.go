package appservice

import "context"

// startDemo starts the demonstration if it is configured.
func (s *service) startDemo(ctx context.Context) error { return nil }
