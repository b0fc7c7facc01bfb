package rtc

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/transport/v2"
)

// interfacesAge is for how long a scan of the network interfaces holds. A scan
// costs some hundred microseconds and garbage; pion makes one per connection.
const interfacesAge = 3 * time.Second

// interfaces is the machine's list of network interfaces, read again when it is
// needed and old.
type interfaces struct {
	scan func() ([]*transport.Interface, error) // fixed

	mu   sync.Mutex
	at   time.Time
	list []*transport.Interface // not changed once published
}

func newInterfaces() *interfaces { return &interfaces{scan: scanInterfaces} }

// all returns the interfaces. The caller must not change them.
func (i *interfaces) all() ([]*transport.Interface, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.list != nil && time.Since(i.at) < interfacesAge {
		return i.list, nil
	}
	list, err := i.scan()
	if err != nil {
		return i.list, err
	}
	i.list, i.at = list, time.Now()
	return list, nil
}

func scanInterfaces() ([]*transport.Interface, error) {
	found, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	list := make([]*transport.Interface, 0, len(found))
	for _, f := range found {
		addrs, err := f.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		ifc := transport.NewInterface(f)
		for _, a := range addrs {
			ifc.AddAddress(a)
		}
		list = append(list, ifc)
	}
	return list, nil
}

// addresses returns the addresses of the interfaces that are up and that wanted
// takes, the loopback interface's only if loopback says so, and none that is
// only good on its own link.
func (i *interfaces) addresses(loopback bool, wanted func(name string, a netip.Addr) bool) ([]netip.Addr, error) {
	list, err := i.all()
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, ifc := range list {
		if ifc.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := ifc.Addrs()
		if err != nil {
			continue // it has none
		}
		for _, text := range addrs {
			ipnet, ok := text.(*net.IPNet)
			if !ok {
				continue
			}
			a, ok := netip.AddrFromSlice(ipnet.IP)
			a = a.Unmap()
			if !ok || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsLoopback() && !loopback || !wanted(ifc.Name, a) {
				continue
			}
			if !slices.Contains(found, a) {
				found = append(found, a)
			}
		}
	}
	return found, nil
}

// has reports whether a is an address of this machine. When in doubt it is.
func (i *interfaces) has(a netip.Addr) bool {
	list, err := i.all()
	if err != nil {
		return true
	}
	for _, ifc := range list {
		addrs, _ := ifc.Addrs() // none is no address
		for _, text := range addrs {
			ipnet, ok := text.(*net.IPNet)
			if !ok {
				continue
			}
			if own, ok := netip.AddrFromSlice(ipnet.IP); ok && own.Unmap() == a.WithZone("") {
				return true
			}
		}
	}
	return false
}
