package killmatrix

import (
	"fmt"
	"testing"

	"ripstation/internal/seaweedfs"
)

// The second server gives the room of a deleted object back late, so it is
// begun anew now and then: when its first seven volumes of 1 GiB are full, it
// answers 500 until it has made others.
func TestClientKilledOnSeaweedFS(t *testing.T) {
	what := image(t, parts())
	b := open(t, seaweedfs.Start(t), what)
	all := spread(cells(b.requests()), 3)
	b.server.Kill()
	for len(all) > 0 {
		some := all[:min(len(all), 12)]
		all = all[len(some):]
		t.Run(fmt.Sprintf("from request %d", some[0].n), func(t *testing.T) {
			b := open(t, seaweedfs.Start(t), what)
			b.forgets = true // its ListParts tells no checksums
			matrix(t, b, some, func(c cell) int { return b.killClient(c.n, c.at) })
		})
	}
}
