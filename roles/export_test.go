package roles

import "time"

// SetStartTime shortens how long n tries to reach its first archiver.
func SetStartTime(n *Consensor, d time.Duration) { n.startTime = d }

// NewVerifier returns what clients check identities with.
func NewVerifier() identityVerifier { return identityVerifier{} }

// NextLead is nextLead.
var NextLead = nextLead
