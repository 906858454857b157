package messages

import (
	"go/ast"
	"go/types"
	"slices"
)

// Said is one thing that a screen says under a word: its text and its hint,
// each with gaps.
type Said struct {
	Word, Text, Hint string
	At               string // file:line, for who has to mend it
	Part             bool   // a piece of what is said, not all of it
}

// notices finds what the package's notices say, word by word.
func (f *flow) notices() []Said {
	var out []Said
	for _, name := range f.names() {
		ast.Inspect(f.files[name], func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok {
				out = append(out, f.renamed(a)...)
			}
			lit, ok := n.(*ast.CompositeLit)
			if !ok || !f.isNotice(lit) {
				return true
			}
			word, text, hint := f.fields(lit)
			f.expand(lit, f.bound(word, text, hint), nil, func(b *binding) { out = append(out, f.one(lit, word, text, hint, b)...) })
			return true
		})
	}
	return out
}

// renamed is a notice that another function made and that gets another word, all
// in one statement.
func (f *flow) renamed(a *ast.AssignStmt) []Said {
	var word, text, hint []put
	for i, l := range a.Lhs {
		sel, ok := l.(*ast.SelectorExpr)
		if !ok || len(a.Lhs) != len(a.Rhs) {
			return nil
		}
		if o := f.object(sel.X); o == nil || !isType(o.Type(), "Notice") || f.literal(o) {
			return nil
		}
		switch sel.Sel.Name {
		case "Word":
			word = append(word, put{a.Rhs[i], -1, a})
		case "Text":
			text = append(text, put{a.Rhs[i], -1, a})
		case "Hint":
			hint = append(hint, put{a.Rhs[i], -1, a})
		}
	}
	return f.one(a, word, text, hint, nil)
}

// literal reports whether a variable is set to a literal.
func (f *flow) literal(o types.Object) bool {
	return slices.ContainsFunc(f.puts[o], func(p put) bool {
		_, ok := p.expr.(*ast.CompositeLit)
		return ok
	})
}

// isNotice holds for a notice, and for what a bay shows.
func (f *flow) isNotice(lit *ast.CompositeLit) bool {
	tv, ok := f.info.Types[lit]
	if !ok {
		return false
	}
	return isType(tv.Type, "Notice") || isType(tv.Type, "BayStatus")
}

// fields are what the notice gets: in the literal, and later by its variable.
func (f *flow) fields(lit *ast.CompositeLit) (word, text, hint []put) {
	add := func(name string, p put) {
		switch name {
		case "Word":
			word = append(word, p)
		case "Text":
			text = append(text, p)
		case "Hint":
			hint = append(hint, p)
		}
	}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			add(kv.Key.(*ast.Ident).Name, put{kv.Value, -1, kv})
		}
	}
	a, ok := f.parents[lit].(*ast.AssignStmt)
	if !ok || len(a.Lhs) != 1 {
		return
	}
	into := f.object(a.Lhs[0])
	if sel, ok := a.Lhs[0].(*ast.SelectorExpr); ok && into == nil {
		into = f.object(sel.Sel)
	}
	if into == nil {
		return
	}
	_, body := signature(f.body(lit))
	ast.Inspect(body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, l := range a.Lhs {
			if sel, ok := l.(*ast.SelectorExpr); ok && f.object(sel.X) == into && len(a.Lhs) == len(a.Rhs) {
				add(sel.Sel.Name, put{a.Rhs[i], -1, a})
			}
		}
		return true
	})
	return
}

// bound are the names in what a notice gets whose values a caller may have
// chosen together.
func (f *flow) bound(puts ...[]put) (out []ast.Expr) {
	for _, p := range slices.Concat(puts...) {
		ast.Inspect(p.expr, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			if o, ok := f.object(id).(*types.Var); ok && !o.IsField() && (isType(o.Type(), "Word") || o.Type() == types.Typ[types.String]) {
				out = append(out, id)
			}
			return true
		})
	}
	return out
}

