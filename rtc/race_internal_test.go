//go:build race

package rtc

// raceEnabled: the race detector empties pools at random.
const raceEnabled = true
