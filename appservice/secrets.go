package appservice

import (
	"errors"

	bootstrapInterfaces "github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap/interfaces"
)

// secretStore is EdgeX's, in secure mode.
type secretStore struct {
	provider bootstrapInterfaces.SecretProvider
}

var errNotYet = errors.New("the secret store is not there yet")

// secret returns an entry of a secret: of EdgeX's secret store in secure mode,
// else of the folder of secrets or the insecure secrets.
func (s *service) secret(name, key string) (string, error) {
	val, err := s.cfg.Load().Secret(name, key)
	if err == nil || !s.cmd.secure {
		return val, err
	}
	store := s.store.Load()
	if store == nil {
		return "", errNotYet
	}
	found, err := store.provider.GetSecret(name, key)
	if err != nil {
		return "", err
	}
	return found[key], nil
}
