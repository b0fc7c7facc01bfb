package certs

import "time"

// CheckEvery has a look more often whether its certificates are to be renewed.
func CheckEvery(a *ACME, d time.Duration) { a.check = d }

// RenewEarly has a renew its certificates when so large a share of their lives is left.
func RenewEarly(a *ACME, share float64) { a.early = share }
