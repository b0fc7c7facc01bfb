package nodelist

import (
	"fmt"
	"time"
)

// state is what an archiver keeps across restarts.
type state struct {
	// Epoch is the last one published. It grows with every change of the list.
	Epoch uint64 `json:"epoch"`
	// NetworkID is "" until it is known.
	NetworkID string `json:"networkId"`
}

// loadState reads the state file; path "" gives the zero state. The epoch is at
// least the time in milliseconds, which no list reaches by its changes, 10 a
// second at most. So whoever starts with a file of a backup, or with the key
// alone, is above all that clients have seen, where their clock goes right.
func loadState(path string, now time.Time) (state, error) {
	var s state
	if path == "" {
		return s, nil
	}
	sweep(path, 0) // the folder is this process's alone
	if err := readJSON(path, &s); err != nil {
		return state{}, fmt.Errorf("nodelist: state: %w; restore the file from a backup, or remove it "+
			"(the network's id is then that of --network-id, or of the node that joins first)", err)
	}
	if s.NetworkID != "" && !IsKey(s.NetworkID) || s.Epoch >= maxSafeInteger {
		return state{}, fmt.Errorf("nodelist: state: %s holds no epoch or networkId that was ever written there", path)
	}
	s.Epoch = max(s.Epoch, uint64(max(now.UnixMilli(), 0)))
	return s, nil
}

// save puts s on disk, if path is not "".
func (s state) save(path string) error {
	if path == "" {
		return nil
	}
	return writeJSON(path, s)
}
