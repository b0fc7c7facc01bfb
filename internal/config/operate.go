package config

import (
	"fmt"
	"slices"
	"strings"
)

// LogLevels are the values of log_level.
var LogLevels = []string{"debug", "info", "warn", "error"}

// validateOperate checks what is for those who run a server.
func validateOperate(c *checks, ops, level string) {
	if ops != "" {
		c.add("ops", listenAddr(ops))
	}
	if level != "" && !slices.Contains(LogLevels, strings.ToLower(level)) {
		c.add("log-level", fmt.Errorf("%.40q is none of %s", level, strings.Join(LogLevels, ", ")))
	}
}
