//go:build !linux

package rtc

func refuseSegments(sender) {}
