package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/rtc"
)

const (
	fewFiles   = 1024      // under so many, whatever runs here is short of files
	littleDisk = 1 << 30   // bytes free; a ledger wants some
	noDisk     = 100 << 20 // bytes free; a ledger stops when there are none
)

// here names what is looked at on this machine.
const here = "this machine"

// machine looks at the machine that this runs on, for the roles that are to run
// there.
func machine(ctx context.Context, cfg Config) []Finding {
	found := []Finding{files(cfg)}
	if f, known := buffers(); known {
		found = append(found, f)
	}
	if a := cfg.Archiver; a != nil {
		found = append(found, folder("archiver", a.Data)...)
		addrs, runs := a.PublicAddrs(), func(addr string) bool { return archiverRuns(ctx, *a, addr) }
		found = append(found, listeners("archiver", runs, addrs...)...)
		if addr := a.NodeAddr(); addr != "" {
			found = append(found, listeners("archiver", runs, addr)...)
		}
		if addr := a.ACMEAddr(); addr != "" { // does not say whose it is
			found = append(found, listeners("archiver", func(string) bool { return slices.ContainsFunc(addrs, runs) }, addr)...)
		}
		found = append(found, pages(addrs))
		if a.TLSCert != "" {
			found = append(found, certificateFiles(a.TLSCert, a.TLSKey))
		}
	}
	if n := cfg.Consensor; n != nil {
		found = append(found, folder("consensor", n.Data)...)
		runs := func(string) bool { return consensorRuns(ctx, *n) } // data channels do not say whose they are
		found = append(found, listeners("consensor", runs, n.ListenAddr())...)
		found = append(found, datagrams(cmp.Or(n.UDPListen, n.ListenAddr()), runs))
		if n.TCPListen != "" {
			found = append(found, listeners("consensor", runs, n.TCPListen)...)
		}
	}
	return found
}

func files(cfg Config) Finding {
	f := Finding{Check: "files", Of: here, Status: OK, Found: fmt.Sprintf("%d files and connections may be open at once", cfg.Files)}
	switch {
	case cfg.Files == 0:
		f.Found = "how many files may be open is not known on this system"
	case cfg.WantedFiles > cfg.Files:
		f.Status, f.Remedy = Warn, cfg.FilesRemedy
		f.Found += fmt.Sprintf("; the settings allow for %d", cfg.WantedFiles)
	case cfg.Files < fewFiles:
		f.Status, f.Remedy = Warn, "ulimit -n 65536 before the start; for systemd, LimitNOFILE=65536"
	}
	return f
}

// buffers says how much of a burst of packets can wait in a socket.
func buffers() (Finding, bool) {
	got, asked, enough, err := rtc.SocketBuffers()
	if errors.Is(err, errors.ErrUnsupported) {
		return Finding{}, false
	}
	if err != nil {
		return Finding{"buffers", here, Fail, "no UDP socket: " + err.Error(), "look what forbids it: a sandbox, or too many open files"}, true
	}
	f := Finding{Check: "buffers", Of: here, Status: OK}
	f.Found = fmt.Sprintf("a UDP socket got %d KiB to receive and %d KiB to send, of %d asked for%s", got.Receive>>10, got.Send>>10, asked>>10, kernelLimits())
	if min(got.Receive, got.Send) < enough {
		f.Status, f.Remedy = Warn, "a busy node loses packets; sysctl -w net.core.rmem_max=8388608 net.core.wmem_max=8388608, and the same lines in /etc/sysctl.d/"
	}
	return f, true
}

// kernelLimits are Linux's, where they can be read.
func kernelLimits() string {
	text := ""
	for _, name := range []string{"rmem_max", "wmem_max"} {
		if b, err := os.ReadFile("/proc/sys/net/core/" + name); err == nil {
			text += ", net.core." + name + " " + strings.TrimSpace(string(b))
		}
	}
	return text
}

// folder looks whether a role can write into its data folder, or make it, and
// how much room there is.
func folder(role, dir string) []Finding {
	at := dir
	for { // what is not there yet is made in its parent
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return []Finding{{"data", role, Fail, at + " is no folder", "choose another with --data"}}
		}
		if up := filepath.Dir(at); errors.Is(err, fs.ErrNotExist) && up != at {
			at = up
			continue
		}
		break
	}
	f, err := os.CreateTemp(at, ".doctor-*")
	if err != nil {
		return []Finding{{"data", role, Fail, "cannot write: " + err.Error(), "run as the user who owns the folder, or chown it; under systemd, StateDirectory= or ReadWritePaths="}}
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	if err != nil {
		return []Finding{{"data", role, Fail, err.Error(), "look what is the matter with the disk"}}
	}
	out := []Finding{{"data", role, OK, dir + " can be written", ""}}
	if at != dir {
		out[0].Found = dir + " will be made"
	}
	free, err := freeSpace(at)
	if err != nil {
		return out // a system that does not tell
	}
	room := Finding{Check: "disk", Of: role, Status: OK, Found: fmt.Sprintf("%.1f GiB free for %s", float64(free)/(1<<30), dir)}
	if free < littleDisk {
		room.Status, room.Remedy = Warn, "make room, or put the folder elsewhere: what cannot be written ends a consensor"
	}
	if free < noDisk {
		room.Status = Fail
	}
	return append(out, room)
}

