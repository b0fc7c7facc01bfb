package certs

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	lookEvery  = 2 * time.Second // between two looks at the files
	maxFile    = 1 << 20         // bytes of a certificate or key file
	expirySoon = 72 * time.Hour  // before its end a certificate is warned about
)

// Files is a certificate and its key in two PEM files. Use [OpenFiles], then
// [Files.Run], which follows their changes.
type Files struct {
	log *slog.Logger // fixed

	current atomic.Pointer[tls.Certificate]

	mu                sync.Mutex // held while files are looked at; nobody who connects waits for it
	certPath, keyPath string

	// Guarded by mu.
	seen   [sha256.Size]byte // of the content that current was made of, or that was warned about
	broken [sha256.Size]byte // of content that could not be used at the last look
	warned bool              // about the end of current
}

// OpenFiles reads a certificate, with the chain that leads to it, and its key.
// Errors say which file is to blame, and what would mend it.
func OpenFiles(certPath, keyPath string, log *slog.Logger) (*Files, error) {
	f := &Files{log: log.With("part", "certificate")}
	use, err := f.prepare(certPath, keyPath, "certificate loaded")
	if err != nil {
		return nil, err
	}
	use()
	return f, nil
}

// Prepare reads other files, or the same ones anew, and returns what makes new
// connections be shown what is in them: that cannot fail. Errors are as those of
// [OpenFiles].
func (f *Files) Prepare(certPath, keyPath string) (apply func(), err error) {
	return f.prepare(certPath, keyPath, "certificate reloaded")
}

func (f *Files) prepare(certPath, keyPath, message string) (apply func(), err error) {
	pair, err := read(certPath, keyPath)
	if err != nil {
		return nil, err
	}
	cert, err := pair.parse()
	if err != nil {
		return nil, err
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		same := f.seen == pair.sum() && f.certPath == certPath && f.keyPath == keyPath
		f.certPath, f.keyPath, f.seen = certPath, keyPath, pair.sum()
		if !same {
			f.use(cert, message)
		}
	}, nil
}

// TLS returns the settings of a server that shows the newest certificate.
// Connections that are open keep the one they began with.
func (f *Files) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // WebSockets start from it
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return f.current.Load(), nil
		},
	}
}

// Host returns the name under which a client may come: own if the certificate
// is good for it, or else what the certificate names first.
func (f *Files) Host(own string) string {
	leaf := f.current.Load().Leaf
	if leaf.VerifyHostname(own) == nil {
		return own
	}
	for _, name := range leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	if len(leaf.IPAddresses) > 0 {
		return leaf.IPAddresses[0].String()
	}
	return own
}

// Run looks at the files until ctx ends and takes what is new in them. It
// reads rather than trusts their times, so that links which are pointed
// elsewhere count as well.
func (f *Files) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			f.look()
		}
	}
}

// look takes a new pair. One that cannot be used is warned about at the second
// look: until then it may be a certificate whose key is still being written.
func (f *Files) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checkEnd()
	pair, err := read(f.certPath, f.keyPath)
	sum := pair.sum()
	if err != nil {
		sum = sha256.Sum256([]byte(err.Error()))
	}
	if sum == f.seen {
		return
	}
	var cert *tls.Certificate
	if err == nil {
		cert, err = pair.parse()
	}
	switch {
	case err == nil:
		f.seen = sum
		f.use(cert, "certificate reloaded")
	case sum == f.broken:
		f.seen = sum
		f.log.Warn("new certificate files cannot be used; the old certificate stays", "err", err, "expires", f.current.Load().Leaf.NotAfter)
	default:
		f.broken = sum
	}
}

// use, with mu held, has new connections be shown cert.
func (f *Files) use(cert *tls.Certificate, message string) {
	f.current.Store(cert)
	f.warned = false
	names := cert.Leaf.DNSNames
	for _, ip := range cert.Leaf.IPAddresses {
		names = append(names, ip.String())
	}
	f.log.Info(message, "names", strings.Join(names, ","), "expires", cert.Leaf.NotAfter)
	f.checkEnd()
	if info, err := os.Stat(f.keyPath); err == nil && info.Mode().Perm()&0o004 != 0 {
		f.log.Warn("every user of this machine can read the private key", "file", f.keyPath, "remedy", "chmod o-rwx "+f.keyPath)
	}
}

// checkEnd, with mu held, warns once about a certificate that has ended, or is about to.
func (f *Files) checkEnd() {
	leaf := f.current.Load().Leaf
	if f.warned || !Ends(leaf, expirySoon) {
		return
	}
	f.warned = true
	f.log.Warn("the certificate ends; afterwards clients refuse it", "expires", leaf.NotAfter, "remedy", "put a new one in "+f.certPath+" and "+f.keyPath+": it is taken without a restart")
}

// A pair is the content of both files.
type pair struct {
	certPath, keyPath string
	cert, key         []byte
}

func read(certPath, keyPath string) (pair, error) {
	cert, err := readFile(certPath)
	if err != nil {
		return pair{}, fmt.Errorf("certificate file: %w", err)
	}
	key, err := readFile(keyPath)
	if err != nil {
		return pair{}, fmt.Errorf("private key file: %w", err)
	}
	return pair{certPath, keyPath, cert, key}, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would be waited for, for ever
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes: it is no PEM file", path, maxFile)
	}
	return text, err
}

func (p pair) sum() [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", len(p.cert))
	h.Write(p.cert)
	h.Write(p.key)
	return [sha256.Size]byte(h.Sum(nil))
}

func (p pair) parse() (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w%s", p.certPath, p.keyPath, err, p.remedy())
	}
	return &cert, nil
}

// remedy tells what is wrong with files that crypto/tls cannot use, where that
// can be seen.
func (p pair) remedy() string {
	cert, _ := pem.Decode(p.cert)
	key, _ := pem.Decode(p.key)
	switch {
	case key != nil && (key.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(key.Headers["Proc-Type"], "ENCRYPTED")):
		return " (the key has a passphrase, which nobody could enter at a restart: write it without one, by openssl pkey -in KEY -out NEWKEY)"
	case cert != nil && key != nil && strings.Contains(cert.Type, "PRIVATE KEY") && key.Type == "CERTIFICATE":
		return " (the two files are the wrong way round)"
	case cert == nil || key == nil:
		return " (both must be PEM: text that has -----BEGIN in it)"
	}
	return " (certificate and key must belong together; the server's own certificate comes first in its file)"
}
