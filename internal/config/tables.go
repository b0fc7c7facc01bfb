package config

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// Tables returns the names of the tables that the file at path has.
func Tables(path string) ([]string, error) {
	text, err := Text(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	names, err := TablesOf(text)
	if err != nil {
		return nil, fmt.Errorf("configuration: %s: %w", path, err)
	}
	return names, nil
}

// Text returns what the file at path holds now.
func Text(path string) ([]byte, error) { return read(path) }

// TablesOf returns the names of the tables that a file's text has.
func TablesOf(text []byte) ([]string, error) {
	var all map[string]any
	md, err := toml.Decode(string(text), &all)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, key := range md.Keys() {
		if len(key) == 1 {
			names = append(names, key[0])
		}
	}
	return names, nil
}
