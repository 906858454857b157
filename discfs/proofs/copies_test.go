package proofs

import (
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// ifo is a table file of some sectors that says so.
func ifo(id string, sectors int) string {
	p := make([]byte, sectors*disc.SectorSize)
	copy(p, id)
	putBE32(p[28:], uint32(sectors-1))
	return string(p)
}

func dvd() *testDisc {
	return newDisc(map[string]string{
		"VIDEO_TS/VIDEO_TS.IFO": ifo("DVDVIDEO-VMG", 2), "VIDEO_TS/VIDEO_TS.BUP": ifo("DVDVIDEO-VMG", 2),
		"VIDEO_TS/VTS_01_0.IFO": ifo("DVDVIDEO-VTS", 3), "VIDEO_TS/VTS_01_0.BUP": ifo("DVDVIDEO-VTS", 3),
		"VIDEO_TS/VTS_01_1.VOB": "film",
	})
}

func TestDVDVideo(t *testing.T) {
	cs := dvd().checks(t)
	want(t, cs, dvdCopies, disc.Pass, "2 files equal their copies")
	want(t, cs, dvdTables, disc.Pass, "2 IFO files of 2")
	want(t, cs, audioCopies, disc.NotApplicable)

	at := func(d *testDisc, name string) []byte { return d.image[d.node("VIDEO_TS/" + name).Extents[0].Offset:] }
	d := dvd()
	at(d, "VTS_01_0.BUP")[5000] ^= 1
	cs = d.checks(t)
	want(t, cs, dvdCopies, disc.Failure, "VIDEO_TS/VTS_01_0.IFO and its copy have different bytes")
	want(t, cs, dvdTables, disc.Pass)

	d = dvd()
	at(d, "VIDEO_TS.IFO")[9] = 'X'
	cs = d.checks(t)
	want(t, cs, dvdCopies, disc.Failure, "VIDEO_TS.IFO")
	want(t, cs, dvdTables, disc.Failure, "VIDEO_TS.IFO", "DVDVIDEO-VMG")

	d = dvd()
	putBE32(at(d, "VTS_01_0.IFO")[28:], 3)
	want(t, d.checks(t), dvdTables, disc.Failure, "says that it has 8192 bytes, and has 6144")

	d = dvd()
	d.node("VIDEO_TS/VTS_01_0.BUP").Size--
	want(t, d.checks(t), dvdCopies, disc.Failure, "has 6144 bytes, its copy has 6143")

	d = dvd()
	d.gone = d.node("VIDEO_TS/VTS_01_0.BUP").Extents
	want(t, d.checks(t), dvdCopies, disc.NotRun, "the copy of VIDEO_TS/VTS_01_0.IFO")
	d.gone = d.node("VIDEO_TS/VTS_01_0.IFO").Extents
	want(t, d.checks(t), dvdTables, disc.NotRun, "VTS_01_0.IFO")

	remove := func(d *testDisc, name string) {
		dir := d.node("VIDEO_TS")
		for i, c := range dir.Children {
			if c.Name == name {
				dir.Children = append(dir.Children[:i], dir.Children[i+1:]...)
				return
			}
		}
	}
	d = dvd()
	remove(d, "VTS_01_0.BUP")
	want(t, d.checks(t), dvdCopies, disc.Warning, "VTS_01_0.IFO has no second copy")
	d = dvd()
	remove(d, "VTS_01_0.IFO")
	want(t, d.checks(t), dvdCopies, disc.Failure, "VTS_01_0.BUP is there, but no IFO")
	d.node("VIDEO_TS").Err = tree.ErrAbsent
	want(t, d.checks(t), dvdCopies, disc.NotRun, "VIDEO_TS")
}

func TestDVDAudio(t *testing.T) {
	d := newDisc(map[string]string{"AUDIO_TS/AUDIO_TS.IFO": "DVDAUDIO-AMG", "AUDIO_TS/AUDIO_TS.BUP": "DVDAUDIO-AMG"})
	want(t, d.checks(t), audioCopies, disc.Pass, "1 file equals its copy")
	d.image[d.node("AUDIO_TS/AUDIO_TS.IFO").Extents[0].Offset] ^= 1
	cs := d.checks(t)
	want(t, cs, audioCopies, disc.Failure, "AUDIO_TS/AUDIO_TS.IFO")
	want(t, cs, dvdCopies, disc.NotApplicable)
}

func TestBluRay(t *testing.T) {
	files := map[string]string{"BDMV/STREAM/00001.m2ts": "film"}
	for _, f := range []string{"index.bdmv", "MovieObject.bdmv", "PLAYLIST/00001.mpls", "CLIPINF/00001.clpi", "BDJO/00000.bdjo"} {
		files["BDMV/"+f], files["BDMV/BACKUP/"+f] = f, f
	}
	d := newDisc(files)
	want(t, d.checks(t), bdCopies, disc.Pass, "5 files equal their copies")
	for f := range files {
		if strings.Contains(f, "BACKUP") {
			at := d.node(f).Extents[0].Offset
			d.image[at] ^= 1
			want(t, d.checks(t), bdCopies, disc.Failure, strings.Replace(f, "BACKUP/", "", 1))
			d.image[at] ^= 1
		}
	}
	d.node("BDMV/BACKUP/PLAYLIST").Children = nil
	want(t, d.checks(t), bdCopies, disc.Warning, "BDMV/PLAYLIST/00001.mpls has no second copy")
	d.node("BDMV/BACKUP/PLAYLIST").Err = tree.ErrAbsent
	want(t, d.checks(t), bdCopies, disc.NotRun, "BDMV/BACKUP/PLAYLIST")
}
