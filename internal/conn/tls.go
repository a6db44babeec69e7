package conn

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/edgesluice/sluice/sqlfn/param"
)

// TLS is the set of TLS properties that all network sources and sinks share.
// The Raw fields hold PEM text, or PEM text in base64, and win over the files.
type TLS struct {
	CertFile, KeyFile, CAFile string
	CertRaw, KeyRaw, CARaw    string
	Insecure                  bool   // do not verify the server's certificate
	MinVersion                string // tls1.0 tls1.1 tls1.2 tls1.3
	Renegotiation             string // never once freely
}

// Params declares the properties under Kuiper's names.
func (t *TLS) Params(p *param.Set) {
	p.String(&t.CertFile, "certificationPath", "", param.T("file of the client certificate", "客户端证书文件"), param.Connection())
	p.String(&t.KeyFile, "privateKeyPath", "", param.T("file of the client's private key", "客户端私钥文件"), param.Connection())
	p.String(&t.CAFile, "rootCaPath", "", param.T("file of the certificate authority", "CA 证书文件"), param.Connection())
	p.String(&t.CertRaw, "certficationRaw", "", param.T("client certificate, PEM or base64 of it", "客户端证书，PEM 或其 base64"), param.Connection(), param.Alias("certificationRaw"))
	p.String(&t.KeyRaw, "privateKeyRaw", "", param.T("client's private key, PEM or base64 of it", "客户端私钥，PEM 或其 base64"), param.Connection(), param.Secret())
	p.String(&t.CARaw, "rootCARaw", "", param.T("certificate authority, PEM or base64 of it", "CA 证书，PEM 或其 base64"), param.Connection())
	p.Bool(&t.Insecure, "insecureSkipVerify", false, param.T("accept any server certificate", "接受任意服务器证书"), param.Connection())
	p.String(&t.MinVersion, "tlsMinVersion", "", param.T("lowest TLS version to accept", "可接受的最低 TLS 版本"), param.Connection(),
		param.OneOf("", "tls1.0", "tls1.1", "tls1.2", "tls1.3"))
	p.String(&t.Renegotiation, "renegotiationSupport", "", param.T("whether the server may renegotiate", "是否允许服务器重新协商"), param.Connection(),
		param.OneOf("", "never", "once", "freely"))
}

// Config makes the configuration for a client. Errors name the property.
func (t *TLS) Config() (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: t.Insecure, MinVersion: tlsVersion(t.MinVersion)}
	switch t.Renegotiation {
	case "once":
		c.Renegotiation = tls.RenegotiateOnceAsClient
	case "freely":
		c.Renegotiation = tls.RenegotiateFreelyAsClient
	}
	ca, err := pemOf("rootCARaw", t.CARaw, "rootCaPath", t.CAFile)
	if err != nil {
		return nil, err
	}
	if ca != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("rootCaPath or rootCARaw holds no PEM certificate")
		}
	}
	cert, err := pemOf("certficationRaw", t.CertRaw, "certificationPath", t.CertFile)
	if err != nil {
		return nil, err
	}
	key, err := pemOf("privateKeyRaw", t.KeyRaw, "privateKeyPath", t.KeyFile)
	if err != nil {
		return nil, err
	}
	if (cert == nil) != (key == nil) {
		return nil, fmt.Errorf("a client certificate needs both certificationPath and privateKeyPath (or their Raw forms)")
	}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate and private key do not fit: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func tlsVersion(name string) uint16 {
	switch name {
	case "tls1.0":
		return tls.VersionTLS10
	case "tls1.1":
		return tls.VersionTLS11
	case "tls1.3":
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// pemOf returns the PEM text of a raw property or of a file; nil if neither is
// given.
func pemOf(rawName, raw, fileName, file string) ([]byte, error) {
	if raw != "" {
		if block, _ := pem.Decode([]byte(raw)); block != nil {
			return []byte(raw), nil
		}
		b, err := base64.StdEncoding.DecodeString(raw)
		if err != nil {
			return nil, fmt.Errorf("%s is neither PEM nor base64 of PEM", rawName)
		}
		return b, nil
	}
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileName, err)
	}
	return b, nil
}
