package telemetry

import (
	"fmt"
	"strconv"
	"strings"
)

// amount writes a number of a budget for people.
func amount(v float64, bytes bool) string {
	if !bytes {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if v < 1024 {
			return fmt.Sprintf("%.4g %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.4g GiB", v)
}

// share is how much of a budget is used, in percent.
func share(b Budget) int {
	if b.Limit <= 0 {
		return 0
	}
	return int(min(100, 100*b.Used/b.Limit))
}

// percent is a part of 1 in percent.
func percent(part float64) int { return int(100 * part) }

// words writes the name of something counted for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