// expand calls each for every way to call the functions that the names are
// parameters of; else once.
func (f *flow) expand(at ast.Node, names []ast.Expr, b *binding, each func(*binding)) {
	for _, e := range names {
		in := b
		for depth := 0; depth < 4; depth++ {
			id, ok := e.(*ast.Ident)
			if !ok {
				break
			}
			o := f.object(id)
			if o == nil {
				break
			}
			fn, i := f.param(o, e)
			if fn == nil {
				break
			}
			for in != nil && in.fn != fn {
				in = in.in
			}
			if in == nil {
				callers := f.callers(fn)
				if len(callers) == 0 {
					break
				}
				for _, c := range callers {
					f.expand(at, names, outer(b, &binding{fn, c, nil}), each)
				}
				return
			}
			if i >= len(in.call.Args) {
				break
			}
			e, in = in.call.Args[i], in.in
		}
	}
	each(b)
}

// outer hangs a call around the calls that are known.
func outer(b, further *binding) *binding {
	if b == nil {
		return further
	}
	return &binding{b.fn, b.call, outer(b.in, further)}
}

// one is what one notice says: each word with the texts and hints that belong
// to it.
func (f *flow) one(lit ast.Node, word, text, hint []put, b *binding) (out []Said) {
	ws, ts, hs := f.gathered(word, b), f.gathered(text, b), f.gathered(hint, b)
	for _, w := range ws {
		if w.part {
			continue
		}
		say := func(text, hint string, part bool) {
			if text, hint = tidy(text), tidy(hint); text != "" || hint != "" || !part {
				out = append(out, Said{Word: w.text, Text: text, Hint: hint, At: f.place(lit), Part: part})
			}
		}
		t, h := together(w, ws, ts), together(w, ws, hs)
		if !slices.ContainsFunc(t, func(t value) bool { return !t.part }) {
			t = append([]value{{}}, t...)
		}
		used := map[string]bool{}
		for _, t := range t {
			hint := fitting(t, h)
			used[hint] = true
			if t.part {
				hint = ""
			}
			say(t.text, hint, t.part)
		}
		for _, h := range h {
			if !used[h.text] {
				say("", h.text, h.part || len(t) > 0)
			}
		}
	}
	return out
}

// fitting is the hint that was set with a text, else the only one that there is.
func fitting(t value, hints []value) string {
	only, more := "", false
	for _, h := range hints {
		switch {
		case h.part:
		case h.from == t.from && !t.part:
			return h.text
		case only == "":
			only = h.text
		case only != h.text:
			more = true
		}
	}
	if more {
		return ""
	}
	return only
}

func (f *flow) gathered(puts []put, b *binding) (out []value) {
	for _, p := range puts {
		got := f.values(p.expr, b, 0)
		for _, v := range got {
			if v.from == nil {
				v.from = f.setIn(p.at)
			}
			v.part = v.part || p.added()
			if v.text != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// setIn is the literal in which a field is set, or the block.
func (f *flow) setIn(n ast.Node) ast.Node {
	if _, ok := n.(*ast.KeyValueExpr); ok {
		return f.parents[n]
	}
	return f.block(n)
}

// together are the texts that belong to a word: those that were set where it
// was, and to the first word, or one that has none of its own, those that were
// set with no word.
func together(w value, words, texts []value) []value {
	own := filter(texts, func(t value) bool { return t.from == w.from })
	if len(own) > 0 && w.text != words[0].text {
		return own
	}
	return filter(texts, func(t value) bool {
		return !slices.ContainsFunc(words, func(o value) bool { return o.text != w.text && o.from == t.from && t.from != nil })
	})
}

func filter(vs []value, keep func(value) bool) (out []value) {
	for _, v := range vs {
		if keep(v) {
			out = append(out, v)
		}
	}
	return out
}
