package nodelist

import "fmt"

// state is what an archiver keeps across restarts.
type state struct {
	// Epoch is the last one published. It grows with every change of the list.
	Epoch uint64 `json:"epoch"`
	// NetworkID is "" until it is known.
	NetworkID string `json:"networkId"`
}

// loadState reads the state file; path "" and a missing file give the zero state.
func loadState(path string) (state, error) {
	var s state
	if path == "" {
		return s, nil
	}
	if err := readJSON(path, &s); err != nil {
		return state{}, fmt.Errorf("nodelist: state: %w; restore the file from a backup, or remove it "+
			"(whoever saw a higher epoch then refuses the list until that is forgotten)", err)
	}
	if s.NetworkID != "" && !IsKey(s.NetworkID) || s.Epoch >= maxSafeInteger {
		return state{}, fmt.Errorf("nodelist: state: %s holds no epoch or networkId that was ever written there", path)
	}
	return s, nil
}

// save puts s on disk.
func (s state) save(path string) error {
	if path == "" {
		return nil
	}
	if err := writeJSON(path, s); err != nil {
		return fmt.Errorf("keep epoch %d: %w", s.Epoch, err)
	}
	return nil
}
