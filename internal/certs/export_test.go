package certs

import "time"

// CheckEvery has a look more often whether its certificates are to be renewed.
func CheckEvery(a *ACME, d time.Duration) { a.check = d }
