package station

// MakeRoom is what a bay does whose disc finds no room in the spool.
func (s *Station) MakeRoom() bool { return s.makeRoom() }
