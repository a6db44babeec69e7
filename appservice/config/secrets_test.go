package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSecretsComeFromTheFolderAndThenFromTheInsecureOnes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"broker/password": "s3cret\n", "message-bus/username": "gate", "message-bus/password": "hush"} {
		file := filepath.Join(dir, "secrets", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "outside"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "configuration.yaml")
	text := `
Sluice: {SecretsFolder: ` + filepath.Join(dir, "secrets") + `}
MessageBus: {Host: broker, AuthMode: usernamepassword, SecretName: message-bus}
Writable: {InsecureSecrets: {A: {SecretName: broker, SecretData: {password: other, token: t0ken}}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[[2]string]string{
		{"broker", "password"}: "s3cret", {"broker", "token"}: "t0ken", {"broker", "nosuch"}: "", {"nosuch", "x"}: "", {"..", "outside"}: "",
		{"broker", "../../outside"}: "", {"broker/..", "x"}: "", {"", "outside"}: "",
	} {
		got, err := c.Secret(path[0], path[1])
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%v: %q %v", path, got, err)
		}
	}
	optional, _ := c.SourceDefaults("edgex")["optional"].(map[string]any)
	if optional["Username"] != "gate" || optional["Password"] != "hush" {
		t.Errorf("the bus has %v", optional)
	}
}
