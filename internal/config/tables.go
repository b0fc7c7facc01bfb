package config

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// Tables returns the names of the tables that the file at path has.
func Tables(path string) ([]string, error) {
	var all map[string]any
	md, err := toml.DecodeFile(path, &all)
	if err != nil {
		return nil, fmt.Errorf("configuration: %s: %w", path, err)
	}
	var names []string
	for _, key := range md.Keys() {
		if len(key) == 1 {
			names = append(names, key[0])
		}
	}
	return names, nil
}
