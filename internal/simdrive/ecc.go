package simdrive

// The error detection and correction codes of CD-ROM sectors (ECMA-130,
// clauses 14.3 and 14.5, annex A).

// edcTable has the EDC of every byte: the polynomial
// (x^16+x^15+x^2+1)(x^16+x^2+x+1), least significant bit first.
var edcTable = func() (t [256]uint32) {
	for i := range t {
		v := uint32(i)
		for range 8 {
			if v&1 != 0 {
				v = v>>1 ^ 0xD8018001
			} else {
				v >>= 1
			}
		}
		t[i] = v
	}
	return t
}()

func edc(b []byte) uint32 {
	v := uint32(0)
	for _, c := range b {
		v = v>>8 ^ edcTable[byte(v)^c]
	}
	return v
}

// gfDouble is multiplication by alpha in GF(2^8) modulo x^8+x^4+x^3+x^2+1.
func gfDouble(v byte) byte {
	if v&0x80 != 0 {
		return v<<1 ^ 0x1D
	}
	return v << 1
}

// gfThird has, for v, the w with alpha*w + w = v: division by alpha+1.
var gfThird = func() (t [256]byte) {
	for w := range t {
		t[gfDouble(byte(w))^byte(w)] = byte(w)
	}
	return t
}()

// addParity fills in the P parity (172 bytes from 2064) and then the Q parity
// (104 bytes from 2236) of a sector without its sync field: b has 2340 bytes,
// header first. The bytes are two interleaved planes; the code words of P run
// down the columns of 43 words, those of Q along diagonals.
func addParity(b []byte) {
	const pAt, qAt, qSpan = 2064, 2236, 2236
	for plane := range 2 {
		for col := range 43 {
			at := plane + 2*col
			word := func(i int) byte { return b[at+86*i] }
			p0, p1 := parity(24, word)
			b[pAt+2*col+plane] = p0
			b[pAt+86+2*col+plane] = p1
		}
	}
	for plane := range 2 {
		for diag := range 26 {
			word := func(i int) byte { return b[(86*diag+88*i)%qSpan+plane] }
			q0, q1 := parity(43, word)
			b[qAt+2*diag+plane] = q0
			b[qAt+52+2*diag+plane] = q1
		}
	}
}

// parity is the two check bytes behind n data bytes of a Reed-Solomon code
// word with the zeros 1 and alpha: the sum of all bytes is 0, and so is their
// sum weighted with falling powers of alpha, the last byte's being 1.
func parity(n int, data func(int) byte) (c0, c1 byte) {
	var sum, weighted byte
	for i := range n {
		v := data(i)
		sum ^= v
		weighted = gfDouble(weighted ^ v)
	}
	// weighted is the sum of v_i alpha^(n-i); behind two more places it must
	// be met by c0 alpha + c1, where c0 + c1 = sum.
	weighted = gfDouble(weighted)
	c0 = gfThird[weighted^sum]
	return c0, c0 ^ sum
}
