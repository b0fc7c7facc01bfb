package roles

import (
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/telemetry"
)

// terms tells of the certificate that a role shows; nil: it shows none.
type terms interface{ Term() certs.Term }

// certificateGroup tells how long it is good. Of a role that shows none it has no
// samples.
func certificateGroup(c terms) telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			one(telemetry.Gauge, "certificate_left_seconds", "For how long the certificate that ends first is good; under 0 it has ended. Only with TLS."),
			one(telemetry.Gauge, "certificate_life_seconds", "For how long that one is good in all; 0: there is none yet."),
		},
		Read: func(s *telemetry.Samples) {
			if c == nil {
				return
			}
			left, t := time.Duration(0), c.Term()
			if !t.To.IsZero() {
				left = time.Until(t.To)
			}
			s.Set("certificate_left_seconds", left.Seconds())
			s.Set("certificate_life_seconds", t.Life().Seconds())
		},
	}
}

// certificateChecks say whether clients accept it, as far as its dates go.
func certificateChecks(c terms) []telemetry.Check {
	if c == nil {
		return nil
	}
	var err error
	switch t := c.Term(); {
	case t.To.IsZero():
		err = errors.New("there is no certificate for " + t.Of + " yet: see the log")
	case time.Now().After(t.To):
		err = fmt.Errorf("the certificate of %s ended on %s", t.Of, t.To.UTC().Format(time.DateTime))
	case time.Now().Before(t.From):
		err = fmt.Errorf("the certificate of %s begins on %s: is this machine's clock right?", t.Of, t.From.UTC().Format(time.DateTime))
	}
	return []telemetry.Check{check("certificate", err)}
}

// certificateFacts are what the page says of it.
func certificateFacts(c terms) []telemetry.Fact {
	if c == nil || c.Term().To.IsZero() {
		return nil
	}
	t := c.Term()
	return []telemetry.Fact{{Name: "certificate", Value: t.Of + ", good until " + t.To.UTC().Format(time.DateTime) + " UTC"}}
}
