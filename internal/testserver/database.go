package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// Postgres starts a PostgreSQL server with a database "plant" of the user
// "plant", password "secret". It does not run as root: then the system's user
// nobody runs it.
func Postgres(t testing.TB) *Server {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Sort(bins)
	names := []string{"postgres"}
	for _, dir := range bins {
		names = append([]string{filepath.Join(dir, "postgres")}, names...)
	}
	bin := find(t, names...)
	dir := openDir(t)
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	init := exec.Command(filepath.Join(filepath.Dir(bin), "initdb"), "-D", data, "-U", "plant", "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "-N")
	init.SysProcAttr, init.Dir = unprivileged(t), dir
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := freePort(t)
	s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), Port: port, t: t, unprivileged: true,
		argv: []string{bin, "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", dir, "-F"}}
	t.Cleanup(s.Stop)
	s.Start()
	return s
}

// MariaDB starts a MariaDB server with a database "plant" of the user "plant",
// password "secret".
func MariaDB(t testing.TB) *Server {
	t.Helper()
	bin := find(t, "mariadbd", "/usr/sbin/mariadbd")
	dir := openDir(t)
	data := filepath.Join(dir, "data")
	install := exec.Command(find(t, "mariadb-install-db"), "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	install.SysProcAttr, install.Dir = unprivileged(t), dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	setup := filepath.Join(dir, "setup.sql")
	text := "CREATE DATABASE IF NOT EXISTS plant;\nCREATE USER IF NOT EXISTS plant@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON plant.* TO plant@'%';\n"
	if err := os.WriteFile(setup, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), Port: port, t: t, unprivileged: true,
		argv: []string{bin, "--no-defaults", "--datadir=" + data, "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--socket=" + filepath.Join(dir, "s"), "--init-file=" + setup, "--skip-name-resolve"}}
	t.Cleanup(s.Stop)
	s.Start()
	return s
}

// openDir returns a folder that the server's user can write.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "db") // short: it is part of a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// unprivileged are the attributes of a process that must not be root's.
func unprivileged(t testing.TB) *syscall.SysProcAttr {
	t.Helper()
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return attr
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr
}
