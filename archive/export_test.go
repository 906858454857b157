package archive

// Held is how many bytes a ReaderAt keeps.
func Held(r *ReaderAt) (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.used.Front(); e != nil; e = e.Next() {
		n += int64(len(e.Value.(*stretch).data))
	}
	return n
}
