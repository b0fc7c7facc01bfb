package rtc

// tsns tells new chunks of an association from those that came before, by their
// transmission sequence numbers (RFC 9260, 3.3.1), as far ahead and back as an
// honest peer sends them. Any other counts as new: what it hides is its loss.
type tsns struct {
	begun bool
	last  uint32              // before which none is missing
	ahead map[uint32]struct{} // that came after a missing one
	reach uint32              // how far ahead pion takes one
}

// newTSNs is for an association that holds so many bytes. Pion computes how far
// ahead of what is complete it takes a chunk, and so do we.
func newTSNs(window int) tsns {
	return tsns{reach: uint32(min(max(window*4/500, 2000), 40_000))}
}

// add reports whether tsn is new.
func (s *tsns) add(tsn uint32) bool {
	if !s.begun {
		s.begun, s.last = true, tsn
		return true
	}
	switch d := int32(tsn - s.last); {
	case d == 1:
		s.advance()
		return true
	case d <= 0 && d >= -int32(s.reach):
		return false
	case d < 0 || d > int32(s.reach):
		return true
	}
	if _, again := s.ahead[tsn]; again {
		return false
	}
	if s.ahead == nil {
		s.ahead = make(map[uint32]struct{})
	}
	s.ahead[tsn] = struct{}{}
	return true
}

// advance goes past what is there without a gap.
func (s *tsns) advance() {
	s.last++
	for len(s.ahead) > 0 {
		if _, ok := s.ahead[s.last+1]; !ok {
			return
		}
		s.last++
		delete(s.ahead, s.last)
	}
	s.ahead = nil
}
