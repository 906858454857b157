package digest

import "slices"

// Adopt takes over the sums of another pass over the same image for jobs of
// the same bytes, so that they need not be read again. It comes before the
// first block. What the other pass has not got to the end of, it does not
// give; jobs that can have no sums here get none.
func (p *Pass) Adopt(o *Pass) {
	adopted := func(s *stream) bool {
		same := o.same[s.jobs[0].key()]
		if same == nil {
			return false
		}
		have := map[Algo][]byte{}
		for _, j := range same.jobs {
			if j.Err == nil {
				for a, sum := range j.Sums {
					have[a] = sum
				}
			}
		}
		for _, j := range s.jobs {
			for _, a := range j.Algos {
				if have[a] == nil {
					return false
				}
			}
		}
		for _, j := range s.jobs {
			j.Sums = map[Algo][]byte{}
			for _, a := range j.Algos {
				j.Sums[a] = have[a]
			}
		}
		return true
	}
	p.waiting = slices.DeleteFunc(p.waiting, adopted)
	p.again = slices.DeleteFunc(p.again, adopted)
}

// Close ends a pass that is not finished: jobs without sums so far have
// ErrClosed.
func (p *Pass) Close() {
	for _, s := range slices.Concat(p.again, p.open, p.waiting) {
		s.close(ErrClosed)
	}
	p.again, p.open, p.waiting = nil, nil, nil
}
