package discfs_test

import "testing"

func BenchmarkExamine(b *testing.B) {
	for _, s := range samples(b) {
		b.Run(s.name, func(b *testing.B) {
			m := &mutated{s.bytes, map[int64][]byte{}}
			for b.Loop() {
				examine(b, m, int64(len(m.base)), nil, 1<<10, true)
			}
		})
	}
}