// listeners looks whether addresses can be listened on; runs tells whether the
// role does so already.
func listeners(role string, runs func(addr string) bool, addrs ...string) (found []Finding) {
	for _, addr := range addrs {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close() // nobody came
		}
		found = append(found, listening(role, "TCP "+addr, err != nil && runs(addr), err))
	}
	return found
}

// datagrams looks whether a consensor can have its UDP port.
func datagrams(addr string, runs func(addr string) bool) Finding {
	conn, err := net.ListenPacket("udp", addr)
	if err == nil {
		conn.Close() // nothing came
	}
	return listening("consensor", "UDP "+addr, err != nil && runs(addr), err)
}

// listening says how it went to listen.
func listening(role, addr string, runs bool, err error) Finding {
	f := Finding{Check: "listen", Of: role, Status: OK, Found: addr + " is free"}
	switch {
	case err == nil:
	case runs && (errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, fs.ErrPermission)):
		f.Found = addr + " is in use, and the " + role + " runs"
	case errors.Is(err, syscall.EADDRINUSE):
		f.Status, f.Found = Warn, addr+" is in use"
		f.Remedy = "well if that is the " + role + " itself; else stop the other program, or choose another address (ss -lnptu shows who it is)"
	case errors.Is(err, fs.ErrPermission) && somebodyAt(addr):
		f.Status, f.Found = Warn, addr+" is in use, and this user may not listen there"
		f.Remedy = "well if that is the " + role + " itself: as a service it may"
	case errors.Is(err, fs.ErrPermission):
		f.Status, f.Found = Fail, addr+" may not be listened on by this user"
		f.Remedy = "AmbientCapabilities=CAP_NET_BIND_SERVICE under systemd, or setcap cap_net_bind_service=+ep on the program, or a port from 1024 up"
	default:
		f.Status, f.Found, f.Remedy = Fail, addr+": "+err.Error(), "choose an address that this machine has"
	}
	return f
}

// somebodyAt reports whether TCP connects to an address such as "TCP :443" on
// this machine.
func somebodyAt(addr string) bool {
	at, isTCP := strings.CutPrefix(addr, "TCP ")
	if !isTCP {
		return false
	}
	conn, err := net.DialTimeout("tcp", at, time.Second) // no host is this one
	if err == nil {
		conn.Close() // nothing was sent
	}
	return err == nil
}

// pages looks whether browsers can use any of an archiver's addresses.
func pages(addrs []string) Finding {
	for _, addr := range addrs {
		_, text, _ := net.SplitHostPort(addr)
		if port, err := strconv.Atoi(text); err == nil && config.BrowserSafe(port) {
			return Finding{"browser", "archiver", OK, "browsers may connect to port " + text, ""}
		}
	}
	return Finding{"browser", "archiver", Fail, "browsers refuse to connect to " + strings.Join(addrs, ", "), "add --listen :6080"}
}

// certificateFiles looks at the certificate that an archiver is to serve.
func certificateFiles(cert, key string) Finding {
	f := Finding{Check: "certificate", Of: "archiver", Status: OK}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		f.Status, f.Found, f.Remedy = Fail, err.Error(), "give the PEM files of a certificate and of its own key (docs/tls.md)"
		return f
	}
	left := time.Until(pair.Leaf.NotAfter)
	f.Found = fmt.Sprintf("%s is good for %s more", cert, days(left))
	switch {
	case left <= 0:
		f.Status, f.Found = Fail, fmt.Sprintf("%s ended on %s", cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	case certs.Ends(pair.Leaf, certSoon):
		f.Status = Warn
	}
	if f.Status != OK {
		f.Remedy = "renew it: the archiver takes new files without a restart"
	}
	return f
}

// ownKey returns the public key of the consensor that is to run here, "" if
// there is none yet.
func (p *patient) ownKey() string {
	if p.cfg.Consensor == nil {
		return ""
	}
	key, err := keyOf(*p.cfg.Consensor)
	if err != nil {
		p.say("key", Fail, "run as the user who owns the key, or mend the file", "%v", err)
	}
	return key
}

// keyOf returns the public key of a consensor, "" if there is none yet.
func keyOf(n config.Consensor) (string, error) {
	path := n.Key
	if path == "" {
		path = filepath.Join(n.Data, "consensor-key.json")
	}
	key, err := signing.LoadKey(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && n.Key == "" {
			err = nil // it is made at the first start
		}
		return "", err
	}
	return key.PublicKey(), nil
}
