package signaling

import "container/list"

// fading are the sessions that have no id, in the order in which they lost it or
// were refused it. Their sockets are open still, so that the peer can read why.
type fading struct{ byAge list.List } // of *session

func (f *fading) add(s *session) {
	if s.fadingAt == nil {
		s.fadingAt = f.byAge.PushBack(s)
	}
}

func (f *fading) remove(s *session) {
	if s.fadingAt != nil {
		f.byAge.Remove(s.fadingAt)
		s.fadingAt = nil
	}
}

// oldest returns the first of them, nil if there is none.
func (f *fading) oldest() *session {
	e := f.byAge.Front()
	if e == nil {
		return nil
	}
	return e.Value.(*session)
}
